//! Why something is not signed, kept or read.

use alloc::string::String;
use core::fmt;

use datakit_token::{MAX_KEY_ID, MAX_KEYS};

/// Why something is not signed, kept or read. It shows nothing that is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssuerError {
    /// A text that is no private Ed25519 JWK (RFC 8037 section 2), and what was expected.
    InvalidJwk(&'static str),
    /// A text that is no key ring: line and column, where they are known.
    InvalidKeyRing {
        /// From 1, and 0 where reading did not begin.
        line: usize,
        /// The same.
        column: usize,
    },
    /// A key ring of another version.
    UnknownVersion,
    /// A key id of no bytes, or of too many.
    InvalidKeyId,
    /// No key signs at this time.
    NoSigner,
    /// As many keys as a verifier takes are in use.
    TooManyKeys,
    /// Another key has this id.
    KeyIdInUse,
    /// A rule revokes this id.
    KeyIdRevoked,
    /// A claim that has a method of its own, or that no token of this issuer may have.
    ReservedClaim {
        /// The name of the claim.
        name: String,
    },
    /// A token would outlive its key, whose end has been promised: it would die early, with a reason that nobody
    /// expects.
    OutlivesKey {
        /// The id of the key.
        key_id: String,
        /// When the key ends, in seconds since 1970.
        ends: u64,
    },
}

impl fmt::Display for IssuerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidJwk(expected) => write!(formatter, "expected a private Ed25519 JWK: {expected}"),
            Self::InvalidKeyRing { line, column } => {
                write!(formatter, "expected what keygen writes: line {line}, column {column}")
            }
            Self::UnknownVersion => formatter.write_str("/version: expected 1"),
            Self::InvalidKeyId => write!(formatter, "expected 1 to {MAX_KEY_ID} bytes"),
            Self::NoSigner => formatter.write_str("no key signs at this time"),
            Self::TooManyKeys => {
                write!(formatter, "{MAX_KEYS} keys are in use already: wait until the first of them ends")
            }
            Self::KeyIdInUse => formatter.write_str("expected an id that no other key has"),
            Self::KeyIdRevoked => formatter.write_str("expected an id that no rule revokes"),
            Self::ReservedClaim { name } => {
                write!(formatter, "{name}: expected a claim that this cannot set by itself")
            }
            Self::OutlivesKey { key_id, ends } => {
                write!(formatter, "the key {key_id} ends at {ends}, and its tokens with it")
            }
        }
    }
}

impl core::error::Error for IssuerError {}
