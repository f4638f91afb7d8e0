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

mod absent_keys;
mod bundle;
mod cache;
mod carrier;
mod claim_header;
mod claims;
mod comb;
mod config;
mod config_error;
mod connection;
mod grants;
mod header;
mod hint;
mod host_name;
mod jws;
mod key_source;
mod key_tables;
mod keys;
mod name;
mod numeric_date;
mod opaque;
mod path;
mod path_pattern;
mod policy;
mod preset;
mod provider;
mod published_keys;
mod reason;
mod redact;
mod refusal;
mod remembered;
mod remote;
mod report;
mod request;
mod requirement;
mod response;
mod revocation;
mod route;
mod schedule;
mod secret;
mod sent_path;
mod signature;
mod source_error;
mod token_edit;
mod upstream;
mod verifier;

// The public interface is:
pub use datakit_token_encoding::json::JsonObject;

pub use crate::{
    claims::{Claims, Valid},
    config_error::ConfigError,
    connection::ConnectionProperty,
    jws::{Unverified, Verified},
    key_source::KeySource,
    key_tables::KeyTables,
    numeric_date::UnixTime,
    policy::Grant,
    preset::presets,
    reason::Reason,
    refusal::Refusal,
    remote::{Answer, FetchRequest, Moment},
    report::{report_decide, report_upstream, report_verify},
    request::{OwnedRequest, Request},
    response::{Denial, Response},
    signature::{InvalidPublicKey, InvalidSignature, PublicKey},
    source_error::{Fault, SourceError},
    upstream::UpstreamEdits,
    verifier::{Decision, Verifier},
};
