//! How tokens and requests are written: compact serialisation, base64url, strict JSON, bytes as characters, with
//! exactly one reading for every text; and collections that take little code.
//!
//! Apart from the core because every token passes through all of it, while most of the core is the set-up of a
//! verifier: in the npm module this is compiled to be fast, and that to be small (`[profile.npm]`).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod base64url;
pub mod collections;
pub mod compact;
pub mod header;
pub mod json;
pub mod latin1;
