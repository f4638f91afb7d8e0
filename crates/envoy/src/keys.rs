//! Keys for all workers: who fetches them, and how what was fetched gets to the others.
//!
//! In: the verifier's sources, answers of servers, the host's shared data. Out: sources that have their keys.
//! It must not know: requests, what an answer is worth.

pub(crate) mod fetcher;
pub(crate) mod mac;
mod shared_source;
mod source_status;
