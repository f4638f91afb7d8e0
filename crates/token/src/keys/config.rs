//! `keys` and `revocations` of a provider.

use alloc::{string::String, vec::Vec};

use datakit_token_encoding::json::{Json, Value};

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
    #[derive(Debug, Default)]
    pub struct KeysConfig exactly one of "inline" | "remote" | "bundle" {
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
    #[derive(Clone, Debug)]
    pub struct RemoteConfig {
        /// https; http only to the machine itself.
        pub(crate) url: String = required "url",
        /// The proxy's own name for the server: a cluster.
        pub(crate) cluster: Option<String> = optional "cluster",
        /// Time that a fetch may take; `5s` if absent.
        pub(crate) timeout: Duration = optional "timeout" or Self::TIMEOUT,
        /// Longest time between two fetches; `300s` if absent.
        pub(crate) refresh: Duration = optional "refresh" or Self::REFRESH,
        /// Shortest time between two fetches, failed ones included; `10s` if absent.
        pub(crate) cooldown: Duration = optional "cooldown" or Self::COOLDOWN,
        /// How long keys may be used when no fetch succeeds: of a JWK Set an hour, or `refresh` if that is longer; of a
        /// bundle a day.
        pub(crate) stale_for: Option<Duration> = optional "stale_for",
        /// Longest document: of a JWK Set 65536 bytes if absent, of a bundle 1048576.
        pub(crate) max_bytes: Option<u32> = optional "max_bytes",
    }
}

object! {
    /// A signed document with keys and revocation rules.
    #[derive(Debug)]
    pub(crate) struct BundleConfig exactly one of "inline" | "remote" {
        /// A JWK Set of the keys that may sign it.
        pub(crate) roots: JwkSetConfig = required "roots",
        /// Bundles with a lower `seq` are refused from the start; 0 if absent.
        pub(crate) min_seq: u64 = optional "min_seq" or 0,
        /// The bundle itself.
        pub(crate) inline: Option<String> = optional "inline",
        /// The bundle on a server.
        pub(crate) remote: Option<RemoteConfig> = optional "remote",
    }
}

/// A JWK Set, and what is skipped in it.
#[derive(Debug, Default)]
pub(crate) struct JwkSetConfig {
    pub(crate) keys: KeySet,
    pub(crate) skipped: Vec<ConfigError>,
}

/// Rules that refuse tokens of this provider.
#[derive(Debug, Default)]
pub(crate) struct RevocationsConfig(pub(crate) RevocationRules);

impl KeysConfig {
    /// The keys of a JWK Set (RFC 7517).
    ///
    /// # Errors
    /// [`ConfigError`]: the place in the set, and what was expected there.
    pub fn inline(set: &[u8]) -> Result<Self, ConfigError> {
        Ok(Self { inline: Some(JwkSetConfig::parse(set)?), ..Self::default() })
    }

    /// The keys of a JWK Set on a server. Whoever runs the verifier fetches it: see [`crate::KeySource`].
    #[must_use]
    pub fn remote(remote: RemoteConfig) -> Self {
        Self { remote: Some(remote), ..Self::default() }
    }

    /// A trust bundle on a server, signed by one of the keys in this JWK Set.
    ///
    /// # Errors
    /// [`ConfigError`]: the place in the set, and what was expected there.
    pub fn remote_bundle(roots: &[u8], remote: RemoteConfig) -> Result<Self, ConfigError> {
        let roots = JwkSetConfig::parse(roots)?;
        let bundle = BundleConfig { roots, min_seq: 0, inline: None, remote: Some(remote) };
        Ok(Self { bundle: Some(bundle), ..Self::default() })
    }
}

impl RemoteConfig {
    const TIMEOUT: Duration = Duration(5);
    const REFRESH: Duration = Duration(300);
    const COOLDOWN: Duration = Duration(10);

    /// The document at this URL: https, or http to the machine itself.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        let (timeout, refresh, cooldown) = (Self::TIMEOUT, Self::REFRESH, Self::COOLDOWN);
        Self { url: url.into(), cluster: None, timeout, refresh, cooldown, stale_for: None, max_bytes: None }
    }

    /// The longest time between two fetches, in seconds; 300 unless this is said.
    #[must_use]
    pub const fn with_refresh(mut self, seconds: u64) -> Self {
        self.refresh = Duration(seconds);
        self
    }

    /// The shortest time between two fetches, in seconds; 10 unless this is said.
    #[must_use]
    pub const fn with_cooldown(mut self, seconds: u64) -> Self {
        self.cooldown = Duration(seconds);
        self
    }

    /// How long keys may be used when no fetch succeeds, in seconds.
    #[must_use]
    pub const fn with_stale_for(mut self, seconds: u64) -> Self {
        self.stale_for = Some(Duration(seconds));
        self
    }
}

impl JwkSetConfig {
    fn parse(set: &[u8]) -> Result<Self, ConfigError> {
        let set = Json::parse(set).map_err(|_| ConfigError::new("expected a JWK Set in strict JSON"))?;
        Self::read(set.value())
    }
}

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
