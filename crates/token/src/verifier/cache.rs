//! Verified tokens, so that the next request with the same token costs no signature.
//!
//! Only good tokens are kept, each under its whole text, and a hit counts only inside the time for which the token, its
//! key and the revocation rules give this very answer, and only while its keys and rules are the same. Everything else
//! goes the long way, so that a verdict and its reason never depend on the cache.

use alloc::{boxed::Box, collections::VecDeque, vec, vec::Vec};
use core::mem::replace;

use crate::{
    shared::Shared,
    time::{UnixTime, ValidityPeriod},
    token::valid::Valid,
    verifier::accepted::Accepted,
};

/// Bytes that all entries may take, roughly.
const MAX_BYTES: usize = 4 << 20;
/// What an entry takes besides its text, roughly.
const OVERHEAD: usize = 512;
/// A longer token is hardly sent often, and takes the place of many.
const MAX_TOKEN: usize = 4096;

/// A bounded set of verified tokens; of those not asked for lately the oldest goes first.
#[derive(Default)]
pub(crate) struct Cache {
    capacity: usize,
    bytes: usize,
    /// The first entry of each chain; a power of two of them. A look-up touches one, and seldom more than one entry.
    chains: Vec<Link>,
    entries: Vec<Option<Entry>>,
    /// Numbers of `entries` that nothing is in.
    free: Vec<u32>,
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

/// The number of an entry.
type Link = Option<u32>;

/// The last characters of a token: a part of its signature, which is as good as random.
type Tail = u128;

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
        let chains = capacity.min(MAX_BYTES / OVERHEAD).checked_next_power_of_two().unwrap_or(1);
        Self { capacity, chains: vec![None; if capacity == 0 { 0 } else { chains }], ..Self::default() }
    }

    /// The number of the token's entry, if it was good and still is; `changes` gives the state of a provider's keys and rules.
    pub(crate) fn find_current(&mut self, token: &[u8], now: UnixTime, changes: impl Fn(usize) -> u64) -> Option<u32> {
        let number = self.find(tail(token)?)?;
        let entry = self.entry_mut(number)?;
        let same = is_same(&entry.token, token) && entry.changes == changes(entry.provider);
        if !same || !entry.window.contains(now.as_secs()) {
            return None;
        }
        entry.used = true;
        Some(number)
    }

    /// The token of an entry.
    pub(crate) fn accepted_mut(&mut self, number: u32) -> Option<&mut Accepted> {
        self.entry_mut(number).map(|entry| &mut entry.accepted)
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
        let number = match self.find(tail) {
            // Keys or rules have changed since, or the time was another one.
            Some(number) => {
                if let Some(known) = self.entry_mut(number) {
                    let next = known.next;
                    let old = replace(known, Entry { next, ..entry });
                    self.forget(&old);
                }
                Some(number)
            }
            None => self.add(entry),
        };
        while self.queue.len() > self.capacity || self.bytes > MAX_BYTES {
            let Some(oldest) = self.queue.pop_front() else { break };
            match self.entry_mut(oldest) {
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

    fn find(&self, tail: Tail) -> Link {
        let mut link = *self.chains.get(self.chain(tail)?)?;
        while let Some(number) = link {
            let entry = self.entry(number)?;
            if entry.tail == tail {
                return link;
            }
            link = entry.next;
        }
        None
    }

    fn add(&mut self, mut entry: Entry) -> Link {
        let reused = self.free.pop();
        let number = reused.or_else(|| u32::try_from(self.entries.len()).ok())?;
        let first = self.chain(entry.tail).and_then(|chain| self.chains.get_mut(chain))?;
        entry.next = first.replace(number);
        match usize::try_from(number).ok().and_then(|place| self.entries.get_mut(place)) {
            Some(place) => *place = Some(entry),
            None => self.entries.push(Some(entry)),
        }
        self.queue.push_back(number);
        Some(number)
    }

    fn remove(&mut self, number: u32) {
        let place = usize::try_from(number).ok().and_then(|place| self.entries.get_mut(place));
        let Some(removed) = place.and_then(Option::take) else { return };
        self.forget(&removed);
        self.free.push(number);
        // Whatever led to it leads on.
        let Some(chain) = self.chain(removed.tail) else { return };
        let Some(first) = self.chains.get_mut(chain) else { return };
        if *first == Some(number) {
            *first = removed.next;
            return;
        }
        let mut link = *first;
        while let Some(entry) = link.and_then(|number| self.entry_mut(number)) {
            if entry.next == Some(number) {
                entry.next = removed.next;
                return;
            }
            link = entry.next;
        }
    }

    fn forget(&mut self, entry: &Entry) {
        self.bytes = self.bytes.saturating_sub(entry.weight());
        if let (Some(serials), Some(serial)) = (&mut self.serials, entry.accepted.valid.serial()) {
            serials.dropped.push(serial);
        }
    }

    fn entry(&self, number: u32) -> Option<&Entry> {
        self.entries.get(usize::try_from(number).ok()?)?.as_ref()
    }

    fn entry_mut(&mut self, number: u32) -> Option<&mut Entry> {
        self.entries.get_mut(usize::try_from(number).ok()?)?.as_mut()
    }

    /// The chain for a tail; `None` if nothing is kept.
    fn chain(&self, tail: Tail) -> Option<usize> {
        // Base64url: bits that never change stand at the same places of every byte. Multiplying mixes them upwards.
        let [low, high] = [tail, tail >> 64].map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0));
        let mixed = (low ^ high.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mask = self.chains.len().checked_sub(1)?;
        usize::try_from(mixed >> 40).ok().map(|mixed| mixed & mask)
    }
}

impl Entry {
    /// The text, and about three times as much for what was read from it.
    fn weight(&self) -> usize {
        self.token.len().saturating_mul(4).saturating_add(OVERHEAD)
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

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::{Cache, tail};

    /// The last characters of signatures: 16 of base64url, of which the last one has only four values.
    #[test]
    fn tails_spread_over_the_chains() {
        let cache = Cache::new(1024);
        let mut lengths = vec![0_u32; cache.chains.len()];
        let mut random = 88_172_645_463_325_252_u64;
        let mut next = |below: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random >> 20).unwrap() % below
        };
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for _ in 0..1024 {
            let mut token = [0; 16];
            token.fill_with(|| alphabet[next(64)]);
            token[15] = b"AQgw"[next(4)];
            lengths[cache.chain(tail(&token).unwrap()).unwrap()] += 1;
        }
        // Balls and bins: seven in one, and a third of them empty, is what chance makes of it.
        assert!(lengths.iter().all(|length| *length <= 8), "{:?}", lengths.iter().max());
        assert!(lengths.iter().filter(|length| **length == 0).count() < 450);
    }
}
