//! The configuration document: the only structs for it, for every target.

mod reader;

use alloc::{format, string::String, vec::Vec};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny},
};
use serde_json::Value;

use crate::{
    config_error::ConfigError,
    json,
    jws::Algorithm,
    numeric_date::parse_duration,
    revocation::{Rules, RulesSeed},
};

/// A document longer than this is not what somebody wrote.
const MAX_BYTES: usize = 1 << 20;

/// The whole document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(rename = "version")]
    pub(crate) _version: Version,
    pub(crate) providers: Vec<ProviderConfig>,
    #[serde(default)]
    pub(crate) rules: Vec<RuleConfig>,
    #[serde(default)]
    pub(crate) responses: ResponsesConfig,
    #[serde(default)]
    pub(crate) limits: LimitsConfig,
}

/// One issuer and the tokens to accept from it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderConfig {
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    #[serde(default = "default_algorithms")]
    pub(crate) algorithms: Vec<Algorithm>,
    #[serde(default = "default_types")]
    pub(crate) types: Vec<String>,
    #[serde(default)]
    pub(crate) required_claims: Vec<String>,
    #[serde(default = "default_clock_skew")]
    pub(crate) clock_skew: Duration,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) keys: KeysConfig,
    #[serde(default)]
    pub(crate) revocations: RevocationsConfig,
    #[serde(default)]
    pub(crate) from: FromConfig,
    #[serde(default)]
    pub(crate) forward: bool,
    #[serde(default)]
    pub(crate) claims_to_headers: Vec<ClaimToHeaderConfig>,
}

/// Where the provider's keys come from: exactly one of these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeysConfig {
    /// A JWK Set; foreign members of any type are allowed in it, as RFC 7517 section 5 wants, so it stays as it is.
    #[serde(default, deserialize_with = "untouched")]
    pub(crate) inline: Option<Value>,
    pub(crate) remote: Option<RemoteConfig>,
    pub(crate) bundle: Option<BundleConfig>,
}

/// A document on a server.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoteConfig {
    pub(crate) url: String,
    /// Envoy's name for the server.
    pub(crate) cluster: Option<String>,
    #[serde(default = "default_timeout")]
    pub(crate) timeout: Duration,
    #[serde(default = "default_refresh")]
    pub(crate) refresh: Duration,
    #[serde(default = "default_cooldown")]
    pub(crate) cooldown: Duration,
    pub(crate) stale_for: Option<Duration>,
    pub(crate) max_bytes: Option<u32>,
}

/// A signed document with keys and revocation rules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BundleConfig {
    /// A JWK Set of the keys that may sign it.
    #[serde(deserialize_with = "untouched_value")]
    pub(crate) roots: Value,
    #[serde(default)]
    pub(crate) min_seq: u64,
    pub(crate) inline: Option<String>,
    pub(crate) remote: Option<RemoteConfig>,
}

/// Rules that refuse tokens of this provider.
#[derive(Default)]
pub(crate) struct RevocationsConfig(pub(crate) Rules);

/// Where a token may sit in a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FromConfig {
    #[serde(default)]
    pub(crate) headers: Vec<HeaderCarrierConfig>,
    #[serde(default)]
    pub(crate) params: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeaderCarrierConfig {
    pub(crate) name: String,
    pub(crate) scheme: Option<String>,
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

/// Which requests need what. First match wins; no match is a denial.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleConfig {
    #[serde(rename = "match")]
    pub(crate) matches: MatchConfig,
    pub(crate) require: RequirementConfig,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MatchConfig {
    pub(crate) path: PathConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PathConfig {
    Prefix(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RequirementConfig {
    Permission(String),
}

/// What a denial looks like.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResponsesConfig {
    #[serde(default = "default_realm")]
    pub(crate) realm: String,
    #[serde(default = "default_retry_after")]
    pub(crate) retry_after: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsConfig {
    #[serde(default = "default_token_bytes")]
    pub(crate) token_bytes: u32,
    /// Requests that may wait for keys at the same time.
    #[serde(default = "default_parked_requests")]
    pub(crate) parked_requests: u32,
    /// Verified tokens that are kept; 0 for none.
    pub(crate) cached_tokens: Option<u32>,
}

/// The only version of the document.
#[derive(Clone, Copy)]
pub(crate) struct Version;

/// Whole seconds, written as `30s`, `10m`, `6h` or `1d`.
#[derive(Clone, Copy)]
pub(crate) struct Duration(pub(crate) u64);

impl Config {
    /// Reads the document and refuses unknown members.
    pub(crate) fn from_json(text: &[u8]) -> Result<Self, ConfigError> {
        if text.len() > MAX_BYTES {
            return Err(ConfigError::new(format!("expected at most {MAX_BYTES} bytes")));
        }
        let mut document = json::parse(text)
            .map_err(|_| ConfigError::new("expected strict JSON: UTF-8, no member twice, at most 32 levels deep"))?;
        let mut config = Self::deserialize(reader::Reader::new(&document))?;
        for (index, provider) in config.providers.iter_mut().enumerate() {
            let mut take =
                |path: &str| document.pointer_mut(&format!("/providers/{index}/keys/{path}")).map(Value::take);
            provider.keys.inline = take("inline");
            if let (Some(bundle), Some(roots)) = (&mut provider.keys.bundle, take("bundle/roots")) {
                bundle.roots = roots;
            }
        }
        Ok(config)
    }
}

impl Default for FromConfig {
    /// `Authorization: Bearer` alone: RFC 9700 section 4.3.2 forbids tokens in the query unless asked for.
    fn default() -> Self {
        let bearer = HeaderCarrierConfig { name: "authorization".into(), scheme: Some("Bearer".into()) };
        Self { headers: Vec::from([bearer]), params: Vec::new() }
    }
}

impl Default for ResponsesConfig {
    fn default() -> Self {
        Self { realm: default_realm(), retry_after: default_retry_after() }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { token_bytes: default_token_bytes(), parked_requests: default_parked_requests(), cached_tokens: None }
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            1 => Ok(Self),
            _ => Err(serde::de::Error::custom("expected 1")),
        }
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("expected a duration such as `30s`, `10m`, `6h` or `1d`"))
    }
}

impl<'de> Deserialize<'de> for RevocationsConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RulesSeed("").deserialize(deserializer).map(Self)
    }
}

/// Leaves a member to whoever knows its form; [`Config::from_json`] fills it in.
fn untouched<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    untouched_value(deserializer).map(Some)
}

fn untouched_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| Value::Null)
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

fn default_realm() -> String {
    "datakit".into()
}

const fn default_retry_after() -> Duration {
    Duration(5)
}

const fn default_token_bytes() -> u32 {
    8192
}

const fn default_parked_requests() -> u32 {
    256
}
