//! The whole way of a token, from request to decision.

use alloc::{format, rc::Rc, string::String, vec::Vec};
use core::cell::{Cell, RefCell};

use crate::{
    error::ConfigError,
    keys::source::KeySource,
    policy::policy::{Access, Policy, PolicyConfig},
    reason::Reason,
    refusal::Refusal,
    request::{
        carrier::{Carried, Carriers},
        connection::ConnectionProperty,
        redact::redact,
        request::Request,
    },
    response::denial::{Denial, Responses},
    signature::tables::KeyTables,
    time::{UnixTime, Window},
    token::{claims::Valid, header::KnownHeader, jws::Unverified},
    upstream::editor::{Editor, UpstreamEdits},
    verifier::{
        cache::Cache,
        document::{Config, Mode, RequireHttps},
        grant::Grant,
        hint::hint,
        provider::Provider,
    },
};

/// Tokens that a host with many requests keeps when the configuration does not say how many.
const CACHED_TOKENS: usize = 4096;

/// Providers, rules and answers, compiled from one configuration.
///
/// The order of checks is fixed: HTTPS, path, carrier, size, segments, base64url, header, `crit`, `alg`, `typ`, key, key
/// window, signature, claims, `iss`, `aud`, `exp`/`nbf`/`iat`, required claims, `cnf`, `sub`, revocation, age of the keys,
/// rule, binding, permission. No reason that depends on a claim is given before the signature holds.
pub struct Verifier {
    providers: Vec<Provider>,
    carriers: Carriers,
    policy: Policy,
    editor: Editor,
    responses: Responses,
    require_https: RequireHttps,
    observe: bool,
    token_bytes: usize,
    parked_requests: usize,
    cached_tokens: Option<usize>,
    cache: RefCell<Cache>,
    tables: RefCell<KeyTables>,
    /// That of the last good token.
    header: RefCell<Option<KnownHeader>>,
    /// The changes of all key sources when the tables were last looked through.
    tables_seen: Cell<u64>,
    warnings: Vec<ConfigError>,
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
    /// Compiles a configuration document that takes nothing from the environment.
    ///
    /// # Errors
    /// [`ConfigError`]: the place as a JSON pointer, and what was expected there.
    pub fn from_json(config: &[u8]) -> Result<Self, ConfigError> {
        Self::with_environment(config, &|_| None)
    }

    /// Compiles a configuration document; `environment` looks up the variables that secrets are in.
    ///
    /// # Errors
    /// [`ConfigError`]: the place as a JSON pointer, and what was expected there.
    pub fn with_environment(config: &[u8], environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut config = Config::from_json(config)?;
        let own_rules = config.rules.len();
        let from = config.apply_presets()?;
        let mut providers: Vec<Provider> = Vec::new();
        let mut carriers = Carriers::default();
        let mut warnings = Vec::new();
        let mut names: Vec<String> = Vec::new();
        if config.providers.is_empty() {
            return Err(ConfigError::new("expected at least one provider").within("providers"));
        }
        for (index, mut provider) in config.providers.into_iter().enumerate() {
            let place = |error: ConfigError| error.within_element(index).within("providers");
            if names.contains(&provider.name) {
                return Err(place(ConfigError::new("expected a name that no other provider has").within("name")));
            }
            // The claimed issuer chooses the keys (RFC 8725 section 3.8), so it must choose one set.
            if providers.iter().any(|other| other.acceptance.issuer == provider.issuer) {
                return Err(place(ConfigError::new("expected an issuer that no other provider has").within("issuer")));
            }
            names.push(provider.name.clone());
            carriers.add(provider.from.take().unwrap_or_else(|| from.clone())).map_err(place)?;
            let (provider, skipped) = Provider::new(provider, environment).map_err(place)?;
            warnings.extend(skipped.into_iter().map(place));
            providers.push(provider);
        }
        if config.rules.is_empty() {
            warnings.push(ConfigError::new("no rule: every request will be denied").within("rules"));
        }
        let observe = config.mode == Mode::Observe;
        if observe {
            warnings.push(ConfigError::new("nothing will be denied").within("mode"));
        }
        let require_https = config.transport.require_https;
        let tls = (require_https == RequireHttps::Tls).then_some(ConnectionProperty::TlsVersion);
        let (policy, unreachable) = Policy::new(PolicyConfig {
            providers: names,
            roles: config.roles,
            policies: config.policies,
            paths: config.paths,
            rules: config.rules,
            own_rules,
            properties: tls.into_iter().collect(),
        })?;
        warnings.extend(unreachable);
        let limits = config.limits;
        let whole = |number: u32| usize::try_from(number).unwrap_or(0);
        let cached_tokens = limits.cached_tokens.map(|count| whole(count.0));
        Ok(Self {
            editor: Editor::new(
                providers.iter().map(|provider| &provider.edits),
                policy.routes().by_method(),
                policy.routes().by_host(),
            ),
            providers,
            carriers,
            policy,
            responses: Responses::new(config.responses)?,
            require_https,
            observe,
            token_bytes: whole(limits.token_bytes.0),
            parked_requests: whole(limits.parked_requests.0),
            cached_tokens,
            cache: RefCell::new(Cache::new(cached_tokens.unwrap_or(0))),
            tables: RefCell::new(KeyTables::new(whole(limits.key_table_bytes.0))),
            header: RefCell::new(None),
            tables_seen: Cell::new(0),
            warnings,
        })
    }

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

    /// Checks that every remote source names the cluster that it is reached through, as Envoy needs it.
    ///
    /// # Errors
    /// [`ConfigError`] for the first that does not.
    pub fn check_clusters(&self) -> Result<(), ConfigError> {
        for (index, provider) in self.providers.iter().enumerate() {
            if provider.keys.request().is_some_and(|request| request.cluster().is_none()) {
                let error = ConfigError::new("required in Envoy, but missing").within("cluster").within("remote");
                let error = if provider.keys.is_bundle() { error.within("bundle") } else { error };
                return Err(error.within("keys").within_element(index).within("providers"));
            }
        }
        Ok(())
    }

    /// Keeps up to [`CACHED_TOKENS`] verified tokens, unless the configuration says how many. It changes no verdict.
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
        let pass = |carried: Option<&Carried<'_>>| {
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
        valid.limit(Window::new(0, provider.check_revocation(&valid, key_id, now)?));
        // Last, so that the rules of a bundle that has become too old go on refusing what they match.
        provider.keys.check_age(now)?;
        Ok(valid)
    }

    /// A table goes with its key.
    fn drop_unused_tables(&self, tables: &mut KeyTables) {
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
