//! Sorting in little code.

use alloc::{collections::BinaryHeap, vec::Vec};

/// Sorts with a heap: as quick as others within a small factor, also on what was made to be slow, in a tenth of the
/// code.
#[must_use]
pub fn sort<T: Ord>(values: Vec<T>) -> Vec<T> {
    BinaryHeap::from(values).into_sorted_vec()
}
