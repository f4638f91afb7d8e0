//! What all VMs know of a source, as the bytes that they share.

use datakit_token::{FetchRequest, KeySource};

/// A lease ends this many seconds after the timeout of its fetch, in case its holder has gone.
const MARGIN: u64 = 2;

/// What all VMs know of a source. Times are seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SourceStatus {
    /// Grows each time it is written.
    pub(super) number: u64,
    /// Of the document; 0 if there is none yet.
    pub(super) version: u64,
    /// Bytes of the document.
    pub(super) size: u64,
    /// Nobody else fetches before this.
    pub(super) lease: u64,
    pub(super) attempted: u64,
    /// Failed attempts in a row.
    pub(super) failures: u64,
}

impl SourceStatus {
    /// Bytes.
    pub(super) const SIZE: usize = 48;

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.as_chunks::<8>();
        let ([number, version, size, lease, attempted, failures], []) = (numbers, rest) else { return None };
        Some(Self {
            number: u64::from_le_bytes(*number),
            version: u64::from_le_bytes(*version),
            size: u64::from_le_bytes(*size),
            lease: u64::from_le_bytes(*lease),
            attempted: u64::from_le_bytes(*attempted),
            failures: u64::from_le_bytes(*failures),
        })
    }

    pub(super) fn write(self) -> Vec<u8> {
        let numbers = [self.number, self.version, self.size, self.lease, self.attempted, self.failures];
        numbers.into_iter().flat_map(u64::to_le_bytes).collect()
    }

    /// A lease longer than any is from before the clock was put back.
    pub(super) fn is_leased(&self, source: &KeySource, now: u64) -> bool {
        now < self.lease && self.lease <= now.saturating_add(longest_lease(source))
    }
}

/// Seconds from the beginning of a fetch until another may begin.
pub(super) fn longest_lease(source: &KeySource) -> u64 {
    source.request().map_or(0, FetchRequest::timeout).div_ceil(1000).saturating_add(MARGIN)
}
