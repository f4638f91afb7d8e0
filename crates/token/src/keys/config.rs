//! `keys` and `revocations` of a provider.

use alloc::{string::String, vec::Vec};

use datakit_token_encoding::json::Value;

use crate::{
    config::{
        reader::{Read, object},
        value::Duration,
    },
    error::ConfigError,
    keys::{key_set::KeySet, revocation::RevocationRules},
};

object! {
    /// Where the provider's keys come from: exactly one of these.
    #[derive(Default)]
    pub(crate) struct KeysConfig exactly one of "inline" | "remote" | "bundle" {
        /// A JWK Set (RFC 7517). Foreign members of any type are allowed in it.
        pub(crate) inline: Option<JwkSetConfig> = optional "inline",
        /// A JWK Set on a server.
        pub(crate) remote: Option<RemoteConfig> = optional "remote",
        /// Signed keys and revocation rules.
        pub(crate) bundle: Option<BundleConfig> = optional "bundle",
    }
}

object! {
    /// A document on a server.
    pub(crate) struct RemoteConfig {
        /// https; http only to the machine itself.
        pub(crate) url: String = required "url",
        /// Envoy's name for the server.
        pub(crate) cluster: Option<String> = optional "cluster",
        /// Time that a fetch may take.
        pub(crate) timeout: Duration = optional "timeout" or Duration(5),
        /// Longest time between two fetches.
        pub(crate) refresh: Duration = optional "refresh" or Duration(300),
        /// Shortest time between two fetches, failed ones included.
        pub(crate) cooldown: Duration = optional "cooldown" or Duration(10),
        /// How long keys may be used when no fetch succeeds.
        pub(crate) stale_for: Option<Duration> = optional "stale_for",
        /// Longest document.
        pub(crate) max_bytes: Option<u32> = optional "max_bytes",
    }
}

object! {
    /// A signed document with keys and revocation rules.
    pub(crate) struct BundleConfig exactly one of "inline" | "remote" {
        /// A JWK Set of the keys that may sign it.
        pub(crate) roots: JwkSetConfig = required "roots",
        /// Bundles with a lower `seq` are refused from the start.
        pub(crate) min_seq: u64 = optional "min_seq" or 0,
        /// The bundle itself.
        pub(crate) inline: Option<String> = optional "inline",
        /// The bundle on a server.
        pub(crate) remote: Option<RemoteConfig> = optional "remote",
    }
}

/// A JWK Set, and what is skipped in it.
#[derive(Default)]
pub(crate) struct JwkSetConfig {
    pub(crate) keys: KeySet,
    pub(crate) skipped: Vec<ConfigError>,
}

/// Rules that refuse tokens of this provider.
#[derive(Default)]
pub(crate) struct RevocationsConfig(pub(crate) RevocationRules);

impl Read for JwkSetConfig {
    fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        KeySet::read(value).map(|(keys, skipped)| Self { keys, skipped })
    }
}

impl Read for RevocationsConfig {
    fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        RevocationRules::read(value).map(Self)
    }
}
