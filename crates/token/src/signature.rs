//! Whether Ed25519 signed these bytes.
//!
//! In: a public key, the bytes that were signed, a signature. Out: yes or no, strictly and fast.
//! It must not know: tokens, key sets, time.

pub(crate) mod ed25519;
pub(crate) mod fixed_base_table;
pub(crate) mod precomputed_keys;
