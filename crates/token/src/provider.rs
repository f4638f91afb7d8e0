//! One issuer, compiled from its configuration: what its tokens must look like.

use alloc::{string::String, vec::Vec};

use datakit_token_encoding::json;

use crate::{
    bundle::BUNDLE_TYPE,
    claim_header::ClaimHeader,
    claims::Valid,
    config::{ClaimPlaces, ProviderConfig, SubjectConfig},
    config_error::ConfigError,
    header::Algorithm,
    key_source::KeySource,
    numeric_date::UnixTime,
    opaque::OpaqueTokens,
    reason::Reason,
    refusal::Refusal,
    revocation::{Revoked, Rules},
    secret::Environment,
    token_edit::TokenEdit,
};

/// More skew than this hides broken clocks.
const MAX_CLOCK_SKEW: u64 = 300;

/// What an issuer's tokens must fulfil. Durations are seconds.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) types: Vec<String>,
    pub(crate) allow_missing_type: bool,
    pub(crate) required_claims: Vec<String>,
    pub(crate) claims: ClaimPlaces,
    subjects: Option<Vec<SubjectConfig>>,
    pub(crate) clock_skew: u64,
    pub(crate) max_lifetime: Option<u64>,
    pub(crate) max_age: Option<u64>,
    pub(crate) keys: KeySource,
    /// From the configuration; those of a trust bundle are with its keys.
    pub(crate) revocations: Rules,
    pub(crate) opaque_tokens: OpaqueTokens,
    pub(crate) token_edit: TokenEdit,
    pub(crate) claim_headers: Vec<ClaimHeader>,
}

impl Provider {
    /// Checks and compiles one member of `providers`; `from` was taken out before.
    #[inline(never)]
    pub(crate) fn new(
        config: ProviderConfig,
        environment: Environment<'_>,
    ) -> Result<(Self, Vec<ConfigError>), ConfigError> {
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
        // A signed set of keys must never pass for a token.
        if config.types.iter().any(|one| one.to_ascii_lowercase().ends_with(BUNDLE_TYPE)) {
            return Err(ConfigError::new("expected types of tokens, not `keybundle+jwt`").within("types"));
        }
        let (keys, skipped) = KeySource::new(&config.name, config.keys, &config.issuer, config.clock_skew.0)
            .map_err(|error| error.within("keys"))?;
        let skipped = skipped.into_iter().map(|error| error.within("keys")).collect();
        let mut claim_headers = Vec::new();
        for (index, mapping) in config.claims_to_headers.into_iter().enumerate() {
            let place = |error: ConfigError| error.within_element(index).within("claims_to_headers");
            let header = ClaimHeader::new(mapping).map_err(place)?;
            if claim_headers.iter().any(|other: &ClaimHeader| other.name() == header.name()) {
                return Err(place(ConfigError::new("expected a header that no other claim goes to").within("header")));
            }
            claim_headers.push(header);
        }
        if let Some(subjects) = &config.subjects {
            // An empty prefix would accept everybody, which no `subjects` says better.
            let empty = |subject: &SubjectConfig| {
                let (SubjectConfig::Exact(text) | SubjectConfig::Prefix(text)) = subject;
                text.is_empty()
            };
            if subjects.is_empty() || subjects.iter().any(empty) {
                let problem = "expected at least one subject, and in each at least one character";
                return Err(ConfigError::new(problem).within("subjects"));
            }
        }
        let places = &config.claims;
        let places = [
            ("roles", &places.roles),
            ("permissions", &places.permissions),
            ("scope", &places.scope),
            ("workspace", &places.workspace),
        ];
        if let Some((name, _)) = places.into_iter().find(|(_, pointer)| !json::is_pointer(pointer)) {
            return Err(ConfigError::new("expected a JSON pointer such as `/realm_access/roles`")
                .within(name)
                .within("claims"));
        }
        let token_edit = TokenEdit::new(config.forward, config.swap, environment)?;
        if let Some(header) = token_edit.header()
            && claim_headers.iter().any(|claim| claim.name() == header)
        {
            let error = ConfigError::new("expected a header that no claim goes to").within("header");
            return Err(error.within("to").within("swap"));
        }
        let opaque_tokens = OpaqueTokens::new(config.opaque_tokens, &config.issuer, environment)?;
        let provider = Self {
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
            keys,
            revocations: config.revocations.0,
            opaque_tokens,
            token_edit,
            claim_headers,
        };
        Ok((provider, skipped))
    }

    /// RFC 9068 section 2.2: `sub` is one of the configured.
    pub(crate) fn check_subject(&self, subject: Option<&str>) -> Result<(), Refusal> {
        let Some(subjects) = &self.subjects else { return Ok(()) };
        let subject = subject.ok_or(Refusal::about(Reason::ClaimMissing, "sub"))?;
        let accepted = subjects.iter().any(|accepted| match accepted {
            SubjectConfig::Exact(text) => text == subject,
            SubjectConfig::Prefix(text) => subject.starts_with(text.as_str()),
        });
        if accepted { Ok(()) } else { Err(Refusal::about(Reason::SubjectMismatch, "sub")) }
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

fn not_empty<'t>(name: &str, texts: impl IntoIterator<Item = &'t String>) -> Result<(), ConfigError> {
    let mut texts = texts.into_iter().peekable();
    if texts.peek().is_none() || texts.any(String::is_empty) {
        return Err(
            ConfigError::new("expected at least one character, and in an array at least one string").within(name)
        );
    }
    Ok(())
}
