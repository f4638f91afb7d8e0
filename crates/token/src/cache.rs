//! Verified tokens, so that the next request with the same token costs no signature.
//!
//! Only good tokens are kept, each under its whole text, and a hit counts only inside the time for which the token, its
//! key and the revocation rules give this very answer, and only while its keys and rules are the same. Everything else
//! goes the long way, so that a verdict and its reason never depend on the cache.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use crate::{claims::Valid, numeric_date::UnixTime};

/// Bytes that all entries may take, roughly.
const MAX_BYTES: usize = 4 << 20;
/// A longer token is hardly sent often, and takes the place of many.
const MAX_TOKEN: usize = 4096;

/// A bounded set of verified tokens; of those not asked for lately the oldest goes first.
#[derive(Default)]
pub(crate) struct Cache {
    capacity: usize,
    bytes: usize,
    entries: BTreeMap<Tail, Entry>,
    /// In the order of arrival, or of the second chance.
    queue: VecDeque<Tail>,
}

/// The last characters of a token: a part of its signature, which is as good as random.
type Tail = u128;

struct Entry {
    token: Box<[u8]>,
    valid: Rc<Valid>,
    /// [`crate::KeySource::changes`] of the provider when the token was verified.
    changes: u64,
    /// Since the queue came by.
    used: bool,
}

impl Cache {
    /// For so many tokens; 0 keeps none.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, ..Self::default() }
    }

    /// The token, if it was good and still is; `changes` gives the state of a provider's keys and rules.
    pub(crate) fn get(&mut self, token: &[u8], now: UnixTime, changes: impl Fn(usize) -> u64) -> Option<&Rc<Valid>> {
        if self.capacity == 0 {
            return None;
        }
        let entry = self.entries.get_mut(&tail(token)?)?;
        let same = *entry.token == *token && entry.changes == changes(entry.valid.provider());
        if !same || !entry.valid.window().contains(now.as_secs()) {
            return None;
        }
        entry.used = true;
        Some(&entry.valid)
    }

    /// Keeps a token that has just been verified.
    pub(crate) fn insert(&mut self, token: &[u8], valid: &Rc<Valid>, changes: u64) {
        let Some(tail) = tail(token) else { return };
        if self.capacity == 0 || token.len() > MAX_TOKEN {
            return;
        }
        let entry = Entry { token: token.into(), valid: Rc::clone(valid), changes, used: false };
        self.bytes = self.bytes.saturating_add(entry.weight());
        match self.entries.insert(tail, entry) {
            // Keys or rules have changed since, or the time was another one.
            Some(old) => self.bytes = self.bytes.saturating_sub(old.weight()),
            None => self.queue.push_back(tail),
        }
        while self.entries.len() > self.capacity || self.bytes > MAX_BYTES {
            let Some(oldest) = self.queue.pop_front() else { return };
            match self.entries.get_mut(&oldest) {
                Some(entry) if entry.used => {
                    entry.used = false;
                    self.queue.push_back(oldest);
                }
                _ => {
                    let removed = self.entries.remove(&oldest);
                    self.bytes = self.bytes.saturating_sub(removed.map_or(0, |entry| entry.weight()));
                }
            }
        }
    }
}

impl Entry {
    /// The text, and about three times as much for what was read from it.
    fn weight(&self) -> usize {
        self.token.len().saturating_mul(4).saturating_add(512)
    }
}

fn tail(token: &[u8]) -> Option<Tail> {
    token.last_chunk().copied().map(Tail::from_le_bytes)
}
