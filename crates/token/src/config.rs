//! The configuration document: the only structs for it, for every target.

mod provider;
pub(crate) mod reader;
mod response;
mod rule;
mod value;

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

pub(crate) use self::{
    provider::{
        ClaimPlaces, ClaimToHeaderConfig, FromConfig, HeaderCarrierConfig, HeaderFormat, KeysConfig, OpaqueTokenConfig,
        ParamCarrierConfig, ProviderConfig, RemoteConfig, SecretConfig, SubjectConfig, SwapConfig, SwapPlace,
    },
    response::{BodyFormat, CorsConfig, ResponsesConfig},
    rule::{AllowConfig, MatchConfig, OperandConfig, PathConfig, RequirementConfig, RuleConfig},
    value::Scalar,
};
use self::{
    reader::{Read, names, object},
    value::Version,
};
use crate::{config_error::ConfigError, json};

/// A document longer than this is not what somebody wrote.
const MAX_BYTES: usize = 8 << 20;

/// The whole document.
pub(crate) struct Config {
    /// Where editors find the JSON Schema.
    pub(crate) _schema: Option<String>,
    /// Of this form.
    pub(crate) _version: Version,
    /// `observe` decides and reports, and denies nothing.
    pub(crate) mode: Mode,
    /// What the connection must be like.
    pub(crate) transport: TransportConfig,
    /// Rules and carriers ready for use.
    pub(crate) presets: Vec<PresetName>,
    /// Who signs tokens, and which ones are accepted.
    pub(crate) providers: Vec<ProviderConfig>,
    /// What each role grants: permissions, `area.*`, or `*`.
    pub(crate) roles: BTreeMap<String, Vec<String>>,
    /// Requirements with names.
    pub(crate) policies: BTreeMap<String, RequirementConfig>,
    /// Which requests need what; those of the presets come after these.
    pub(crate) rules: Vec<RuleConfig>,
    /// What a denial looks like.
    pub(crate) responses: ResponsesConfig,
    /// Bounds.
    pub(crate) limits: LimitsConfig,
}

/// A file of `crates/token/presets`.
pub(crate) struct Preset {
    /// For providers without `from`.
    pub(crate) from: FromConfig,
    /// What roles grant, unless the configuration says it.
    pub(crate) roles: BTreeMap<String, Vec<String>>,
    /// After the rules of the configuration.
    pub(crate) rules: Vec<RuleConfig>,
    /// What the configuration leaves open.
    pub(crate) responses: ResponsesConfig,
}

/// Rules and carriers ready for use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PresetName {
    /// A Dataway behind the verifier.
    Dataway,
    /// A public DataKit behind the verifier.
    Datakit,
    /// The OpenAPI behind the verifier.
    Openapi,
}

/// Whether denials are denied.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Enforce,
    Observe,
}

/// What the connection must be like.
#[derive(Default)]
pub(crate) struct TransportConfig {
    pub(crate) require_https: RequireHttps,
}

/// Who proves that a request came over HTTPS.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
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
        let document = json::parse(text)
            .map_err(|_| ConfigError::new("expected strict JSON: UTF-8, no member twice, at most 32 levels deep"))?;
        Self::read(&document)
    }
}

impl Preset {
    pub(crate) fn from_json(text: &str) -> Result<Self, ConfigError> {
        let document = json::parse(text.as_bytes()).map_err(|_| ConfigError::new("expected strict JSON"))?;
        Self::read(&document)
    }
}

object!(Config {
    _schema: optional "$schema",
    _version: required "version",
    mode: optional "mode" or Mode::Enforce,
    transport: optional "transport" or TransportConfig::default(),
    presets: optional "presets" or Vec::new(),
    providers: required "providers",
    roles: optional "roles" or BTreeMap::new(),
    policies: optional "policies" or BTreeMap::new(),
    rules: optional "rules" or Vec::new(),
    responses: optional "responses" or ResponsesConfig::default(),
    limits: optional "limits" or LimitsConfig::default(),
});
object!(Preset {
    from: required "from",
    roles: optional "roles" or BTreeMap::new(),
    rules: required "rules",
    responses: required "responses",
});
names!(PresetName { Dataway "dataway", Datakit "datakit", Openapi "openapi", });
names!(Mode { Enforce "enforce", Observe "observe", });
object!(TransportConfig { require_https: optional "require_https" or RequireHttps::Off, });
names!(RequireHttps { Off "off", Tls "tls", Forwarded "forwarded", });
object!(LimitsConfig {
    token_bytes: optional "token_bytes" or Self::default().token_bytes,
    parked_requests: optional "parked_requests" or Self::default().parked_requests,
    cached_tokens: optional "cached_tokens",
    key_table_bytes: optional "key_table_bytes" or Self::default().key_table_bytes,
});

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { token_bytes: 8192, parked_requests: 256, cached_tokens: None, key_table_bytes: 4 << 20 }
    }
}
