//! The issuing half: signs the tokens and trust bundles that `datakit-token` verifies.
//!
//! Time and randomness are arguments, and what has to last is a text: this crate reads no clock, does no I/O, and keeps
//! nothing. The command `datakit-token` keeps its key ring in a file; a service may keep it in a database.
//!
//! ```
//! use datakit_token::{UnixTime, Verifier};
//! use datakit_token_issuer::{KeyRing, PrivateKey, TokenClaims};
//!
//! // 32 bytes of the system's randomness each; these are not.
//! let seed = |number: usize| core::array::from_fn(|place| (place * place + 31 * number) as u8);
//! let now = 1_790_000_000;
//! let mut ring = KeyRing::new(&PrivateKey::from_seed(&seed(1), None)?);
//!
//! // A token, and a note of when it ends: its key never ends before.
//! let signer = ring.signer(now)?;
//! let claims = TokenClaims::new("https://id.example.com", ["api"], "host-7", now,
//! 600).with_permissions(["log.write"]); let token = signer.sign_token(claims.to_json("01J8Z").as_bytes());
//! ring.note(signer.id(), claims.expires_at())?;
//!
//! // The next key is published now and signs in ten minutes; a day later the old one has ended.
//! ring.rotate(&PrivateKey::from_seed(&seed(2), None)?, now, now + 600, 86_400)?;
//!
//! // What verifiers get.
//! let document = format!(
//!     r#"{{"version":1,"providers":[{{"name":"main","issuer":"https://id.example.com","audiences":["api"],
//!         "keys":{{"inline":{{"keys":{}}}}}}}]}}"#,
//!     serde_json::Value::from(ring.public_keys()?),
//! );
//! let verifier = Verifier::from_json(document.as_bytes())?;
//! let time = UnixTime::from_secs(now).ok_or("a clock that is wrong")?;
//! assert_eq!(verifier.verify(token.as_bytes(), time)?.claims().permissions(), ["log.write"]);
//!
//! // What has to last, secrets included.
//! assert_eq!(KeyRing::from_json(ring.to_json()?.as_bytes())?.public_keys()?, ring.public_keys()?);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod bundle;
mod decryption_ring;
mod error;
mod key_ring;
mod private_key;
mod prune;
mod rule;
mod token_claims;
mod trial;

// The public interface is:
pub use crate::{
    bundle::Bundle,
    decryption_ring::DecryptionRing,
    error::IssuerError,
    key_ring::{KeyRing, StoredKey},
    private_key::{PrivateKey, check_key_id, jwk_id},
    prune::Pruned,
    rule::{rule_id, rule_key_id},
    token_claims::TokenClaims,
    trial::{DEFAULT_BYTES, Refusal, Trial, check},
};
