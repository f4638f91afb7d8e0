//! Which unknown keys are known to be absent, and which may have been published since the last document.

use alloc::{string::String, vec::Vec};

/// Key ids that are kept of each kind; of a flood, the newest.
const MAX_IDS: usize = 128;

/// The unknown key ids of the tokens that came, for one source.
///
/// A document that was asked for after a token came, and does not have its key, settles that the key is absent. Before that
/// nobody knows: an issuer may have published it a moment ago.
#[derive(Debug, Default)]
pub(crate) struct AbsentKeys {
    /// No document has been asked for since they came.
    asked: Vec<Asked>,
    /// A document is on its way that was asked for after they came.
    awaited: Vec<Asked>,
    absent: Vec<String>,
}

#[derive(Debug)]
struct Asked {
    id: String,
    /// Seconds since 1970.
    since: u64,
}

impl AbsentKeys {
    /// Whether the last document settles that there is no such key; if not, the next one will.
    pub(crate) fn is_absent(&mut self, id: &str, now: u64) -> bool {
        if self.absent.iter().any(|absent| absent == id) {
            return true;
        }
        if !self.asked.iter().chain(&self.awaited).any(|asked| asked.id == id) {
            push(&mut self.asked, Asked { id: id.into(), since: now });
        }
        false
    }

    /// A document is asked for.
    pub(crate) fn ask(&mut self) {
        for asked in self.asked.drain(..) {
            push(&mut self.awaited, asked);
        }
    }

    /// It has not come.
    pub(crate) fn fail(&mut self) {
        let later = core::mem::take(&mut self.asked);
        for asked in self.awaited.drain(..).chain(later) {
            push(&mut self.asked, asked);
        }
    }

    /// It has come, and what is still unknown is absent, as are the keys that only the document before it had.
    pub(crate) fn settle(&mut self, former: Vec<String>, has: impl Fn(&str) -> bool) {
        let awaited = self.awaited.drain(..).map(|asked| asked.id);
        for id in awaited.chain(former) {
            if !self.absent.contains(&id) {
                push(&mut self.absent, id);
            }
        }
        self.absent.retain(|id| !has(id));
    }

    /// Another has asked for a document at this time, in seconds since 1970, and this is the one.
    pub(crate) fn settle_as_of(&mut self, time: u64, former: Vec<String>, has: impl Fn(&str) -> bool) {
        for asked in self.asked.extract_if(.., |asked| asked.since < time) {
            push(&mut self.awaited, asked);
        }
        self.settle(former, has);
    }
}

/// Adds at the end; where there is no room, the oldest goes.
fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() >= MAX_IDS {
        list.remove(0);
    }
    list.push(item);
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec, vec::Vec};

    use super::{AbsentKeys, MAX_IDS};

    #[test]
    fn a_key_is_absent_once_a_document_that_was_asked_for_later_does_not_have_it() {
        let mut keys = AbsentKeys::default();
        assert!(!keys.is_absent("a", 1));
        keys.ask();
        assert!(!keys.is_absent("b", 2));
        keys.settle(Vec::new(), |_| false);
        assert!(keys.is_absent("a", 3) && !keys.is_absent("b", 3));
        keys.ask();
        keys.fail();
        assert!(!keys.is_absent("b", 4));
        keys.ask();
        keys.settle(Vec::new(), |id| id == "b");
        // Known for as long as the document has it, and gone with the first that does not.
        keys.settle(vec!["b".into()], |_| false);
        assert!(keys.is_absent("a", 5) && keys.is_absent("b", 5));
    }

    #[test]
    fn a_document_of_another_settles_what_was_asked_before_it() {
        let mut keys = AbsentKeys::default();
        assert!(!keys.is_absent("before", 9) && !keys.is_absent("then", 10));
        keys.settle_as_of(10, Vec::new(), |_| false);
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
            assert!(keys.awaited.len() <= MAX_IDS);
            keys.fail();
            keys.ask();
            keys.settle(Vec::new(), |_| false);
            assert!(keys.absent.len() <= MAX_IDS && keys.asked.is_empty() && keys.awaited.is_empty());
        }
    }
}
