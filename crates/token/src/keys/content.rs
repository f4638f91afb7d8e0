//! The keys and rules that a source has at the moment, and how old they are.

use alloc::vec::Vec;

use crate::{
    keys::{bundle::Bundle, key_set::KeySet},
    time::UnixTime,
};

/// What was accepted last.
#[derive(Debug)]
pub(crate) enum Content {
    Nothing,
    Set { keys: KeySet, fetch: Fetch },
    Bundle { bundle: Bundle, fetch: Fetch },
}

/// The fetch that content came from.
#[derive(Debug, Default)]
pub(crate) struct Fetch {
    /// When it began, in seconds since 1970.
    pub(crate) at: u64,
    /// Milliseconds that the server says the answer may be used.
    pub(crate) lifetime: Option<u64>,
    /// What was fetched.
    pub(crate) text: Vec<u8>,
}

impl Content {
    /// The keys in it.
    pub(crate) const fn keys(&self) -> Option<&KeySet> {
        match self {
            Self::Nothing => None,
            Self::Set { keys, .. } => Some(keys),
            Self::Bundle { bundle, .. } => Some(&bundle.keys),
        }
    }

    /// Milliseconds for which it may be used: what is signed comes before what a cache says.
    pub(crate) fn lifetime(&self) -> Option<u64> {
        match self {
            Self::Nothing => None,
            Self::Set { fetch, .. } => fetch.lifetime,
            Self::Bundle { bundle, fetch } => bundle.ttl.map(|ttl| ttl.saturating_mul(1000)).or(fetch.lifetime),
        }
    }

    /// When the fetch began that it came from, in seconds since 1970.
    pub(crate) const fn fetched_at(&self) -> Option<u64> {
        match self {
            Self::Nothing => None,
            Self::Set { fetch, .. } | Self::Bundle { fetch, .. } => Some(fetch.at),
        }
    }

    /// Whether it is too old to let anybody pass: `stale_for` and `skew` are seconds.
    pub(crate) fn is_stale(&self, now: UnixTime, stale_for: Option<u64>, skew: u64) -> bool {
        let now = now.as_secs();
        let over = |since: u64| stale_for.is_some_and(|stale_for| now >= since.saturating_add(stale_for));
        match self {
            Self::Nothing => true,
            Self::Set { fetch, .. } => over(fetch.at),
            // Measured from the signed time, never from the last answer; a clock put back proves nothing either.
            Self::Bundle { bundle, .. } => {
                now >= bundle.expires_at || over(bundle.issued_at) || bundle.issued_at > now.saturating_add(skew)
            }
        }
    }
}
