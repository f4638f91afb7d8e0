//! Verifies signed access tokens (JWS, Ed25519) and authorises requests by the roles and permissions in them.
//!
//! A token goes one way, and each stage is a type that consumes the one before:
//!
//! ```text
//! Request -> carriers -> Unverified -> Verified -> Valid -> Grant -> Decision
//! ```
//!
//! Claims can be read only from [`Valid`]. Time, keys and configuration are arguments: this crate reads no clock,
//! does no I/O, and knows neither JavaScript nor Envoy.
//!
//! ```
//! use datakit_token::{UnixTime, Verifier};
//!
//! // Of course with a key of one's own, and without `for_tests`: this one's private half is in RFC 8037.
//! let config = br#"{"version":1,"providers":[{"name":"main","issuer":"https://id.example.com","audiences":["api"],
//!     "keys":{"inline":{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","for_tests":true}]}}}]}"#;
//! let verifier = Verifier::from_json(config).unwrap();
//! let now = UnixTime::from_secs(1_790_000_000).unwrap();
//! assert_eq!(verifier.verify(b"not a token", now).err().unwrap().code(), "malformed");
//! ```
//!
//! A half-checked token has no claims to read:
//!
//! ```compile_fail
//! fn read(token: datakit_token::Verified) { token.claims(); }
//! ```
//!
//! ```compile_fail
//! fn read(token: datakit_token::Unverified) { token.claims(); }
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod config;
mod error;
mod keys;
mod policy;
mod reason;
mod refusal;
mod request;
mod response;
mod shared;
mod signature;
mod time;
mod token;
mod upstream;
mod verifier;

// The public interface is:
pub use datakit_token_encoding::json::JsonObject;

pub use crate::{
    error::ConfigError,
    keys::{
        key_set::MAX_KEYS,
        remote::{Answer, FetchRequest, FetchTime},
        source::KeySource,
        source_error::{SourceError, SourceFault},
    },
    reason::Reason,
    refusal::Refusal,
    request::{
        connection::ConnectionProperty,
        request::{OwnedRequest, Request},
    },
    response::denial::{Denial, Response},
    shared::Shared,
    signature::{
        ed25519::{InvalidPublicKey, InvalidSignature, PublicKey},
        precomputed_keys::PrecomputedKeys,
    },
    time::{MAX_TIME, UnixTime},
    token::{
        claims::Claims,
        header::{BUNDLE_TYPE, MAX_KEY_ID},
        jws::{Unverified, Verified},
        valid::Valid,
    },
    upstream::editor::UpstreamEdits,
    verifier::{
        decision::Decision,
        grant::Grant,
        memory::Memory,
        preset::presets,
        report::{report_decide, report_upstream, report_verify},
        verifier::Verifier,
    },
};
