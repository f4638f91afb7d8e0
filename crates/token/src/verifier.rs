//! All rooms in their order: a document becomes a verifier, a token becomes valid, a request becomes a decision.
//!
//! In: a configuration; then tokens and requests, and the time of each. Out: decisions.
//! It must not know: clocks, networks, the host that it runs in.

pub(crate) mod accepted;
pub(crate) mod build;
pub(crate) mod cache;
pub(crate) mod chains;
pub(crate) mod decision;
pub(crate) mod document;
pub(crate) mod grant;
pub(crate) mod hint;
pub(crate) mod memory;
pub(crate) mod preset;
pub(crate) mod provider;
pub(crate) mod provider_config;
pub(crate) mod report;
#[cfg(test)]
mod schema;
pub(crate) mod sealed_tokens;
pub(crate) mod token_verifier;
pub(crate) mod verifier;
