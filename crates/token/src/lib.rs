//! Verifies signed access tokens (JWS, Ed25519) and authorises requests by the roles and permissions in them.
//!
//! A token goes one way, and each stage is a type that consumes the one before:
//!
//! ```text
//! Request -> carriers -> Unverified -> Verified -> Valid -> Grant -> Decision
//! ```
//!
//! Claims can be read only from [`Valid`]. Time, keys and configuration are arguments: this crate reads no clock, does
//! no I/O, and knows nothing of the host that it runs in.
//!
//! # A token
//!
//! One configuration document, the same for every target. All threads share the [`Verifier`]; each has a [`Memory`] of
//! its own, so that a token that comes again costs no signature.
//!
//! ```
//! use datakit_token::{Reason, UnixTime, Verifier};
//!
//! // Of course with a key of one's own, and without `for_tests`: this one's private half is in RFC 8037.
//! let verifier = Verifier::from_json(br#"{"version": 1, "providers": [{
//!     "name": "main", "issuer": "https://id.example.com", "audiences": ["api"],
//!     "keys": {"inline": {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "for_tests": true,
//!         "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}}}]}"#)?;
//! let mut memory = verifier.memory();
//! let token = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImsxIn0.eyJpc3MiOiJodHRwczovL2lkLmV4\
//!     YW1wbGUuY29tIiwiYXVkIjoiYXBpIiwic3ViIjoiYWNudF83ZjNhIiwiZXhwIjoxNzkwMDAwNjAwLCJyb2xl\
//!     cyI6WyJ3cml0ZXIiXSwicGxhbiI6InBybyIsInNlYXRzIjoxMi41fQ.L5SFf01_p8Xw5gPQbkSIKqhlczves\
//!     st7tGrp8Jga-tFgjb0aQlbY1ayazcCJ-JULWj4hGIHqVBze0rzJ8XT6DA";
//!
//! let now = UnixTime::from_secs(1_790_000_000).ok_or("a clock that is wrong")?;
//! let valid = verifier.verify_with(&mut memory, token.as_bytes(), now)?;
//! assert_eq!(valid.claims().subject(), Some("acnt_7f3a"));
//!
//! let later = UnixTime::from_secs(1_790_001_000).ok_or("a clock that is wrong")?;
//! let refusal = verifier.verify_with(&mut memory, token.as_bytes(), later).unwrap_err();
//! assert_eq!((refusal.reason(), refusal.claim()), (Reason::Expired, Some("exp")));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # A request
//!
//! The same configuration in code: rules say what a request needs, roles what they grant.
//!
//! ```
//! use datakit_token::{Decision, KeysConfig, ProviderConfig, Request, RequirementConfig, RuleConfig, UnixTime,
//! Verifier};
//!
//! let keys = KeysConfig::inline(
//!     br#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "for_tests": true,
//!         "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
//! )?;
//! let verifier = Verifier::builder()
//!     .with_provider(ProviderConfig::new("main", "https://id.example.com", keys).with_audience("api"))
//!     .with_role("writer", ["log.*"])
//!     .with_rule(RuleConfig::path_prefix("/logs").require(RequirementConfig::permission("log.write")))
//!     .build()?;
//! let token = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImsxIn0.eyJpc3MiOiJodHRwczovL2lkLmV4\
//!     YW1wbGUuY29tIiwiYXVkIjoiYXBpIiwic3ViIjoiYWNudF83ZjNhIiwiZXhwIjoxNzkwMDAwNjAwLCJyb2xl\
//!     cyI6WyJ3cml0ZXIiXSwicGxhbiI6InBybyIsInNlYXRzIjoxMi41fQ.L5SFf01_p8Xw5gPQbkSIKqhlczves\
//!     st7tGrp8Jga-tFgjb0aQlbY1ayazcCJ-JULWj4hGIHqVBze0rzJ8XT6DA";
//! let authorization = format!("Bearer {token}");
//! let headers = vec![(&b"authorization"[..], authorization.as_bytes())];
//! let now = UnixTime::from_secs(1_790_000_000).ok_or("a clock that is wrong")?;
//!
//! match verifier.decide(&Request::new(b"POST", b"/logs/web", headers), now) {
//!     // What goes on has lost the token: `grant.edits()` says what to change.
//!     Decision::Allow(grant) => assert_eq!(grant.edits().remove().collect::<Vec<_>>(), ["authorization"]),
//!     Decision::Deny(denial) => panic!("{} {}", denial.response().status(), denial.response().body()),
//!     Decision::Observe(..) => unreachable!("the configuration does not say so"),
//! }
//! // No rule, no entry.
//! let denied = verifier.decide(&Request::new(b"POST", b"/elsewhere", Vec::new()), now);
//! assert!(matches!(denied, Decision::Deny(_)));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Claims of one's own
//!
//! With the feature `serde`; single values need none, see [`Claims::get`].
//!
//! ```
//! # #[cfg(feature = "serde")] {
//! # use datakit_token::{KeysConfig, ProviderConfig, UnixTime, Verifier};
//! # let keys = KeysConfig::inline(
//! #     br#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "for_tests": true,
//! #         "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
//! # )?;
//! # let provider = ProviderConfig::new("main", "https://id.example.com", keys).with_audience("api");
//! # let verifier = Verifier::builder().with_provider(provider).build()?;
//! # let token = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImsxIn0.eyJpc3MiOiJodHRwczovL2lkLmV4\
//! #     YW1wbGUuY29tIiwiYXVkIjoiYXBpIiwic3ViIjoiYWNudF83ZjNhIiwiZXhwIjoxNzkwMDAwNjAwLCJyb2xl\
//! #     cyI6WyJ3cml0ZXIiXSwicGxhbiI6InBybyIsInNlYXRzIjoxMi41fQ.L5SFf01_p8Xw5gPQbkSIKqhlczves\
//! #     st7tGrp8Jga-tFgjb0aQlbY1ayazcCJ-JULWj4hGIHqVBze0rzJ8XT6DA";
//! # let now = UnixTime::from_secs(1_790_000_000).ok_or("a clock that is wrong")?;
//! #[derive(serde::Deserialize)]
//! struct Customer<'c> {
//!     plan: &'c str,
//!     seats: f64,
//! }
//!
//! let valid = verifier.verify(token.as_bytes(), now)?;
//! let customer: Customer<'_> = valid.claims().deserialize()?;
//! assert_eq!((customer.plan, customer.seats), ("pro", 12.5));
//! # }
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Keys on a server
//!
//! This crate does no I/O: it says what to fetch and when, and takes the answer. Whatever is wrong with one, the keys
//! from before stay.
//!
//! ```
//! use datakit_token::{Answer, FetchTime, KeysConfig, ProviderConfig, RemoteConfig, UnixTime, Verifier};
//! # fn get(_url: &str) -> (u16, &'static str) {
//! #     (200, r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "for_tests": true,
//! #         "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)
//! # }
//!
//! let keys = KeysConfig::remote(RemoteConfig::new("https://id.example.com/jwks.json").with_refresh(600));
//! let provider = ProviderConfig::new("main", "https://id.example.com", keys).with_audience("api");
//! // Readers share it, and whoever fetches writes for some microseconds: `RwLock<Verifier>`.
//! let mut verifier = Verifier::builder().with_provider(provider).build()?;
//!
//! // Again and again: `uptime` is a monotonic clock in milliseconds, `jitter` a random byte.
//! let (uptime, jitter) = (0, 7);
//! let now = UnixTime::from_secs(1_790_000_000).ok_or("a clock that is wrong")?;
//! for source in verifier.remote_sources_mut().filter(|source| source.is_due(uptime)) {
//!     let Some(request) = source.request().cloned() else { continue };
//!     source.begin(uptime);
//!     let (status, body) = get(request.url()); // within `request.timeout()`, without redirects
//!     let answer = Answer::new(status, body.as_bytes());
//!     if let Err(error) = source.finish(Ok(&answer), FetchTime::new(now, uptime, jitter)) {
//!         eprintln!("{}: {error}", source.provider());
//!     }
//! }
//! assert!(verifier.remote_sources().all(|source| source.is_loaded()));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Features
//!
//! None is on unless asked for, and each only adds something to call: `std` ([`UnixTime`] from `SystemTime`), `serde`
//! (claims into a type of one's own), `http` (requests and responses of axum, hyper and tonic).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

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
pub use datakit_token_encoding::json::{Array, JsonObject, Number, Object, Value};

#[cfg(feature = "std")]
pub use crate::time::InvalidTime;
#[cfg(feature = "serde")]
pub use crate::token::claims::InvalidClaims;
#[cfg(feature = "http")]
pub use crate::upstream::http::InvalidEdit;
pub use crate::{
    config::value::JsonScalar,
    error::ConfigError,
    keys::{
        config::{KeysConfig, RemoteConfig},
        key_set::MAX_KEYS,
        remote::{Answer, FetchRequest, FetchTime},
        source::KeySource,
        source_error::{SourceError, SourceFault},
    },
    policy::{
        config::{AllowConfig, RuleConfig},
        requirement::Relation,
        requirement_config::{OperandConfig, RequirementConfig},
    },
    reason::Reason,
    refusal::Refusal,
    request::{
        config::FromConfig,
        connection::ConnectionProperty,
        request::{OwnedRequest, Request},
    },
    response::denial::{Denial, Response},
    shared::Shared,
    signature::ed25519::{InvalidPublicKey, InvalidSignature, PublicKey},
    time::{MAX_TIME, NumericDate, UnixTime, parse_duration},
    token::{
        claims::Claims,
        header::{BUNDLE_TYPE, MAX_KEY_ID},
        sealed::{Opened, Unseal},
        valid::Valid,
    },
    upstream::editor::UpstreamEdits,
    verifier::{
        build::VerifierBuilder,
        decision::Decision,
        grant::Grant,
        memory::Memory,
        preset::presets,
        provider_config::ProviderConfig,
        report::{report_decide, report_upstream, report_verify},
        verifier::Verifier,
    },
};

/// For this project's own tests. Nothing in it is a promise.
///
/// A token that is half checked has no claims to read:
///
/// ```compile_fail,E0599
/// fn read(token: datakit_token::internal::Verified) { token.claims(); }
/// ```
///
/// ```compile_fail,E0599
/// fn read(token: datakit_token::internal::Unverified) { token.claims(); }
/// ```
///
/// Nor has one that is sealed, or has been opened:
///
/// ```compile_fail,E0599
/// fn read(token: datakit_token::internal::Sealed) { token.claims(); }
/// ```
///
/// ```compile_fail,E0599
/// fn read(token: datakit_token::Opened) { token.claims(); }
/// ```
#[doc(hidden)]
pub mod internal {
    pub use crate::{
        signature::precomputed_keys::PrecomputedKeys,
        token::{
            jws::{Unverified, Verified},
            sealed::Sealed,
        },
    };
}
