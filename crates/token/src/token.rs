//! From a text to a token that is valid: RFC 7515 and RFC 7519, each stage a type that consumes the one before.
//!
//! In: the bytes of a token, the key that it names, the time. Out: its claims, or why there are none.
//! It must not know: where keys come from, requests, who may do what.

pub(crate) mod acceptance;
pub(crate) mod authority;
pub(crate) mod claims;
pub(crate) mod config;
pub(crate) mod header;
pub(crate) mod jws;
pub(crate) mod name;
pub(crate) mod opaque;
pub(crate) mod sealed;
pub(crate) mod valid;
mod validate;
