//! `providers`: issuers, their keys, their tokens, and what goes to the upstream instead of a token.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use serde::{Deserialize, Deserializer, de::DeserializeSeed};
use serde_json::Value;

use super::value::{Duration, names_or_objects, untouched, untouched_value};
use crate::{
    jws::Algorithm,
    revocation::{Rules, RulesSeed},
};

/// One issuer and the tokens to accept from it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderConfig {
    /// Names it in messages and in requirements.
    pub(crate) name: String,
    /// `iss`, byte for byte.
    pub(crate) issuer: String,
    /// One of them has to be in `aud`, byte for byte.
    pub(crate) audiences: Vec<String>,
    /// Accepted `sub`; any if absent.
    pub(crate) subjects: Option<Vec<SubjectConfig>>,
    /// Accepted `alg`.
    #[serde(default = "default_algorithms")]
    pub(crate) algorithms: Vec<Algorithm>,
    /// Accepted `typ`.
    #[serde(default = "default_types")]
    pub(crate) types: Vec<String>,
    /// Claims that must be there, besides `iss`, `aud` and `exp`.
    #[serde(default)]
    pub(crate) required_claims: Vec<String>,
    /// Where the token has what authorisation looks at.
    #[serde(default)]
    pub(crate) claims: ClaimPlaces,
    /// At most `300s`.
    #[serde(default = "default_clock_skew")]
    pub(crate) clock_skew: Duration,
    /// Longest time from `iat` to `exp`.
    pub(crate) max_lifetime: Option<Duration>,
    /// Longest time since `iat`.
    pub(crate) max_age: Option<Duration>,
    /// Who signs.
    pub(crate) keys: KeysConfig,
    /// Tokens to refuse.
    #[serde(default)]
    pub(crate) revocations: RevocationsConfig,
    /// Tokens without a signature, while clients are moved to signed ones.
    #[serde(default)]
    pub(crate) opaque_tokens: Vec<OpaqueTokenConfig>,
    /// Where a token may sit; `Authorization: Bearer`, or what the presets say, if absent.
    pub(crate) from: Option<FromConfig>,
    /// Keeps the token for the upstream.
    #[serde(default)]
    pub(crate) forward: bool,
    /// Puts the secret of the token's workspace in the token's place.
    pub(crate) swap: Option<SwapConfig>,
    /// Claims that the upstream gets in headers.
    #[serde(default)]
    pub(crate) claims_to_headers: Vec<ClaimToHeaderConfig>,
}

/// An accepted `sub`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SubjectConfig {
    /// This one.
    Exact(String),
    /// All that begin like this.
    Prefix(String),
}

/// JSON pointers (RFC 6901) into the claims.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ClaimPlaces {
    /// An array of strings.
    pub(crate) roles: String,
    /// An array of strings.
    pub(crate) permissions: String,
    /// A string with a space between two scopes.
    pub(crate) scope: String,
    /// A string.
    pub(crate) workspace: String,
}

/// Where the provider's keys come from: exactly one of these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeysConfig {
    /// A JWK Set (RFC 7517). Foreign members of any type are allowed in it.
    #[serde(default, deserialize_with = "untouched")]
    pub(crate) inline: Option<Value>,
    /// A JWK Set on a server.
    pub(crate) remote: Option<RemoteConfig>,
    /// Signed keys and revocation rules.
    pub(crate) bundle: Option<BundleConfig>,
}

/// A document on a server.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoteConfig {
    /// https; http only to the machine itself.
    pub(crate) url: String,
    /// Envoy's name for the server.
    pub(crate) cluster: Option<String>,
    /// Time that a fetch may take.
    #[serde(default = "default_timeout")]
    pub(crate) timeout: Duration,
    /// Longest time between two fetches.
    #[serde(default = "default_refresh")]
    pub(crate) refresh: Duration,
    /// Shortest time between two fetches, failed ones included.
    #[serde(default = "default_cooldown")]
    pub(crate) cooldown: Duration,
    /// How long keys may be used when no fetch succeeds.
    pub(crate) stale_for: Option<Duration>,
    /// Longest document.
    pub(crate) max_bytes: Option<u32>,
}

/// A signed document with keys and revocation rules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BundleConfig {
    /// A JWK Set of the keys that may sign it.
    #[serde(deserialize_with = "untouched_value")]
    pub(crate) roots: Value,
    /// Bundles with a lower `seq` are refused from the start.
    #[serde(default)]
    pub(crate) min_seq: u64,
    /// The bundle itself.
    pub(crate) inline: Option<String>,
    /// The bundle on a server.
    pub(crate) remote: Option<RemoteConfig>,
}

/// Rules that refuse tokens of this provider.
#[derive(Default)]
pub(crate) struct RevocationsConfig(pub(crate) Rules);

/// A token without a signature, and what it stands for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpaqueTokenConfig {
    /// The token.
    pub(crate) token: SecretConfig,
    /// When it ends: seconds since 1970.
    pub(crate) expires_at: u64,
    /// `sub`
    pub(crate) subject: Option<String>,
    /// `workspace`
    pub(crate) workspace: Option<String>,
    /// `roles`
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    /// `permissions`
    #[serde(default)]
    pub(crate) permissions: Vec<String>,
}

/// A text that is nobody else's business.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SecretConfig {
    /// Here.
    Value(String),
    /// In this variable of the environment: in Envoy, of the VM.
    Env(String),
}

/// Where a token may sit in a request.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FromConfig {
    /// Headers, with or without a scheme before the token.
    #[serde(default)]
    pub(crate) headers: Vec<HeaderCarrierConfig>,
    /// Query parameters.
    #[serde(default, deserialize_with = "names_or_objects")]
    pub(crate) params: Vec<ParamCarrierConfig>,
    /// Cookies.
    #[serde(default)]
    pub(crate) cookies: Vec<String>,
    /// Origins whose pages may send the cookies with methods that change something; besides the server's own.
    #[serde(default)]
    pub(crate) cookie_origins: Vec<String>,
}

/// A header with a token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeaderCarrierConfig {
    pub(crate) name: String,
    /// What stands before the token, compared without case.
    pub(crate) scheme: Option<String>,
}

/// A query parameter with a token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParamCarrierConfig {
    pub(crate) name: String,
    /// A value that begins like this is no token if another place has one.
    pub(crate) placeholder: Option<String>,
}

/// Secrets by workspace.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SwapConfig {
    /// By the token's workspace.
    pub(crate) secrets: BTreeMap<String, SecretConfig>,
    /// Where the secret goes; into the token's place if absent.
    pub(crate) to: Option<SwapPlace>,
}

/// Where a secret goes.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SwapPlace {
    /// A header of its own.
    Header(String),
    /// A query parameter.
    Param(String),
}

/// A claim to hand to the upstream.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimToHeaderConfig {
    /// A JSON pointer (RFC 6901).
    pub(crate) claim: String,
    pub(crate) header: String,
    #[serde(default)]
    pub(crate) format: HeaderFormat,
}

/// How a claim becomes a header value.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HeaderFormat {
    /// Strings as they are, numbers and booleans as JSON.
    #[default]
    Text,
    /// An array of strings, joined by commas.
    Csv,
    /// ASCII JSON.
    Json,
    /// JSON in base64url without padding.
    Base64url,
}

impl Default for ClaimPlaces {
    fn default() -> Self {
        Self {
            roles: "/roles".into(),
            permissions: "/permissions".into(),
            scope: "/scope".into(),
            workspace: "/workspace".into(),
        }
    }
}

impl Default for FromConfig {
    /// `Authorization: Bearer` alone: RFC 9700 section 4.3.2 forbids tokens in the query unless asked for.
    fn default() -> Self {
        let bearer = HeaderCarrierConfig { name: "authorization".into(), scheme: Some("Bearer".into()) };
        Self { headers: Vec::from([bearer]), params: Vec::new(), cookies: Vec::new(), cookie_origins: Vec::new() }
    }
}

impl From<String> for ParamCarrierConfig {
    fn from(name: String) -> Self {
        Self { name, placeholder: None }
    }
}

impl<'de> Deserialize<'de> for RevocationsConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RulesSeed("").deserialize(deserializer).map(Self)
    }
}

fn default_algorithms() -> Vec<Algorithm> {
    Vec::from([Algorithm::EdDsa, Algorithm::Ed25519])
}

fn default_types() -> Vec<String> {
    Vec::from(["at+jwt".into()])
}

const fn default_clock_skew() -> Duration {
    Duration(30)
}

const fn default_timeout() -> Duration {
    Duration(5)
}

const fn default_refresh() -> Duration {
    Duration(300)
}

const fn default_cooldown() -> Duration {
    Duration(10)
}
