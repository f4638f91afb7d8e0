//! Which unknown keys are known to be absent, and which may have been published since the last document.

use alloc::{string::String, vec::Vec};

use crate::keys::{key_set::KeySet, unknown_keys::Met};

/// Key ids of earlier documents that are kept, the newest.
const MAX_FORMER: usize = 256;

/// What the documents of one source settle about keys that the last one does not have.
///
/// A document that was asked for after a token came, and does not have its key, settles that the key is absent. Before
/// that nobody knows: an issuer may have published it a moment ago.
#[derive(Debug, Default)]
pub(crate) struct AbsentKeys {
    /// Documents that were asked for so far.
    asked: u64,
    /// The number among them of the last one that came.
    came: u64,
    /// When others have asked for a document that came, in seconds since 1970.
    others_asked: u64,
    /// What earlier documents had and the last one has not, the oldest first.
    former: Vec<String>,
}

impl AbsentKeys {
    /// Documents that were asked for so far.
    pub(crate) const fn asked(&self) -> u64 {
        self.asked
    }

    /// A document is asked for.
    pub(crate) const fn ask(&mut self) {
        self.asked = self.asked.saturating_add(1);
    }

    /// It has come.
    pub(crate) const fn settle(&mut self) {
        self.came = self.asked;
    }

    /// Another has asked for a document at this time, in seconds since 1970, and it has come.
    pub(crate) fn settle_as_of(&mut self, time: u64) {
        self.others_asked = self.others_asked.max(time);
    }

    /// These keys make room for those of a document that has come.
    pub(crate) fn replace(&mut self, former: &KeySet, keys: Option<&KeySet>) {
        for id in former.ids() {
            self.former.retain(|other| other != id);
            self.former.push(id.into());
        }
        self.former.retain(|id| keys.is_none_or(|keys| keys.named(id).is_none()));
        let surplus = self.former.len().saturating_sub(MAX_FORMER);
        self.former.drain(..surplus);
    }

    /// Whether an earlier document had this key, and the last one has not.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.former.iter().any(|former| former == id)
    }

    /// Whether a document has come that was asked for after a token with an unknown key.
    pub(crate) const fn settles(&self, met: Met) -> bool {
        met.asked < self.came || met.since < self.others_asked
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use datakit_token_encoding::json::Json;

    use super::{AbsentKeys, MAX_FORMER};
    use crate::keys::{key_set::KeySet, unknown_keys::UnknownKeys};

    fn set(id: &str) -> KeySet {
        let jwk = format!(
            r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"{id}","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","for_tests":true}}]}}"#
        );
        KeySet::read(Json::parse(jwk.as_bytes()).unwrap().value()).unwrap().0
    }

    #[test]
    fn a_key_is_absent_once_a_document_that_was_asked_for_later_does_not_have_it() {
        let (mut keys, mut unknown) = (AbsentKeys::default(), UnknownKeys::default());
        let mut is_absent = |keys: &AbsentKeys, id: &str| keys.settles(unknown.meet(id, 1, keys.asked()));
        assert!(!is_absent(&keys, "a"));
        keys.ask();
        assert!(!is_absent(&keys, "b"));
        keys.settle();
        assert!(is_absent(&keys, "a") && !is_absent(&keys, "b"));
        // One that does not come settles nothing.
        keys.ask();
        assert!(!is_absent(&keys, "b"));
        keys.ask();
        keys.settle();
        assert!(is_absent(&keys, "a") && is_absent(&keys, "b"));
    }

    #[test]
    fn a_key_is_gone_with_the_first_document_that_does_not_have_it() {
        let mut keys = AbsentKeys::default();
        keys.replace(&set("a"), Some(&set("b")));
        assert!(keys.has("a") && !keys.has("b"));
        keys.replace(&set("b"), Some(&set("a")));
        assert!(!keys.has("a") && keys.has("b"));
        for number in 0..MAX_FORMER * 2 {
            keys.replace(&set(&format!("{number}")), None);
        }
        assert!(keys.former.len() == MAX_FORMER && !keys.has("b") && keys.has(&format!("{}", MAX_FORMER * 2 - 1)));
    }

    #[test]
    fn a_document_of_another_settles_what_was_asked_before_it() {
        let (mut keys, mut unknown) = (AbsentKeys::default(), UnknownKeys::default());
        let (before, then) = (unknown.meet("before", 9, 0), unknown.meet("then", 10, 0));
        keys.settle_as_of(10);
        assert!(keys.settles(before) && !keys.settles(then));
    }
}
