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
    token::{acceptance::Acceptance, jws::Unverified, opaque::OpaqueTokens, valid::Valid},
    upstream::provider_edits::ProviderEdits,
    verifier::{provider_config::ProviderConfig, sealed_tokens::Opener},
};

/// One member of `providers`.
pub(crate) struct Provider {
    pub(crate) acceptance: Acceptance,
    pub(crate) keys: KeySource,
    /// From the configuration; those of a trust bundle are with its keys.
    pub(crate) revocations: RevocationRules,
    pub(crate) opaque_tokens: OpaqueTokens,
    /// Refuses tokens that are not encrypted.
    pub(crate) encryption_required: bool,
}

impl Provider {
    /// Checks and compiles the member of `providers` at this place, of which `from` was taken out before. Gives what
    /// the upstream gets as well, and keys that were skipped.
    #[inline(never)]
    pub(crate) fn new(
        config: ProviderConfig,
        index: usize,
        environment: Environment<'_>,
        opener: &mut Opener,
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
        let encryption_required = config.encryption.as_ref().is_some_and(|encryption| encryption.required);
        if encryption_required && !config.opaque_tokens.is_empty() {
            let problem = "expected `false` beside `opaque_tokens`, which are never encrypted";
            return Err(ConfigError::new(problem).within("required").within("encryption"));
        }
        if let Some(encryption) = config.encryption {
            let problem =
                "nothing here opens encrypted tokens: `datakit-token/sealed` does, or an `Unseal` for the builder";
            let opener = opener.as_mut().ok_or_else(|| ConfigError::new(problem).within("encryption"))?;
            let added = opener.add_keys(encryption, index, environment);
            added.map_err(|error| error.within("keys").within("encryption"))?;
        }
        let opaque_tokens = OpaqueTokens::new(config.opaque_tokens, index, &acceptance.issuer, environment)?;
        let revocations = config.revocations.0;
        let provider = Self { acceptance, keys, revocations, opaque_tokens, encryption_required };
        Ok((provider, edits, skipped))
    }

    /// The algorithm of the token, outermost first: the key agreement where only encrypted tokens are accepted (RFC
    /// 8725 section 3.1), and then the signature's.
    pub(crate) fn check_algorithm(&self, token: &Unverified<'_>, is_sealed: bool) -> Result<(), Reason> {
        if self.encryption_required && !is_sealed {
            return Err(Reason::UnsupportedAlgorithm);
        }
        token.check_algorithm(&self.acceptance.algorithms)
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
