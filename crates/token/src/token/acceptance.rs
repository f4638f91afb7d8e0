//! What an issuer's tokens must fulfil, whoever signed them and whatever they are for.

use alloc::{format, string::String, vec::Vec};

use datakit_token_encoding::json;

use crate::{
    config::value::not_empty,
    error::ConfigError,
    reason::Reason,
    refusal::Refusal,
    token::{
        config::{ClaimPlaces, SubjectConfig},
        header::{Algorithm, BUNDLE_TYPE},
    },
};

/// More skew than this hides broken clocks.
const MAX_CLOCK_SKEW: u64 = 300;

/// What an issuer's tokens must fulfil. Durations are seconds.
pub(crate) struct Acceptance {
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) types: Vec<String>,
    pub(crate) allow_missing_type: bool,
    pub(crate) required_claims: Vec<String>,
    pub(crate) claims: ClaimPlaces,
    pub(crate) subjects: Option<Vec<SubjectConfig>>,
    pub(crate) clock_skew: u64,
    pub(crate) max_lifetime: Option<u64>,
    pub(crate) max_age: Option<u64>,
}

impl Acceptance {
    /// Whether what a member of `providers` says of tokens makes sense; asked once, when it is compiled.
    #[inline(never)]
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        not_empty("issuer", [&self.issuer])?;
        // RFC 8725 section 3.9: a verifier without an audience takes tokens meant for others.
        not_empty("audiences", &self.audiences)?;
        not_empty("types", &self.types)?;
        if self.algorithms.is_empty() {
            return Err(ConfigError::new("expected at least one of `EdDSA`, `Ed25519`").within("algorithms"));
        }
        if self.clock_skew > MAX_CLOCK_SKEW {
            return Err(ConfigError::new("expected at most `300s`").within("clock_skew"));
        }
        // A signed set of keys must never pass for a token.
        if self.types.iter().any(|one| one.to_ascii_lowercase().ends_with(BUNDLE_TYPE)) {
            return Err(ConfigError::new(format!("expected types of tokens, not `{BUNDLE_TYPE}`")).within("types"));
        }
        if let Some(subjects) = &self.subjects {
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
        let places = &self.claims;
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
        Ok(())
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
}
