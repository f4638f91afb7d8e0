//! The unknown key ids that one worker has met.

use alloc::{string::String, vec::Vec};

/// Key ids that are kept; of a flood, the newest.
const MAX_IDS: usize = 256;

/// The unknown key ids of the tokens for one source, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct UnknownKeys(Vec<Unknown>);

#[derive(Debug)]
struct Unknown {
    id: String,
    met: Met,
}

/// When a token with an unknown key came first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Met {
    /// Documents that had been asked for by then.
    pub(crate) asked: u64,
    /// In seconds since 1970.
    pub(crate) since: u64,
}

impl UnknownKeys {
    /// When this key id was met first: now, if it is not known here. Where there is no room, the oldest goes.
    pub(crate) fn meet(&mut self, id: &str, now: u64, asked: u64) -> Met {
        if let Some(unknown) = self.0.iter().find(|unknown| unknown.id == id) {
            return unknown.met;
        }
        if self.0.len() >= MAX_IDS {
            self.0.remove(0);
        }
        let met = Met { asked, since: now };
        self.0.push(Unknown { id: id.into(), met });
        met
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::{MAX_IDS, UnknownKeys};

    #[test]
    fn a_flood_is_bounded_and_the_newest_stay() {
        let mut unknown = UnknownKeys::default();
        for number in 0..MAX_IDS * 2 {
            assert_eq!(unknown.meet(&format!("{number}"), 1, 7).asked, 7);
        }
        assert_eq!(unknown.0.len(), MAX_IDS);
        assert_eq!(unknown.meet(&format!("{}", MAX_IDS * 2 - 1), 2, 8).asked, 7);
        assert_eq!(unknown.meet("0", 2, 8).asked, 8);
    }
}
