//! One issuer, compiled from its configuration: what its tokens must look like.

use alloc::{string::String, vec::Vec};

use crate::{config::ProviderConfig, config_error::ConfigError, jws::Algorithm, keys::KeySet, upstream::ClaimHeader};

/// More skew than this hides broken clocks.
const MAX_CLOCK_SKEW: u64 = 300;

/// What an issuer's tokens must fulfil. Durations are seconds.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) types: Vec<String>,
    pub(crate) required_claims: Vec<String>,
    pub(crate) clock_skew: u64,
    pub(crate) max_lifetime: Option<u64>,
    pub(crate) max_age: Option<u64>,
    pub(crate) keys: KeySet,
    pub(crate) forward: bool,
    pub(crate) claim_headers: Vec<ClaimHeader>,
}

impl Provider {
    /// Checks and compiles one member of `providers`; `from` was taken out before.
    pub(crate) fn new(config: ProviderConfig) -> Result<(Self, Vec<ConfigError>), ConfigError> {
        not_empty("name", [&config.name])?;
        not_empty("issuer", [&config.issuer])?;
        // RFC 8725 section 3.9: a verifier without an audience takes tokens meant for others.
        not_empty("audiences", &config.audiences)?;
        not_empty("types", &config.types)?;
        if config.algorithms.is_empty() {
            return Err(ConfigError::new("expected at least one of `EdDSA`, `Ed25519`").within("algorithms"));
        }
        if config.clock_skew.0 > MAX_CLOCK_SKEW {
            return Err(ConfigError::new("expected at most `300s`").within("clock_skew"));
        }
        let (keys, skipped) =
            KeySet::read(&config.keys.inline).map_err(|error| error.within("inline").within("keys"))?;
        let skipped = skipped.into_iter().map(|error| error.within("inline").within("keys")).collect();
        let mut claim_headers = Vec::new();
        for (index, mapping) in config.claims_to_headers.into_iter().enumerate() {
            let place = |error: ConfigError| error.within(&alloc::format!("{index}")).within("claims_to_headers");
            claim_headers.push(ClaimHeader::new(mapping).map_err(place)?);
        }
        let provider = Self {
            issuer: config.issuer,
            audiences: config.audiences,
            algorithms: config.algorithms,
            types: config.types,
            required_claims: config.required_claims,
            clock_skew: config.clock_skew.0,
            max_lifetime: config.max_lifetime.map(|duration| duration.0),
            max_age: config.max_age.map(|duration| duration.0),
            keys,
            forward: config.forward,
            claim_headers,
        };
        Ok((provider, skipped))
    }
}

fn not_empty<'t>(name: &str, texts: impl IntoIterator<Item = &'t String>) -> Result<(), ConfigError> {
    let mut texts = texts.into_iter().peekable();
    if texts.peek().is_none() || texts.any(String::is_empty) {
        return Err(
            ConfigError::new("expected at least one character, and in an array at least one string").within(name)
        );
    }
    Ok(())
}
