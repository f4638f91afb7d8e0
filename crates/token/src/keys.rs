//! Whose signature counts, and until when.
//!
//! In: a key id, the time, answers of key servers. Out: a key, or when to ask for one; which tokens are revoked.
//! It must not know: requests, who may do what, how answers are fetched.

pub(crate) mod absent_keys;
pub(crate) mod bundle;
pub(crate) mod config;
pub(crate) mod content;
pub(crate) mod key_set;
pub(crate) mod published_keys;
pub(crate) mod remote;
pub(crate) mod revocation;
pub(crate) mod schedule;
pub(crate) mod source;
pub(crate) mod source_error;
pub(crate) mod unknown_keys;
