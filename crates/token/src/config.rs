//! The configuration document: the only structs for it, for every target.

mod provider;
mod reader;
mod response;
mod rule;
mod value;

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use serde::Deserialize;
use serde_json::Value;

use self::value::Version;
pub(crate) use self::{
    provider::{
        ClaimPlaces, ClaimToHeaderConfig, FromConfig, HeaderCarrierConfig, HeaderFormat, KeysConfig, OpaqueTokenConfig,
        ParamCarrierConfig, ProviderConfig, RemoteConfig, SecretConfig, SubjectConfig, SwapConfig, SwapPlace,
    },
    response::{BodyFormat, CorsConfig, ResponsesConfig},
    rule::{AllowConfig, MatchConfig, OperandConfig, PathConfig, RequirementConfig, RuleConfig},
    value::Scalar,
};
use crate::{config_error::ConfigError, json};

/// A document longer than this is not what somebody wrote.
const MAX_BYTES: usize = 8 << 20;

/// The whole document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(rename = "version")]
    pub(crate) _version: Version,
    /// `observe` decides and reports, and denies nothing.
    #[serde(default)]
    pub(crate) mode: Mode,
    /// What the connection must be like.
    #[serde(default)]
    pub(crate) transport: TransportConfig,
    /// Rules and carriers ready for use.
    #[serde(default)]
    pub(crate) presets: Vec<PresetName>,
    /// Who signs tokens, and which ones are accepted.
    pub(crate) providers: Vec<ProviderConfig>,
    /// What each role grants: permissions, `area.*`, or `*`.
    #[serde(default)]
    pub(crate) roles: BTreeMap<String, Vec<String>>,
    /// Requirements with names.
    #[serde(default)]
    pub(crate) policies: BTreeMap<String, RequirementConfig>,
    /// Which requests need what; those of the presets come after these.
    #[serde(default)]
    pub(crate) rules: Vec<RuleConfig>,
    /// What a denial looks like.
    #[serde(default)]
    pub(crate) responses: ResponsesConfig,
    /// Bounds.
    #[serde(default)]
    pub(crate) limits: LimitsConfig,
}

/// A file of `crates/token/presets`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Preset {
    /// For providers without `from`.
    pub(crate) from: FromConfig,
    /// What roles grant, unless the configuration says it.
    #[serde(default)]
    pub(crate) roles: BTreeMap<String, Vec<String>>,
    /// After the rules of the configuration.
    pub(crate) rules: Vec<RuleConfig>,
    /// What the configuration leaves open.
    pub(crate) responses: ResponsesConfig,
}

/// Rules and carriers ready for use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PresetName {
    /// A Dataway behind the verifier.
    Dataway,
    /// A public DataKit behind the verifier.
    Datakit,
    /// The OpenAPI behind the verifier.
    Openapi,
}

/// Whether denials are denied.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    #[default]
    Enforce,
    Observe,
}

/// What the connection must be like.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TransportConfig {
    pub(crate) require_https: RequireHttps,
}

/// Who proves that a request came over HTTPS.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RequireHttps {
    /// Nobody.
    #[default]
    Off,
    /// The connection itself.
    Tls,
    /// `x-forwarded-proto`, which only a trusted hop may set.
    Forwarded,
}

/// Bounds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitsConfig {
    /// Longest token.
    pub(crate) token_bytes: u32,
    /// Requests that may wait for keys at the same time.
    pub(crate) parked_requests: u32,
    /// Verified tokens that are kept; 0 for none.
    pub(crate) cached_tokens: Option<u32>,
    /// Bytes for tables of keys that are used much: 655,360 for each, and as many for what all share. 0 for none.
    pub(crate) key_table_bytes: u32,
}

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

impl Preset {
    pub(crate) fn from_json(text: &str) -> Result<Self, ConfigError> {
        let document = json::parse(text.as_bytes()).map_err(|_| ConfigError::new("expected strict JSON"))?;
        Self::deserialize(reader::Reader::new(&document))
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { token_bytes: 8192, parked_requests: 256, cached_tokens: None, key_table_bytes: 4 << 20 }
    }
}
