//! What a client gets that is denied.
//!
//! In: a refusal. Out: status, headers and body.
//! It must not know: tokens, keys, rules.

pub(crate) mod config;
pub(crate) mod denial;
#[cfg(feature = "http")]
mod http;
