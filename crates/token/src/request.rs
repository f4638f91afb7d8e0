//! What has arrived, read in the one way in which all readers read it.
//!
//! In: the head of a request, as bytes. Out: its path, its host, its parameters, its token.
//! It must not know: whether a token is good, who may do what.

pub(crate) mod carrier;
pub(crate) mod config;
pub(crate) mod connection;
pub(crate) mod field_name;
pub(crate) mod host_name;
#[cfg(feature = "http")]
mod http;
pub(crate) mod lookalike;
pub(crate) mod origin;
pub(crate) mod path;
pub(crate) mod percent;
pub(crate) mod redact;
pub(crate) mod request;
pub(crate) mod sent_path;
pub(crate) mod spelling;
