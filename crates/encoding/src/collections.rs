//! Collections that take little code: in a WebAssembly module each type of the standard library's has a copy for every
//! use.

mod sort;
mod sorted_map;

pub use self::{sort::sort, sorted_map::SortedMap};
