//! The whole way of a token, from request to decision.

use alloc::{format, rc::Rc, string::String, vec::Vec};
use core::cell::{Cell, RefCell};

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
    signature::precomputed_keys::PrecomputedKeys,
    time::{UnixTime, ValidityPeriod},
    token::{header::KnownHeader, jws::Unverified, valid::Valid},
    upstream::editor::{Editor, UpstreamEdits},
    verifier::{cache::Cache, document::RequireHttps, grant::Grant, hint::hint, provider::Provider},
};

/// Tokens that a host with many requests keeps when the configuration does not say how many.
const CACHED_TOKENS: usize = 4096;

/// Providers, rules and answers, compiled from one configuration.
///
/// The order of checks is fixed: HTTPS, path, carrier, size, segments, base64url, header, `crit`, `alg`, `typ`, key, key
/// window, signature, claims, `iss`, `aud`, `exp`/`nbf`/`iat`, required claims, `cnf`, `sub`, revocation, age of the keys,
/// rule, binding, permission. No reason that depends on a claim is given before the signature holds.
pub struct Verifier {
    pub(super) providers: Vec<Provider>,
    pub(super) carriers: Carriers,
    pub(super) policy: Policy,
    pub(super) editor: Editor,
    pub(super) responses: Responses,
    pub(super) require_https: RequireHttps,
    pub(super) observe: bool,
    pub(super) token_bytes: usize,
    pub(super) parked_requests: usize,
    pub(super) cached_tokens: Option<usize>,
    pub(super) cache: RefCell<Cache>,
    pub(super) tables: RefCell<PrecomputedKeys>,
    /// The header of the last good token.
    pub(super) header: RefCell<Option<KnownHeader>>,
    /// The changes of all key sources when the tables were last looked through.
    pub(super) tables_seen: Cell<u64>,
    pub(super) warnings: Vec<ConfigError>,
}

/// What to do with a request.
#[must_use]
pub enum Decision {
    /// Let it go on, with the grant's edits.
    Allow(Grant),
    /// Answer it with the denial's response.
    Deny(Denial),
    /// It would be denied, but the configuration says to watch only: let it go on, with these edits.
    Observe(Denial, UpstreamEdits),
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
        self.providers.iter().map(|provider| &provider.keys).filter(|source| source.request().is_some())
    }

    /// The same, to begin and finish fetches.
    pub fn remote_sources_mut(&mut self) -> impl Iterator<Item = &mut KeySource> {
        self.providers.iter_mut().map(|provider| &mut provider.keys).filter(|source| source.request().is_some())
    }

    /// For a host that reaches servers by names of its own: the first remote source that lacks such a name, as an error at its
    /// place that says `problem`.
    ///
    /// # Errors
    /// [`ConfigError`]: where a `cluster` is missing.
    pub fn require_clusters(&self, problem: &str) -> Result<(), ConfigError> {
        let lacks = |provider: &Provider| provider.keys.request().is_some_and(|request| request.cluster().is_none());
        let Some(index) = self.providers.iter().position(lacks) else { return Ok(()) };
        let error = ConfigError::new(problem).within("cluster").within("remote");
        let is_bundle = self.providers.get(index).is_some_and(|provider| provider.keys.is_bundle());
        let error = if is_bundle { error.within("bundle") } else { error };
        Err(error.within("keys").within_element(index).within("providers"))
    }

    /// Keeps up to 4096 verified tokens, unless the configuration says how many. It changes no verdict.
    pub fn cache_by_default(&mut self) {
        self.cache = RefCell::new(Cache::new(self.cached_tokens.unwrap_or(CACHED_TOKENS)));
    }

    /// The longest token that is looked at; bytes.
    #[must_use]
    pub const fn token_bytes(&self) -> usize {
        self.token_bytes
    }

    /// From now on each kept token has a serial number ([`Valid::serial`]), for a host that has something of its own for
    /// it until [`Verifier::take_dropped`] gives that number.
    pub fn number_kept(&mut self) {
        self.cache.get_mut().number();
    }

    /// The serial number of a token that was kept and is not any more: each once, and `None` when there are no more.
    pub fn take_dropped(&mut self) -> Option<u32> {
        self.cache.get_mut().take_dropped()
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
        for (index, provider) in self.providers.iter().enumerate() {
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

    /// Judges a bare token; rules do not apply.
    ///
    /// # Errors
    /// The [`Refusal`] of the first check that fails.
    pub fn verify(&self, token: &[u8], now: UnixTime) -> Result<Rc<Valid>, Refusal> {
        let changes = |provider: usize| self.providers.get(provider).map_or(0, |provider| provider.keys.changes());
        // Never borrowed twice: nothing here calls back.
        let mut cache = self.cache.try_borrow_mut();
        if let Ok(cache) = &mut cache
            && let Some(valid) = cache.get(token, now, changes)
        {
            self.provider(valid)?.keys.check_age(now)?;
            return Ok(Rc::clone(valid));
        }
        if let Some(valid) = self.verify_opaque(token, now)? {
            return Ok(Rc::new(valid));
        }
        let valid = self.verify_anew(token, now)?;
        let changes = changes(valid.provider());
        Ok(match &mut cache {
            Ok(cache) => cache.insert(token, valid, changes),
            Err(_) => Rc::new(valid),
        })
    }

    /// Judges a request: finds its token, verifies it, and asks the rules.
    pub fn decide(&self, request: &Request<'_>, now: UnixTime) -> Decision {
        match self.grant(request, now) {
            Ok(grant) => Decision::Allow(grant),
            Err(refusal) if self.observe => Decision::Observe(self.deny(refusal), self.editor.observe(request)),
            Err(refusal) => Decision::Deny(self.responses.denial(refusal, Some(request))),
        }
    }

    /// The denial of a request for a reason that the host knows better: keys that it lacks may be on their way.
    #[must_use]
    pub fn deny_request(&self, reason: Reason, request: &Request<'_>) -> Denial {
        self.responses.denial(reason.into(), Some(request))
    }

    /// What to look at when this token is refused for this reason, if there is more to say: for errors and logs of whoever runs
    /// this, as it may say what the configuration accepts. It says nothing of the token but which of the things known here it is.
    #[must_use]
    pub fn hint(&self, token: &[u8], reason: Reason) -> Option<String> {
        hint(reason, token, &self.providers)
    }

    /// The same for the token of a request.
    #[must_use]
    pub fn hint_request(&self, request: &Request<'_>, reason: Reason) -> Option<String> {
        hint(reason, &self.carriers.find(request).ok()?.token, &self.providers)
    }

    /// The headers of a request that clients may not set, in lower case: a denied one's go as well, before a log shows them.
    #[must_use]
    pub fn spoofed_headers(&self, request: &Request<'_>) -> Vec<String> {
        self.editor.observe(request).remove().map(String::from).collect()
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

    fn grant(&self, request: &Request<'_>, now: UnixTime) -> Result<Grant, Refusal> {
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
        let valid = self.verify(&carried.token, now)?;
        self.policy.authorise(access, request, &path, &valid)?;
        let provider = self.provider(&valid)?;
        let edits = self.editor.grant(request, &path, &self.carriers, &carried, &provider.edits, &valid)?;
        Ok(Grant::new(Some(valid), edits))
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

    /// What a token without a signature stands for.
    fn verify_opaque(&self, token: &[u8], now: UnixTime) -> Result<Option<Valid>, Refusal> {
        // A signed token has dots, and none of these has.
        if token.len() > self.token_bytes || token.contains(&b'.') {
            return Ok(None);
        }
        for (index, provider) in self.providers.iter().enumerate() {
            if let Some(valid) = provider.opaque_tokens.find(token, index, &provider.acceptance, now)? {
                provider.check_revocation(&valid, None, now)?;
                return Ok(Some(valid));
            }
        }
        Ok(None)
    }

    // Apart from the short way of a token out of the cache.
    #[inline(never)]
    fn verify_anew(&self, token: &[u8], now: UnixTime) -> Result<Valid, Refusal> {
        let known = self.header.try_borrow().ok();
        let token = Unverified::parse(token, self.token_bytes, known.as_deref().and_then(Option::as_ref))?;
        drop(known);
        let (index, provider) = self.select(&token)?;
        token.check_algorithm(&provider.acceptance.algorithms)?;
        token.check_type(&provider.acceptance.types, provider.acceptance.allow_missing_type)?;
        let (key, key_id, period) = provider.keys.find(&token, &provider.acceptance.issuer, now)?;
        let mut tables = self.tables.try_borrow_mut().ok();
        if let Some(tables) = &mut tables {
            self.drop_unused_tables(tables);
        }
        let (header, segment) = token.header();
        let verified = token.verify(key, tables.as_deref_mut())?;
        // Not before the signature holds: else whoever sends nonsense would make every good token's header be read anew.
        if let Ok(mut known) = self.header.try_borrow_mut()
            && !known.as_ref().is_some_and(|known| known.gave(&header))
        {
            *known = Some(KnownHeader::new(header, segment));
        }
        let mut valid = verified.validate(index, &provider.acceptance, now)?;
        valid.limit(period);
        valid.limit(ValidityPeriod::new(0, provider.check_revocation(&valid, key_id, now)?));
        // Last, so that the rules of a bundle that has become too old go on refusing what they match.
        provider.keys.check_age(now)?;
        Ok(valid)
    }

    /// A table goes with its key.
    fn drop_unused_tables(&self, tables: &mut PrecomputedKeys) {
        let changes = self.providers.iter().fold(0, |sum: u64, provider| sum.saturating_add(provider.keys.changes()));
        if self.tables_seen.replace(changes) != changes {
            tables.retain(|key| self.providers.iter().any(|provider| provider.keys.has(key)));
        }
    }

    /// The provider of a token; every index in a token is one of these.
    fn provider(&self, valid: &Valid) -> Result<&Provider, Reason> {
        self.providers.get(valid.provider()).ok_or(Reason::NotConfigured)
    }

    /// The only provider, or the one whose issuer the token claims.
    fn select(&self, token: &Unverified<'_>) -> Result<(usize, &Provider), Reason> {
        if let [only] = self.providers.as_slice() {
            return Ok((0, only));
        }
        let issuer = token.claimed_issuer();
        let mut providers = self.providers.iter().enumerate();
        if let Some(claimed) = providers.find(|(_, provider)| Some(&provider.acceptance.issuer) == issuer.as_ref()) {
            return Ok(claimed);
        }
        // Nobody's issuer; what no provider accepts of anybody is said first, as the order of checks has it.
        if self.providers.iter().all(|provider| token.check_algorithm(&provider.acceptance.algorithms).is_err()) {
            return Err(Reason::UnsupportedAlgorithm);
        }
        if self.providers.iter().all(|provider| {
            token.check_type(&provider.acceptance.types, provider.acceptance.allow_missing_type).is_err()
        }) {
            return Err(Reason::UnsupportedType);
        }
        Err(Reason::UnknownKey)
    }
}
