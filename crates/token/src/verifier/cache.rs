//! Verified tokens, so that the next request with the same token costs no signature.
//!
//! Only good tokens are kept, each under its whole text, and a hit counts only inside the time for which the token, its
//! key and the revocation rules give this very answer, and only while its keys and rules are the same. Everything else
//! goes the long way, so that a verdict and its reason never depend on the cache.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use core::mem::replace;

use crate::{
    shared::Shared,
    time::{UnixTime, ValidityPeriod},
    token::valid::Valid,
    verifier::{
        accepted::Accepted,
        chains::{Chains, Link, Linked, Tail},
    },
};

/// Bytes that all entries may take, roughly.
const MAX_BYTES: usize = 4 << 20;
/// What an entry takes besides its text, roughly.
const OVERHEAD: usize = 512;
/// A longer token is hardly sent often, and takes the place of many.
const MAX_TOKEN: usize = 4096;

/// A bounded set of verified tokens; of those not asked for lately the oldest goes first.
pub(crate) struct Cache {
    capacity: usize,
    bytes: usize,
    entries: Chains<Entry>,
    /// Entries in the order of arrival, or of the second chance.
    queue: VecDeque<u32>,
    /// `None` if nobody asks.
    serials: Option<Serials>,
}

/// The numbers of kept tokens, for a host that has something of its own for each of them.
#[derive(Default)]
struct Serials {
    last: u32,
    /// Those of tokens that are not kept any more, until the host takes them.
    dropped: Vec<u32>,
}

struct Entry {
    tail: Tail,
    token: Box<[u8]>,
    accepted: Accepted,
    /// That of the token, here so that a look-up need not follow the pointer.
    window: ValidityPeriod,
    provider: usize,
    /// [`crate::KeySource::changes`] of the provider when the token was verified.
    changes: u64,
    /// Whether the token was asked for since the queue last passed it.
    used: bool,
    /// The next one of the chain.
    next: Link,
}

impl Cache {
    /// For so many tokens; 0 keeps none.
    pub(crate) fn new(capacity: usize) -> Self {
        // More than these do not fit into the bytes.
        let entries = Chains::new(capacity.min(MAX_BYTES / OVERHEAD));
        Self { capacity, bytes: 0, entries, queue: VecDeque::new(), serials: None }
    }

    /// The number of the token's entry, if it was good and still is; `changes` gives the state of a provider's keys and
    /// rules.
    pub(crate) fn find_current(&mut self, token: &[u8], now: UnixTime, changes: impl Fn(usize) -> u64) -> Option<u32> {
        let number = self.entries.find(tail(token)?)?;
        let entry = self.entries.get_mut(number)?;
        let same = is_same(&entry.token, token) && entry.changes == changes(entry.provider);
        if !same || !entry.window.contains(now.as_secs()) {
            return None;
        }
        entry.used = true;
        Some(number)
    }

    /// The token of an entry.
    pub(crate) fn accepted_mut(&mut self, number: u32) -> Option<&mut Accepted> {
        self.entries.get_mut(number).map(|entry| &mut entry.accepted)
    }

    /// How many tokens are kept.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Keeps nothing any more.
    pub(crate) fn clear(&mut self) {
        while let Some(oldest) = self.queue.pop_front() {
            self.remove(oldest);
        }
    }

    /// From now on each kept token has a serial number, and [`Cache::take_dropped`] says which are not kept any more.
    pub(crate) fn number(&mut self) {
        self.serials.get_or_insert_default();
    }

    /// The serial number of a token that was kept and is not any more, each once.
    pub(crate) fn take_dropped(&mut self) -> Option<u32> {
        self.serials.as_mut()?.dropped.pop()
    }

    /// Keeps a token that has just been verified.
    ///
    /// # Errors
    /// The token, if it is not kept.
    pub(crate) fn insert(&mut self, token: &[u8], mut valid: Valid, changes: u64) -> Result<&mut Accepted, Accepted> {
        let fits = self.capacity > 0 && token.len() <= MAX_TOKEN;
        let Some(tail) = tail(token).filter(|_| fits) else { return Err(Accepted::new(Shared::new(valid))) };
        let known = self.entries.find(tail);
        if known.is_none() && !self.entries.has_room(tail) {
            return Err(Accepted::new(Shared::new(valid)));
        }
        if let Some(serials) = &mut self.serials
            && let Some(next) = serials.last.checked_add(1)
        {
            serials.last = next;
            valid.set_serial(next);
        }
        let (window, provider) = (valid.window(), valid.provider());
        let accepted = Accepted::new(Shared::new(valid));
        let rest = accepted.clone();
        let entry = Entry { tail, token: token.into(), accepted, window, provider, changes, used: false, next: None };
        self.bytes = self.bytes.saturating_add(entry.weight());
        let number = match known {
            // Keys or rules have changed since, or the time was another one.
            Some(number) => {
                if let Some(known) = self.entries.get_mut(number) {
                    let next = known.next;
                    let old = replace(known, Entry { next, ..entry });
                    self.forget(&old);
                }
                Some(number)
            }
            None => {
                let number = self.entries.add(entry);
                self.queue.extend(number);
                number
            }
        };
        while self.queue.len() > self.capacity || self.bytes > MAX_BYTES {
            let Some(oldest) = self.queue.pop_front() else { break };
            match self.entries.get_mut(oldest) {
                Some(entry) if entry.used => {
                    entry.used = false;
                    self.queue.push_back(oldest);
                }
                _ => self.remove(oldest),
            }
        }
        // Where all others have been asked for lately, it is the newest that goes.
        number.and_then(|number| self.accepted_mut(number)).ok_or(rest)
    }

    fn remove(&mut self, number: u32) {
        if let Some(removed) = self.entries.remove(number) {
            self.forget(&removed);
        }
    }

    fn forget(&mut self, entry: &Entry) {
        self.bytes = self.bytes.saturating_sub(entry.weight());
        if let (Some(serials), Some(serial)) = (&mut self.serials, entry.accepted.valid.serial()) {
            serials.dropped.push(serial);
        }
    }
}

impl Linked for Entry {
    fn tail(&self) -> Tail {
        self.tail
    }

    fn next(&self) -> Link {
        self.next
    }

    fn set_next(&mut self, next: Link) {
        self.next = next;
    }
}

impl Entry {
    /// The text, and about four times the payload for what was read from it; that of an encrypted token is the part
    /// that was inside.
    fn weight(&self) -> usize {
        let read = self.accepted.valid.claims().as_signed_json().len().saturating_mul(4);
        self.token.len().saturating_add(read).saturating_add(OVERHEAD)
    }
}

/// Eight bytes at a time: WebAssembly has no other comparison of memory than byte by byte.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let ((one, one_rest), (other, other_rest)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| word(one) == word(other))
        && one_rest == other_rest
}

fn tail(token: &[u8]) -> Option<Tail> {
    token.last_chunk().copied().map(Tail::from_le_bytes)
}
