//! What goes on after a request is allowed: without the token, with the claims and the secret that the upstream gets.
//!
//! In: a request, where its token is, a valid token. Out: edits.
//! It must not know: why the request is allowed.

pub(crate) mod claim_header;
pub(crate) mod config;
pub(crate) mod editor;
#[cfg(feature = "http")]
pub(crate) mod http;
pub(crate) mod provider_edits;
pub(crate) mod token_forwarding;
