//! The whole configuration document: the only structs for it, for every target.

use alloc::{format, string::String, vec::Vec};

use datakit_token_encoding::{collections::SortedMap, json::Json};

use crate::{
    config::{
        reader::{Read, names, object},
        value::{Bounded, Version},
    },
    error::ConfigError,
    policy::{
        config::{PathsConfig, RuleConfig},
        requirement_config::RequirementConfig,
    },
    request::config::FromConfig,
    response::config::ResponsesConfig,
    verifier::provider_config::ProviderConfig,
};

/// A document longer than this is not what somebody wrote.
const MAX_BYTES: usize = 8 << 20;

object! {
    /// The whole document.
    #[derive(Default)]
    pub(crate) struct Config {
        /// Where editors find the JSON Schema.
        pub(crate) _schema: Option<String> = optional "$schema",
        /// The version of this form of document.
        pub(crate) _version: Version = required "version",
        /// `enforce`, if absent; `observe` decides and reports, and denies nothing.
        pub(crate) mode: Mode = optional "mode" or Mode::default(),
        /// What the connection must be like.
        pub(crate) transport: TransportConfig = optional "transport" or TransportConfig::default(),
        /// Rules, carriers and answers ready for use: for a Dataway, a public DataKit, or the OpenAPI behind the
        /// verifier.
        pub(crate) presets: Vec<PresetName> = optional "presets" or Vec::new(),
        /// Who signs tokens, and which ones are accepted.
        pub(crate) providers: Vec<ProviderConfig> = required "providers",
        /// What each role grants: permissions, `area.*`, or `*`.
        pub(crate) roles: SortedMap<String, Vec<String>> = optional "roles" or SortedMap::new(),
        /// Requirements with names.
        pub(crate) policies: SortedMap<String, RequirementConfig> = optional "policies" or SortedMap::new(),
        /// How the upstream tells paths apart.
        pub(crate) paths: PathsConfig = optional "paths" or PathsConfig::default(),
        /// Which requests need what; those of the presets come after these.
        pub(crate) rules: Vec<RuleConfig> = optional "rules" or Vec::new(),
        /// What a denial looks like.
        pub(crate) responses: ResponsesConfig = optional "responses" or ResponsesConfig::default(),
        /// Bounds.
        pub(crate) limits: LimitsConfig = optional "limits" or LimitsConfig::default(),
    }
}

object! {
    /// A file of `crates/token/presets`.
    pub(crate) struct Preset {
        /// For providers without `from`.
        pub(crate) from: FromConfig = required "from",
        /// What roles grant, unless the configuration says it.
        pub(crate) roles: SortedMap<String, Vec<String>> = optional "roles" or SortedMap::new(),
        /// After the rules of the configuration.
        pub(crate) rules: Vec<RuleConfig> = required "rules",
        /// What the configuration leaves open.
        pub(crate) responses: ResponsesConfig = required "responses",
    }
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
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    Enforce,
    Observe,
}

object! {
    /// What the connection must be like.
    #[derive(Default)]
    pub(crate) struct TransportConfig {
        /// Who proves that a request came over HTTPS: nobody (`off`, if absent), the connection itself (`tls`), or
        /// `x-forwarded-proto`, which only a trusted hop may set (`forwarded`).
        pub(crate) require_https: RequireHttps = optional "require_https" or RequireHttps::Off,
    }
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

object! {
    /// Bounds. Each has one of its own, so that whatever is accepted fits into the memory of a WebAssembly module.
    pub(crate) struct LimitsConfig {
        /// Longest token, in bytes; 8192 if absent.
        pub(crate) token_bytes: Bounded<1, { 1 << 20 }> = optional "token_bytes" or Self::default().token_bytes,
        /// Requests that may wait for keys at the same time in each worker, 0 for none; 256 if absent.
        pub(crate) parked_requests: Bounded<0, { 1 << 16 }> = optional "parked_requests" or Self::default().parked_requests,
        /// Verified tokens that are kept, of 4 KiB each and about 4 MiB in all at most; 0 for none. A hit gives the
        /// verdict that a new check would give.
        pub(crate) cached_tokens: Option<Bounded<0, { 1 << 20 }>> = optional "cached_tokens",
        /// Bytes for tables of keys that are used much: 655,360 for each, and as many for what all share. 0
        /// for none; 4194304 if absent.
        pub(crate) key_table_bytes: Bounded<0, { 1 << 28 }> = optional "key_table_bytes" or Self::default().key_table_bytes,
    }
}

impl Config {
    /// Reads the document and refuses unknown members.
    pub(crate) fn from_json(text: &[u8]) -> Result<Self, ConfigError> {
        if text.len() > MAX_BYTES {
            return Err(ConfigError::new(format!("expected at most {MAX_BYTES} bytes")));
        }
        let document = Json::parse(text).map_err(|fault| {
            let place = match fault.line {
                0 => String::new(),
                line => format!("; the fault is in line {line}, column {}", fault.column),
            };
            ConfigError::new(format!("expected strict JSON: UTF-8, no member twice, at most 32 levels deep{place}"))
        })?;
        let config = Self::read(document.value());
        // There may be private keys in it.
        document.wipe();
        config
    }
}

impl Preset {
    pub(crate) fn from_json(text: &str) -> Result<Self, ConfigError> {
        let document = Json::parse(text).map_err(|_| ConfigError::new("expected strict JSON"))?;
        Self::read(document.value())
    }
}

names!(PresetName { Dataway "dataway", Datakit "datakit", Openapi "openapi", });
names!(Mode { Enforce "enforce", Observe "observe", });
names!(RequireHttps { Off "off", Tls "tls", Forwarded "forwarded", });

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            token_bytes: Bounded(8192),
            parked_requests: Bounded(256),
            cached_tokens: None,
            key_table_bytes: Bounded(4 << 20),
        }
    }
}
