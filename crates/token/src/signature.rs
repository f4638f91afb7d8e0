//! Whether Ed25519 signed these bytes.
//!
//! In: a public key, the bytes that were signed, a signature. Out: yes or no, strictly and fast.
//! It must not know: tokens, key sets, time.

pub(crate) mod comb;
pub(crate) mod ed25519;
pub(crate) mod tables;
