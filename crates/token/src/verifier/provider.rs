//! One issuer, compiled from its configuration: which of its tokens count, its keys, and what is taken back.

use alloc::vec::Vec;

use crate::{
    config::{secret::Environment, value::not_empty},
    error::ConfigError,
    keys::{
        revocation::{RevocationRules, Revoked},
        source::KeySource,
    },
    reason::Reason,
    time::UnixTime,
    token::{acceptance::Acceptance, opaque::OpaqueTokens, valid::Valid},
    upstream::provider_edits::ProviderEdits,
    verifier::provider_config::ProviderConfig,
};

/// One member of `providers`.
pub(crate) struct Provider {
    pub(crate) acceptance: Acceptance,
    pub(crate) keys: KeySource,
    /// From the configuration; those of a trust bundle are with its keys.
    pub(crate) revocations: RevocationRules,
    pub(crate) opaque_tokens: OpaqueTokens,
}

impl Provider {
    /// Checks and compiles the member of `providers` at this place, of which `from` was taken out before. Gives what
    /// the upstream gets as well, and keys that were skipped.
    #[inline(never)]
    pub(crate) fn new(
        config: ProviderConfig,
        index: usize,
        environment: Environment<'_>,
    ) -> Result<(Self, ProviderEdits, Vec<ConfigError>), ConfigError> {
        not_empty("name", [&config.name])?;
        let acceptance = Acceptance {
            issuer: config.issuer,
            audiences: config.audiences,
            algorithms: config.algorithms,
            types: config.types,
            allow_missing_type: config.allow_missing_type,
            required_claims: config.required_claims,
            claims: config.claims,
            subjects: config.subjects,
            clock_skew: config.clock_skew.0,
            max_lifetime: config.max_lifetime.map(|duration| duration.0),
            max_age: config.max_age.map(|duration| duration.0),
        };
        acceptance.check()?;
        let (keys, skipped) = KeySource::new(&config.name, config.keys, &acceptance.issuer, acceptance.clock_skew)
            .map_err(|error| error.within("keys"))?;
        let skipped = skipped.into_iter().map(|error| error.within("keys")).collect();
        let edits = ProviderEdits::new(
            config.claims_to_headers,
            config.forward,
            config.swap,
            &acceptance.claims.workspace,
            environment,
        )?;
        let opaque_tokens = OpaqueTokens::new(config.opaque_tokens, index, &acceptance.issuer, environment)?;
        let provider = Self { acceptance, keys, revocations: config.revocations.0, opaque_tokens };
        Ok((provider, edits, skipped))
    }

    /// Asks the rules of the configuration and those of the trust bundle; the first second from which one refuses.
    /// `key_id` is that of the key which verified the token: whoever holds a leaked one may leave `kid` out.
    pub(crate) fn check_revocation(&self, valid: &Valid, key_id: Option<&str>, now: UnixTime) -> Result<u64, Reason> {
        let mut first = u64::MAX;
        for rules in [Some(&self.revocations), self.keys.rules()].into_iter().flatten() {
            let sleeping = rules.check(valid.claims(), key_id, now.as_secs());
            let from = sleeping.map_err(|Revoked| Reason::Revoked)?;
            first = first.min(from.unwrap_or(u64::MAX));
        }
        Ok(first)
    }
}
