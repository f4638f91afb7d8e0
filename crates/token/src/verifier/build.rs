//! A configuration document becomes a verifier.

use alloc::{string::String, vec::Vec};

use crate::{
    config::secret::Environment,
    error::ConfigError,
    policy::policy::{Policy, PolicyConfig},
    request::{carrier::Carriers, config::FromConfig, connection::ConnectionProperty},
    response::denial::Responses,
    shared::Shared,
    upstream::{editor::Editor, provider_edits::ProviderEdits},
    verifier::{
        document::{Config, Mode, RequireHttps},
        provider::Provider,
        provider_config::ProviderConfig,
        token_verifier::TokenVerifier,
        verifier::Verifier,
    },
};

impl Verifier {
    /// Compiles a configuration document that takes nothing from the environment.
    ///
    /// # Errors
    /// [`ConfigError`]: the place as a JSON pointer, and what was expected there.
    pub fn from_json(config: &[u8]) -> Result<Self, ConfigError> {
        Self::from_json_with(config, &|_| None)
    }

    /// Compiles a configuration document; `environment` looks up the variables that secrets are in.
    ///
    /// # Errors
    /// [`ConfigError`]: the place as a JSON pointer, and what was expected there.
    pub fn from_json_with(config: &[u8], environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut config = Config::from_json(config)?;
        let own_rules = config.rules.len();
        let from = config.apply_presets()?;
        let Issuers { providers, edits, carriers, names, mut warnings } =
            Issuers::new(config.providers, &from, environment)?;
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
        let (by_method, by_host) = (policy.routes().by_method(), policy.routes().by_host());
        let editor = Editor::new(edits, by_method, by_host);
        let whole = |number: u32| usize::try_from(number).unwrap_or(0);
        let limits = config.limits;
        let token_bytes = whole(limits.token_bytes.0);
        Ok(Self {
            tokens: TokenVerifier { providers, token_bytes, identity: Shared::new(()) },
            carriers,
            policy,
            editor,
            responses: Responses::new(config.responses)?,
            require_https,
            observe,
            parked_requests: whole(limits.parked_requests.0),
            cached_tokens: limits.cached_tokens.map(|count| whole(count.0)),
            key_table_bytes: whole(limits.key_table_bytes.0),
            warnings,
        })
    }
}

/// All providers, and what they have between them.
#[derive(Default)]
struct Issuers {
    providers: Vec<Provider>,
    edits: Vec<ProviderEdits>,
    carriers: Carriers,
    /// In the order of the providers.
    names: Vec<String>,
    /// Keys that were skipped.
    warnings: Vec<ConfigError>,
}

impl Issuers {
    /// `from` is for providers that say nothing of where their tokens are.
    fn new(configs: Vec<ProviderConfig>, from: &FromConfig, environment: Environment<'_>) -> Result<Self, ConfigError> {
        if configs.is_empty() {
            return Err(ConfigError::new("expected at least one provider").within("providers"));
        }
        let mut issuers = Self::default();
        for (index, config) in configs.into_iter().enumerate() {
            let place = |error: ConfigError| error.within_element(index).within("providers");
            let skipped = issuers.add(config, from, environment).map_err(place)?;
            issuers.warnings.extend(skipped.into_iter().map(place));
        }
        Ok(issuers)
    }

    fn add(
        &mut self,
        mut config: ProviderConfig,
        from: &FromConfig,
        environment: Environment<'_>,
    ) -> Result<Vec<ConfigError>, ConfigError> {
        if self.names.contains(&config.name) {
            return Err(ConfigError::new("expected a name that no other provider has").within("name"));
        }
        // The claimed issuer chooses the keys (RFC 8725 section 3.8), so it must choose one set.
        if self.providers.iter().any(|other| other.acceptance.issuer == config.issuer) {
            return Err(ConfigError::new("expected an issuer that no other provider has").within("issuer"));
        }
        self.names.push(config.name.clone());
        self.carriers.add(config.from.take().unwrap_or_else(|| from.clone()))?;
        let (provider, edits, skipped) = Provider::new(config, environment)?;
        self.providers.push(provider);
        self.edits.push(edits);
        Ok(skipped)
    }
}
