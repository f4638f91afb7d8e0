//! A configuration becomes a verifier: from a document, from code, or from both.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use crate::{
    config::secret::Environment,
    error::ConfigError,
    policy::{
        config::RuleConfig,
        policy::{Policy, PolicyConfig},
        requirement_config::RequirementConfig,
    },
    request::{carrier::Carriers, config::FromConfig, connection::ConnectionProperty},
    response::denial::Responses,
    shared::Shared,
    token::sealed::Unseal,
    upstream::{editor::Editor, provider_edits::ProviderEdits},
    verifier::{
        document::{Config, Mode, RequireHttps},
        provider::Provider,
        provider_config::ProviderConfig,
        sealed_tokens::{HandedIn, Opener},
        token_verifier::TokenVerifier,
        verifier::Verifier,
    },
};

impl Verifier {
    /// Compiles a configuration document that takes nothing from the environment.
    ///
    /// # Errors
    /// [`ConfigError`]: the place as a JSON pointer, and what was expected there.
    pub fn from_json(document: &[u8]) -> Result<Self, ConfigError> {
        Self::from_json_with(document, &|_| None)
    }

    /// Compiles a configuration document; `environment` looks up the variables that secrets are in.
    ///
    /// # Errors
    /// [`ConfigError`]: the place as a JSON pointer, and what was expected there.
    pub fn from_json_with(document: &[u8], environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        VerifierBuilder::from_json(document)?.build_with(environment)
    }

    /// A configuration in code, of the same members as a document.
    #[must_use]
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder::default()
    }

    fn compile(mut config: Config, environment: Environment<'_>, opener: Opener) -> Result<Self, ConfigError> {
        let own_rules = config.rules.len();
        let from = config.apply_presets()?;
        let Issuers { providers, edits, carriers, names, mut warnings, opener } =
            Issuers::new(config.providers, &from, environment, opener)?;
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
            tokens: TokenVerifier { providers, token_bytes, opener, identity: Shared::new(()) },
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

/// A configuration in the making. What is wrong with it comes out at the end, with the place that it would have in a
/// document.
#[derive(Default)]
pub struct VerifierBuilder {
    config: Config,
    opener: Opener,
}

impl VerifierBuilder {
    /// Begins with a configuration document: what follows comes after what is in it.
    ///
    /// # Errors
    /// [`ConfigError`]: the place as a JSON pointer, and what was expected there.
    pub fn from_json(document: &[u8]) -> Result<Self, ConfigError> {
        Ok(Self { config: Config::from_json(document)?, opener: None })
    }

    /// One more issuer.
    #[must_use]
    pub fn with_provider(mut self, provider: ProviderConfig) -> Self {
        self.config.providers.push(provider);
        self
    }

    /// What a role grants: permissions, `area.*`, or `*`.
    #[must_use]
    pub fn with_role<P: Into<String>>(
        mut self,
        role: impl Into<String>,
        permissions: impl IntoIterator<Item = P>,
    ) -> Self {
        self.config.roles.insert(role.into(), permissions.into_iter().map(Into::into).collect());
        self
    }

    /// A requirement with a name, for [`RequirementConfig::policy`].
    #[must_use]
    pub fn with_policy(mut self, name: impl Into<String>, requirement: RequirementConfig) -> Self {
        self.config.policies.insert(name.into(), requirement);
        self
    }

    /// One more rule, after those that were said before. First match wins; no match is a denial.
    #[must_use]
    pub fn with_rule(mut self, rule: RuleConfig) -> Self {
        self.config.rules.push(rule);
        self
    }

    /// Decides and reports, and denies nothing.
    #[must_use]
    pub const fn observing(mut self) -> Self {
        self.config.mode = Mode::Observe;
        self
    }

    /// Opens encrypted tokens, for providers that have keys for them.
    #[must_use]
    pub fn with_unsealer(mut self, unsealer: impl Unseal + 'static) -> Self {
        self.opener = Some(Box::new(HandedIn(unsealer)));
        self
    }

    /// Compiles it; nothing comes from the environment.
    ///
    /// # Errors
    /// [`ConfigError`]: the place as a JSON pointer, and what was expected there.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        self.build_with(&|_| None)
    }

    /// Compiles it; `environment` looks up the variables that secrets are in.
    ///
    /// # Errors
    /// [`ConfigError`]: the place as a JSON pointer, and what was expected there.
    pub fn build_with(self, environment: &dyn Fn(&str) -> Option<String>) -> Result<Verifier, ConfigError> {
        Verifier::compile(self.config, environment, self.opener)
    }
}

impl fmt::Debug for VerifierBuilder {
    /// There may be secrets in the rest.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("VerifierBuilder").field("providers", &self.config.providers).finish_non_exhaustive()
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
    opener: Opener,
}

impl Issuers {
    /// `from` is for providers that say nothing of where their tokens are.
    fn new(
        configs: Vec<ProviderConfig>,
        from: &FromConfig,
        environment: Environment<'_>,
        opener: Opener,
    ) -> Result<Self, ConfigError> {
        if configs.is_empty() {
            return Err(ConfigError::new("expected at least one provider").within("providers"));
        }
        // Without a key nothing is opened, nor looked at.
        let has_keys = configs.iter().any(|config| config.encryption.is_some());
        let mut issuers = Self { opener: opener.filter(|_| has_keys), ..Self::default() };
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
        let (provider, edits, skipped) = Provider::new(config, self.providers.len(), environment, &mut self.opener)?;
        self.providers.push(provider);
        self.edits.push(edits);
        Ok(skipped)
    }
}
