//! The whole way of a token, from request to decision.

use alloc::{format, rc::Rc, string::String, vec::Vec};
use core::cell::RefCell;

use crate::{
    cache::Cache,
    carrier::Carriers,
    claims::Valid,
    config::Config,
    config_error::ConfigError,
    jws::Unverified,
    key_source::KeySource,
    numeric_date::{UnixTime, Window},
    path::Path,
    policy::{Grant, Policy},
    provider::Provider,
    reason::Reason,
    request::Request,
    response::{Denial, Responses},
    upstream,
};

/// Tokens that a host with many requests keeps when the configuration does not say how many.
const CACHED_TOKENS: usize = 4096;

/// Providers, rules and answers, compiled from one configuration.
///
/// The order of checks is fixed: carrier, size, segments, base64url, header, `crit`, `alg`, `typ`, key, key window,
/// signature, claims, `iss`, `aud`, `exp`/`nbf`/`iat`, required claims, `cnf`, revocation, age of the keys, rule, permission. No reason that depends on a
/// claim is given before the signature holds.
pub struct Verifier {
    providers: Vec<Provider>,
    carriers: Carriers,
    policy: Policy,
    responses: Responses,
    token_bytes: usize,
    parked_requests: usize,
    cached_tokens: Option<usize>,
    cache: RefCell<Cache>,
    claim_header_names: Vec<String>,
    warnings: Vec<ConfigError>,
}

/// What to do with a request.
#[must_use]
pub enum Decision {
    /// Let it go on, with the grant's edits.
    Allow(Grant),
    /// Answer it with the denial's response.
    Deny(Denial),
}

impl Verifier {
    /// Compiles a configuration document.
    ///
    /// # Errors
    /// [`ConfigError`]: the place as a JSON pointer, and what was expected there.
    pub fn from_json(config: &[u8]) -> Result<Self, ConfigError> {
        let config = Config::from_json(config)?;
        let mut providers: Vec<Provider> = Vec::new();
        let mut carriers = Carriers::default();
        let mut warnings = Vec::new();
        let mut names: Vec<String> = Vec::new();
        let mut claim_header_names: Vec<String> = Vec::new();
        if config.providers.is_empty() {
            return Err(ConfigError::new("expected at least one provider").within("providers"));
        }
        for (index, mut provider) in config.providers.into_iter().enumerate() {
            let place = |error: ConfigError| error.within(&format!("{index}")).within("providers");
            if names.contains(&provider.name) {
                return Err(place(ConfigError::new("expected a name that no other provider has").within("name")));
            }
            // The claimed issuer chooses the keys (RFC 8725 section 3.8), so it must choose one set.
            if providers.iter().any(|other| other.issuer == provider.issuer) {
                return Err(place(ConfigError::new("expected an issuer that no other provider has").within("issuer")));
            }
            names.push(provider.name.clone());
            carriers.add(core::mem::take(&mut provider.from)).map_err(place)?;
            let (provider, skipped) = Provider::new(provider).map_err(place)?;
            warnings.extend(skipped.into_iter().map(place));
            claim_header_names.extend(provider.claim_headers.iter().map(|header| header.name().into()));
            providers.push(provider);
        }
        if config.rules.is_empty() {
            warnings.push(ConfigError::new("no rule: every request will be denied").within("rules"));
        }
        let token_bytes = usize::try_from(config.limits.token_bytes).unwrap_or(usize::MAX);
        if token_bytes == 0 {
            return Err(ConfigError::new("expected at least 1").within("token_bytes").within("limits"));
        }
        let cached_tokens = config.limits.cached_tokens.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        Ok(Self {
            providers,
            cached_tokens,
            cache: RefCell::new(Cache::new(cached_tokens.unwrap_or(0))),
            carriers,
            policy: Policy::new(config.rules)?,
            responses: Responses::new(config.responses)?,
            token_bytes,
            parked_requests: usize::try_from(config.limits.parked_requests).unwrap_or(usize::MAX),
            claim_header_names,
            warnings,
        })
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
                return Err(error.within("keys").within(&format!("{index}")).within("providers"));
            }
        }
        Ok(())
    }

    /// Keeps up to [`CACHED_TOKENS`] verified tokens, unless the configuration says how many. It changes no verdict.
    pub fn cache_by_default(&mut self) {
        self.cache = RefCell::new(Cache::new(self.cached_tokens.unwrap_or(CACHED_TOKENS)));
    }

    /// How many requests may wait for keys at the same time.
    #[must_use]
    pub const fn parked_requests(&self) -> usize {
        self.parked_requests
    }

    /// What is accepted in the configuration, but hardly meant: skipped keys, no rules.
    #[must_use]
    pub fn warnings(&self) -> &[ConfigError] {
        &self.warnings
    }

    /// Judges a bare token; rules do not apply.
    ///
    /// # Errors
    /// The [`Reason`] of the first check that fails.
    pub fn verify(&self, token: &[u8], now: UnixTime) -> Result<Rc<Valid>, Reason> {
        let changes = |provider: usize| self.providers.get(provider).map_or(0, |provider| provider.keys.changes());
        // Never borrowed twice: nothing here calls back.
        let mut cache = self.cache.try_borrow_mut();
        if let Ok(cache) = &mut cache
            && let Some(valid) = cache.get(token, now, changes)
        {
            self.provider(valid)?.keys.check_age(now)?;
            return Ok(Rc::clone(valid));
        }
        let valid = Rc::new(self.verify_anew(token, now)?);
        if let Ok(cache) = &mut cache {
            cache.insert(token, &valid, changes(valid.provider()));
        }
        Ok(valid)
    }

    /// Judges a request: finds its token, verifies it, and asks the rules.
    pub fn decide(&self, request: &Request<'_>, now: UnixTime) -> Decision {
        match self.grant(request, now) {
            Ok(grant) => Decision::Allow(grant),
            Err(reason) => Decision::Deny(self.responses.denial(reason)),
        }
    }

    /// The denial of a request that cannot be put to [`Verifier::decide`], for instance without a clock.
    #[must_use]
    pub fn deny(&self, reason: Reason) -> Denial {
        self.responses.denial(reason)
    }

    fn grant(&self, request: &Request<'_>, now: UnixTime) -> Result<Grant, Reason> {
        // A path with two readings is refused whatever the token says.
        let path = Path::parse(request.path())?;
        let carried = self.carriers.find(request)?;
        let valid = self.verify(&carried.token, now)?;
        let provider = self.provider(&valid)?;
        self.policy.authorise(&path, &valid)?;
        let edits = upstream::edit(request, &carried.place, provider, &valid, &self.claim_header_names)?;
        Ok(Grant::new(valid, edits))
    }

    fn verify_anew(&self, token: &[u8], now: UnixTime) -> Result<Valid, Reason> {
        let token = Unverified::parse(token, self.token_bytes)?;
        let (index, provider) = self.select(&token)?;
        token.check_algorithm(&provider.algorithms)?;
        token.check_type(&provider.types)?;
        let (key, period) = provider.keys.find(&token, &provider.issuer, now)?;
        let mut valid = token.verify(key)?.validate(index, provider, now)?;
        valid.limit(period);
        valid.limit(Window::new(0, provider.check_revocation(&valid, now)?));
        // Last, so that the rules of a bundle that has become too old go on refusing what they match.
        provider.keys.check_age(now)?;
        Ok(valid)
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
        if let Some(claimed) = providers.find(|(_, provider)| Some(&provider.issuer) == issuer.as_ref()) {
            return Ok(claimed);
        }
        // Nobody's issuer; what no provider accepts of anybody is said first, as the order of checks has it.
        if self.providers.iter().all(|provider| token.check_algorithm(&provider.algorithms).is_err()) {
            return Err(Reason::UnsupportedAlgorithm);
        }
        if self.providers.iter().all(|provider| token.check_type(&provider.types).is_err()) {
            return Err(Reason::UnsupportedType);
        }
        Err(Reason::UnknownKey)
    }
}
