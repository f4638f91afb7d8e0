//! The whole way of a token, from request to decision.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use crate::{
    error::ConfigError,
    keys::source::KeySource,
    policy::policy::{Access, Policy},
    reason::Reason,
    refusal::Refusal,
    request::{
        carrier::{Carriers, FoundToken},
        connection::ConnectionProperty,
        redact::redact,
        request::Request,
    },
    response::denial::{Denial, Responses},
    shared::Shared,
    time::UnixTime,
    token::valid::Valid,
    upstream::editor::Editor,
    verifier::{
        accepted::Accepted, decision::Decision, document::RequireHttps, grant::Grant, hint::hint, memory::Memory,
        provider::Provider, token_verifier::TokenVerifier,
    },
};

/// Tokens that a memory keeps when neither the configuration nor its maker says how many.
const CACHED_TOKENS: usize = 4096;

/// Providers, rules and answers, compiled from one configuration. All workers may share it; what one of them remembers
/// is in its [`Memory`].
///
/// The order of checks is fixed: HTTPS, path, carrier, size, encryption, segments, base64url, header, `crit`, `alg`,
/// `typ`, key, key window, signature, claims, `iss`, `aud`, `exp`/`nbf`/`iat`, required claims, `cnf`, `sub`, claims
/// that the encrypted token's header repeats, revocation, age of the keys, rule, binding, permission. No reason that
/// depends on a claim is given before the signature holds.
pub struct Verifier {
    pub(super) tokens: TokenVerifier,
    pub(super) carriers: Carriers,
    pub(super) policy: Policy,
    pub(super) editor: Editor,
    pub(super) responses: Responses,
    pub(super) require_https: RequireHttps,
    pub(super) observe: bool,
    pub(super) parked_requests: usize,
    /// What the configuration says.
    pub(super) cached_tokens: Option<usize>,
    pub(super) key_table_bytes: usize,
    pub(super) warnings: Vec<ConfigError>,
}

impl Verifier {
    /// What the host has to say about each connection, for [`Request::with_connection`].
    #[must_use]
    pub fn connection_properties(&self) -> &[ConnectionProperty] {
        self.policy.properties()
    }

    /// Whether one of these roles grants a permission.
    #[must_use]
    pub fn roles_grant<'r>(&self, roles: impl IntoIterator<Item = &'r str>, permission: &str) -> bool {
        self.policy.roles().grant(roles, permission)
    }

    /// The key sources that have something to fetch.
    pub fn remote_sources(&self) -> impl Iterator<Item = &KeySource> {
        self.tokens.providers.iter().map(|provider| &provider.keys).filter(|source| source.request().is_some())
    }

    /// The same, to begin and finish fetches.
    pub fn remote_sources_mut(&mut self) -> impl Iterator<Item = &mut KeySource> {
        self.tokens.providers.iter_mut().map(|provider| &mut provider.keys).filter(|source| source.request().is_some())
    }

    /// For a host that reaches servers by names of its own: the first remote source that lacks such a name, as an error
    /// at its place that says `problem`.
    ///
    /// # Errors
    /// [`ConfigError`]: where a `cluster` is missing.
    pub fn require_clusters(&self, problem: &str) -> Result<(), ConfigError> {
        let lacks = |provider: &Provider| provider.keys.request().is_some_and(|request| request.cluster().is_none());
        let Some(index) = self.tokens.providers.iter().position(lacks) else { return Ok(()) };
        let error = ConfigError::new(problem).within("cluster").within("remote");
        let is_bundle = self.tokens.providers.get(index).is_some_and(|provider| provider.keys.is_bundle());
        let error = if is_bundle { error.within("bundle") } else { error };
        Err(error.within("keys").within_element(index).within("providers"))
    }

    /// A memory for a worker of a server: up to 4096 verified tokens, unless the configuration says how many.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.memory_for(CACHED_TOKENS)
    }

    /// A memory for up to so many verified tokens, unless the configuration says how many.
    #[must_use]
    pub fn memory_for(&self, tokens: usize) -> Memory {
        self.tokens.memory(self.cached_tokens.unwrap_or(tokens), self.key_table_bytes)
    }

    /// The longest token that is looked at; bytes.
    #[must_use]
    pub const fn token_bytes(&self) -> usize {
        self.tokens.token_bytes
    }

    /// How many requests may wait for keys at the same time.
    #[must_use]
    pub const fn parked_requests(&self) -> usize {
        self.parked_requests
    }

    /// What was configured, as a line for a log: providers and their keys, how many rules, the mode.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut summary = String::from("providers: ");
        for (index, provider) in self.tokens.providers.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            summary.push_str(&format!("{comma}{} ({})", provider.keys.provider(), provider.keys.summary()));
        }
        let mode = if self.observe { "observe" } else { "enforce" };
        summary.push_str(&format!("; rules: {}; mode: {mode}", self.policy.len()));
        summary
    }

    /// What is accepted in the configuration, but hardly meant: skipped keys, no rules.
    #[must_use]
    pub fn warnings(&self) -> &[ConfigError] {
        &self.warnings
    }

    /// Judges a bare token; rules do not apply. Nothing is remembered: see [`Verifier::verify_with`].
    ///
    /// # Errors
    /// The [`Refusal`] of the first check that fails.
    pub fn verify(&self, token: &[u8], now: UnixTime) -> Result<Shared<Valid>, Refusal> {
        self.verify_with(&mut self.no_memory(), token, now)
    }

    /// Judges a bare token, by what this worker remembers where that saves work; rules do not apply.
    ///
    /// # Errors
    /// The [`Refusal`] of the first check that fails.
    pub fn verify_with(&self, memory: &mut Memory, token: &[u8], now: UnixTime) -> Result<Shared<Valid>, Refusal> {
        self.tokens.accept(memory, token, now).map(|accepted| Shared::clone(&accepted.valid))
    }

    /// Judges a request: finds its token, verifies it, and asks the rules. Nothing is remembered: see
    /// [`Verifier::decide_with`].
    pub fn decide(&self, request: &Request<'_>, now: UnixTime) -> Decision {
        self.decide_with(&mut self.no_memory(), request, now)
    }

    /// Judges a request, by what this worker remembers where that saves work.
    pub fn decide_with(&self, memory: &mut Memory, request: &Request<'_>, now: UnixTime) -> Decision {
        match self.grant(memory, request, now) {
            Ok(grant) => Decision::Allow(grant),
            Err(refusal) => self.refuse_request(refusal, request),
        }
    }

    /// What to do with a request that is refused: also one that the host refuses for a reason of its own, such as a
    /// token that its own list has as revoked.
    pub fn refuse_request(&self, refusal: impl Into<Refusal>, request: &Request<'_>) -> Decision {
        if self.observe {
            Decision::Observe(self.deny(refusal), self.editor.without_spoofed(request))
        } else {
            Decision::Deny(self.responses.denial(refusal.into(), Some(request)))
        }
    }

    /// The place of the rule that decides about a request: in `rules` of the configuration, and after the last of them
    /// in those of its presets. `None` if no rule is for it, or its path can be read in two ways.
    #[must_use]
    pub fn rule_of(&self, request: &Request<'_>) -> Option<usize> {
        self.policy.rule_of(request)
    }

    /// The denial of a request for a reason that the host knows better: keys that it lacks may be on their way.
    #[must_use]
    pub fn deny_request(&self, reason: Reason, request: &Request<'_>) -> Denial {
        self.responses.denial(reason.into(), Some(request))
    }

    /// What to look at when this token is refused for this reason, if there is more to say: for errors and logs of
    /// whoever runs this, as it may say what the configuration accepts. It says nothing of the token but which of the
    /// things known here it is.
    #[must_use]
    pub fn hint(&self, token: &[u8], reason: Reason) -> Option<String> {
        hint(reason, token, &self.tokens.providers, &self.tokens.opener)
    }

    /// The same for the token of a request.
    #[must_use]
    pub fn hint_request(&self, request: &Request<'_>, reason: Reason) -> Option<String> {
        self.hint(&self.carriers.find(request).ok()?.token, reason)
    }

    /// The headers of a request that clients may not set, in lower case: a denied one's go as well, before a log shows
    /// them.
    #[must_use]
    pub fn spoofed_headers(&self, request: &Request<'_>) -> Vec<String> {
        self.editor.without_spoofed(request).remove().map(String::from).collect()
    }

    /// What a log may show instead of the target of a denied request, if that has a token in it.
    #[must_use]
    pub fn shown_path(&self, request: &Request<'_>) -> Option<Vec<u8>> {
        redact(request.path(), &self.carriers)
    }

    /// The denial of a request that cannot be put to [`Verifier::decide`], for instance without a clock.
    #[must_use]
    pub fn deny(&self, refusal: impl Into<Refusal>) -> Denial {
        self.responses.denial(refusal.into(), None)
    }

    fn grant(&self, memory: &mut Memory, request: &Request<'_>, now: UnixTime) -> Result<Grant, Refusal> {
        self.check_transport(request)?;
        // A path with two readings is refused whatever the token says.
        let (path, access) = self.policy.find(request)?;
        let pass = |carried: Option<&FoundToken<'_>>| {
            Ok(Grant::new(None, self.editor.pass(request, &path, &self.carriers, carried)?))
        };
        let carried = match (access, self.carriers.find(request)) {
            (Some(Access::Unchecked | Access::Anyone), Err(Reason::MissingToken)) => return pass(None),
            (Some(Access::Unchecked), Ok(carried)) => return pass(Some(&carried)),
            (_, carried) => carried?,
        };
        let Accepted { valid, headers, met_rule } = self.tokens.accept(memory, &carried.token, now)?;
        self.policy.authorise(access, request, &path, valid, met_rule)?;
        let edits = self.editor.grant(request, &path, &self.carriers, &carried, valid, headers)?;
        Ok(Grant::new(Some(Shared::clone(valid)), edits))
    }

    /// A memory that keeps nothing.
    fn no_memory(&self) -> Memory {
        self.tokens.memory(0, 0)
    }

    /// RFC 6750 section 5.2: TLS. Only the connection, or a hop that the operator trusts, can say so.
    fn check_transport(&self, request: &Request<'_>) -> Result<(), Reason> {
        let secure = match self.require_https {
            RequireHttps::Off => true,
            RequireHttps::Tls => {
                request.connection(ConnectionProperty::TlsVersion).is_some_and(|version| !version.is_empty())
            }
            RequireHttps::Forwarded => request.only_value("x-forwarded-proto") == Some(b"https"),
        };
        if secure { Ok(()) } else { Err(Reason::InsecureTransport) }
    }
}

impl fmt::Debug for Verifier {
    /// Its summary: no secret, and nothing of a key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Verifier({})", self.summary())
    }
}
