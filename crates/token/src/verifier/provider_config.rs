//! `providers`: issuers, their keys, their tokens, and what goes to the upstream instead of a token.

use alloc::{string::String, vec::Vec};

use crate::{
    config::{reader::object, value::Duration},
    keys::config::{KeysConfig, RevocationsConfig},
    request::config::FromConfig,
    token::{
        config::{ClaimPlaces, OpaqueTokenConfig, SubjectConfig},
        header::Algorithm,
    },
    upstream::config::{ClaimToHeaderConfig, SwapConfig},
};

object! {
    /// One issuer and the tokens to accept from it.
    pub(crate) struct ProviderConfig {
        /// Names it in messages and in requirements.
        pub(crate) name: String = required "name",
        /// `iss`, byte for byte.
        pub(crate) issuer: String = required "issuer",
        /// One of them has to be in `aud`, byte for byte.
        pub(crate) audiences: Vec<String> = required "audiences",
        /// Accepted `sub`; any if absent.
        pub(crate) subjects: Option<Vec<SubjectConfig>> = optional "subjects",
        /// Accepted `alg`.
        pub(crate) algorithms: Vec<Algorithm> = optional "algorithms" or Vec::from([Algorithm::EdDsa, Algorithm::Ed25519]),
        /// Accepted `typ`.
        pub(crate) types: Vec<String> = optional "types" or Vec::from(["at+jwt".into()]),
        /// Takes tokens that have no `typ` as well, of whatever kind they are.
        pub(crate) allow_missing_type: bool = optional "allow_missing_type" or false,
        /// Claims that must be there, besides `iss`, `aud` and `exp`.
        pub(crate) required_claims: Vec<String> = optional "required_claims" or Vec::new(),
        /// Where the token has what authorisation looks at.
        pub(crate) claims: ClaimPlaces = optional "claims" or ClaimPlaces::default(),
        /// At most `300s`.
        pub(crate) clock_skew: Duration = optional "clock_skew" or Duration(30),
        /// Longest time from `iat` to `exp`.
        pub(crate) max_lifetime: Option<Duration> = optional "max_lifetime",
        /// Longest time since `iat`.
        pub(crate) max_age: Option<Duration> = optional "max_age",
        /// Who signs.
        pub(crate) keys: KeysConfig = required "keys",
        /// Tokens to refuse.
        pub(crate) revocations: RevocationsConfig = optional "revocations" or RevocationsConfig::default(),
        /// Tokens without a signature, while clients are moved to signed ones.
        pub(crate) opaque_tokens: Vec<OpaqueTokenConfig> = optional "opaque_tokens" or Vec::new(),
        /// Where a token may sit; `Authorization: Bearer`, or what the presets say, if absent.
        pub(crate) from: Option<FromConfig> = optional "from",
        /// Keeps the token for the upstream.
        pub(crate) forward: bool = optional "forward" or false,
        /// Puts the secret of the token's workspace in the token's place.
        pub(crate) swap: Option<SwapConfig> = optional "swap",
        /// Claims that the upstream gets in headers.
        pub(crate) claims_to_headers: Vec<ClaimToHeaderConfig> = optional "claims_to_headers" or Vec::new(),
    }
}
