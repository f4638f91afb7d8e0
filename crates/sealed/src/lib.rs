//! Tokens sealed in transit: JWE in compact serialisation (RFC 7516) with `alg` `ECDH-ES` over X25519 (RFC 7518 section
//! 4.6, RFC 8037 section 3.2), `enc` `A256GCM`, `cty` `JWT`, and a signed token inside.
//!
//! Whoever has the receiver's public key seals, and the receiver alone can read the claims. It says nothing of who sent
//! the token: that is what the signature inside is for, so opening gives a text and no claims.
//!
//! # Opening
//!
//! ```
//! use datakit_token::{Reason, UnixTime, VerifierBuilder};
//! use datakit_token_sealed::{EncryptionKeys, Unsealer};
//!
//! // Of course with keys of one's own, and without `for_tests`: the private halves of these are published.
//! let configuration = br#"{"version": 1, "providers": [{
//!     "name": "main", "issuer": "https://id.example.com", "audiences": ["api"],
//!     "keys": {"inline": {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "for_tests": true,
//!         "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}},
//!     "encryption": {"required": true, "keys": {"inline": {"keys": [
//!         {"kty": "OKP", "crv": "X25519", "kid": "bob", "use": "enc", "for_tests": true,
//!          "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
//!          "d": "XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os"}]}}}}]}"#;
//! let verifier = VerifierBuilder::from_json(configuration)?.with_unsealer(Unsealer::new()).build()?;
//!
//! let token = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImsxIn0.eyJpc3MiOiJodHRwczovL2lkLmV4\
//!     YW1wbGUuY29tIiwiYXVkIjoiYXBpIiwic3ViIjoiYWNudF83ZjNhIiwiZXhwIjoxNzkwMDAwNjAwLCJyb2xl\
//!     cyI6WyJ3cml0ZXIiXSwicGxhbiI6InBybyIsInNlYXRzIjoxMi41fQ.L5SFf01_p8Xw5gPQbkSIKqhlczves\
//!     st7tGrp8Jga-tFgjb0aQlbY1ayazcCJ-JULWj4hGIHqVBze0rzJ8XT6DA";
//! let now = UnixTime::from_secs(1_790_000_000).ok_or("a clock that is wrong")?;
//! assert_eq!(verifier.verify(token.as_bytes(), now).unwrap_err().reason(), Reason::UnsupportedAlgorithm);
//!
//! // The other side has the public half alone, and 44 random bytes for each token.
//! let keys = EncryptionKeys::from_json(br#"{"keys": [{"kty": "OKP", "crv": "X25519", "kid": "bob", "use": "enc",
//!     "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}]}"#)?;
//! let key = keys.current(now.as_secs()).ok_or("no key at this time")?;
//! let random = [7; 44]; // never the same twice
//! let sealed = key.seal(token, &random);
//! assert_eq!(verifier.verify(sealed.as_bytes(), now)?.claims().subject(), Some("acnt_7f3a"));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod agreement;
mod content;
mod decryption_key;
mod encryption_key;
mod header;
mod jwe;
mod jwk;
mod unsealer;

// The public interface is:
pub use crate::{
    encryption_key::{EncryptionKey, EncryptionKeys},
    unsealer::Unsealer,
};
