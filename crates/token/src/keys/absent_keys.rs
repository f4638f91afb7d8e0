//! Which unknown keys are known to be absent, and which may have been published since the last document.

use alloc::{string::String, vec::Vec};

use crate::keys::key_set::KeySet;

/// Key ids that are kept; of a flood, the newest.
const MAX_IDS: usize = 256;

/// The unknown key ids of the tokens that came, for one source, the oldest first.
///
/// A document that was asked for after a token came, and does not have its key, settles that the key is absent. Before that
/// nobody knows: an issuer may have published it a moment ago.
#[derive(Debug, Default)]
pub(crate) struct AbsentKeys(Vec<Unknown>);

#[derive(Debug)]
struct Unknown {
    id: String,
    state: State,
    /// When a token with it came first, in seconds since 1970.
    since: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No document has been asked for since.
    Asked,
    /// A document is on its way that was asked for later.
    Awaited,
    Absent,
}

impl AbsentKeys {
    /// Whether the last document settles that there is no such key; if not, the next one will.
    pub(crate) fn is_absent(&mut self, id: &str, now: u64) -> bool {
        match self.0.iter().find(|unknown| unknown.id == id) {
            Some(unknown) => unknown.state == State::Absent,
            None => {
                self.push(id, State::Asked, now);
                false
            }
        }
    }

    /// A document is asked for.
    pub(crate) fn ask(&mut self) {
        self.change(State::Asked, State::Awaited, u64::MAX);
    }

    /// It has not come.
    pub(crate) fn fail(&mut self) {
        self.change(State::Awaited, State::Asked, u64::MAX);
    }

    /// It has come, and what is still unknown is absent, as are the keys that only the document before it had.
    pub(crate) fn settle(&mut self, former: &[String], keys: Option<&KeySet>) {
        self.change(State::Awaited, State::Absent, u64::MAX);
        for id in former {
            self.0.retain(|unknown| unknown.id != *id);
            self.push(id, State::Absent, 0);
        }
        self.0.retain(|unknown| keys.is_none_or(|keys| keys.named(&unknown.id).is_none()));
    }

    /// Another has asked for a document at this time, in seconds since 1970, and this is the one.
    pub(crate) fn settle_as_of(&mut self, time: u64, former: &[String], keys: Option<&KeySet>) {
        self.change(State::Asked, State::Awaited, time);
        self.settle(former, keys);
    }

    fn change(&mut self, from: State, to: State, before: u64) {
        for unknown in self.0.iter_mut().filter(|unknown| unknown.state == from && unknown.since < before) {
            unknown.state = to;
        }
    }

    /// Adds at the end; where there is no room, the oldest goes.
    fn push(&mut self, id: &str, state: State, since: u64) {
        if self.0.len() >= MAX_IDS {
            self.0.remove(0);
        }
        self.0.push(Unknown { id: id.into(), state, since });
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String};

    use datakit_token_encoding::json::Json;

    use super::{AbsentKeys, MAX_IDS};
    use crate::keys::key_set::KeySet;

    fn set(id: &str) -> KeySet {
        let jwk = format!(
            r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"{id}","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","for_tests":true}}]}}"#
        );
        KeySet::read(Json::parse(jwk.as_bytes()).unwrap().value()).unwrap().0
    }

    #[test]
    fn a_key_is_absent_once_a_document_that_was_asked_for_later_does_not_have_it() {
        let mut keys = AbsentKeys::default();
        assert!(!keys.is_absent("a", 1));
        keys.ask();
        assert!(!keys.is_absent("b", 2));
        keys.settle(&[], None);
        assert!(keys.is_absent("a", 3) && !keys.is_absent("b", 3));
        keys.ask();
        keys.fail();
        assert!(!keys.is_absent("b", 4));
        keys.ask();
        keys.settle(&[], Some(&set("b")));
        // Known for as long as the document has it, and gone with the first that does not.
        keys.settle(&[String::from("b")], None);
        assert!(keys.is_absent("a", 5) && keys.is_absent("b", 5));
    }

    #[test]
    fn a_document_of_another_settles_what_was_asked_before_it() {
        let mut keys = AbsentKeys::default();
        assert!(!keys.is_absent("before", 9) && !keys.is_absent("then", 10));
        keys.settle_as_of(10, &[], Some(&set("another")));
        assert!(keys.is_absent("before", 11) && !keys.is_absent("then", 11));
    }

    #[test]
    fn a_flood_is_bounded() {
        let mut keys = AbsentKeys::default();
        for round in 0..3 {
            for number in 0..MAX_IDS * 2 {
                assert!(!keys.is_absent(&format!("{round}-{number}"), 1));
            }
            keys.ask();
            keys.settle(&[], None);
            assert_eq!(keys.0.len(), MAX_IDS);
            assert!(keys.is_absent(&format!("{round}-{}", MAX_IDS * 2 - 1), 1));
        }
    }
}
