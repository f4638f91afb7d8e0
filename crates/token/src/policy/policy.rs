//! Rules: which requests need what. First match wins; no match is a denial.

use alloc::{format, string::String, vec::Vec};

use datakit_token_encoding::collections::SortedMap;

use crate::{
    error::ConfigError,
    policy::{
        compiler::Compiler,
        config::{AllowConfig, PathsConfig, RuleConfig},
        requirement::{Facts, Requirement},
        requirement_config::RequirementConfig,
        roles::Roles,
        route::Routes,
    },
    reason::Reason,
    refusal::Refusal,
    request::{connection::ConnectionProperty, path::Path, request::Request},
    shared::Shared,
    token::valid::Valid,
};

/// The compiled rules.
pub(crate) struct Policy {
    routes: Routes,
    rules: Vec<Access>,
    roles: Roles,
    /// What the host has to say about each connection.
    properties: Vec<ConnectionProperty>,
}

/// What a rule asks for.
#[derive(Debug)]
pub(crate) enum Access {
    /// Nothing; a token is not looked at.
    Unchecked,
    /// A good token, if there is one.
    Anyone,
    /// A good token.
    Authenticated,
    /// A good token that fulfils this. The number of the rule, if the request has no part in it.
    Required(Shared<Requirement>, Option<usize>),
}

impl Access {
    /// More for those that ask for more.
    const fn rank(&self) -> u8 {
        match self {
            Self::Unchecked | Self::Anyone => 0,
            Self::Authenticated => 1,
            Self::Required(..) => 2,
        }
    }
}

/// The parts of the configuration that say who may do what.
pub(crate) struct PolicyConfig {
    /// Names, in their order.
    pub(crate) providers: Vec<String>,
    pub(crate) roles: SortedMap<String, Vec<String>>,
    pub(crate) policies: SortedMap<String, RequirementConfig>,
    pub(crate) paths: PathsConfig,
    pub(crate) rules: Vec<RuleConfig>,
    /// How many of them stand in the document; the presets have the others.
    pub(crate) own_rules: usize,
    /// Asked for by others than rules.
    pub(crate) properties: Vec<ConnectionProperty>,
}

impl Policy {
    /// Compiles the rules, and says which of them never match.
    // Apart, as it runs once: "Cold paths" in docs/performance.md.
    #[inline(never)]
    pub(crate) fn new(config: PolicyConfig) -> Result<(Self, Vec<ConfigError>), ConfigError> {
        let roles = Roles::new(config.roles)?;
        let mut compiler = Compiler::new(config.providers, config.policies)?;
        for property in config.properties {
            compiler.need(property);
        }
        let mut warnings = Vec::new();
        let mut routes = Routes::new(config.paths);
        let blurred = !(config.paths.ignore_case && config.paths.ignore_trailing_slash);
        // The most that a rule on some path has asked for so far.
        let mut asked = 0;
        let mut rules = Vec::new();
        for (index, rule) in config.rules.into_iter().enumerate() {
            let place = |error: ConfigError| error.within_element(index).within("rules");
            let added = routes.add(index, rule.matches, rule.paths).map_err(place)?;
            // A rule before that of a preset is meant to replace it.
            if !added.reachable && index < config.own_rules {
                warnings.push(place(ConfigError::new("never matches: an earlier rule takes the same requests")));
            }
            let access = match (rule.require, rule.allow) {
                (Some(requirement), None) => {
                    let requirement = compiler.requirement(requirement, &added.parameters);
                    let requirement = requirement.map_err(|error| place(error.within("require")))?;
                    if index < config.own_rules
                        && let Some(permission) =
                            requirement.find_permission(&|permission| !roles.grant_at_all(permission))
                    {
                        let problem = format!("no role grants `{permission}`: only a token that has it itself passes");
                        warnings.push(place(ConfigError::new(problem).within("require")));
                    }
                    let number = requirement.is_about_token().then_some(index);
                    Access::Required(requirement, number)
                }
                (None, Some(AllowConfig::Authenticated)) => Access::Authenticated,
                (None, Some(AllowConfig::Anyone)) => Access::Anyone,
                (None, Some(AllowConfig::Unchecked)) => Access::Unchecked,
                _ => return Err(place(ConfigError::new("expected either `require` or `allow`"))),
            };
            if blurred && added.every_path && access.rank() < asked && index < config.own_rules {
                warnings.push(place(ConfigError::new(
                    "takes every path that no earlier rule takes, and asks for less: an upstream that ignores case or a slash at the end serves `/ADMIN` or `/admin/` as `/admin`, so say so in `paths`",
                )));
            }
            if added.names_path {
                asked = asked.max(access.rank());
            }
            rules.push(access);
        }
        Ok((Self { routes, rules, roles, properties: compiler.into_properties() }, warnings))
    }

    /// The request's path, and what its rule asks for; `None` if no rule matches.
    pub(crate) fn find<'r>(&self, request: &Request<'r>) -> Result<(Path<'r>, Option<&Access>), Reason> {
        let (path, rule) = self.routes.find(request)?;
        Ok((path, rule.and_then(|rule| self.rules.get(rule))))
    }

    /// The place of the rule that a request meets, in the list of all.
    pub(crate) fn rule_of(&self, request: &Request<'_>) -> Option<usize> {
        self.routes.find(request).ok()?.1
    }

    /// Asks a good token for what the request's rule requires. `met_rule` is the last rule whose requirement the token
    /// met by itself.
    pub(crate) fn authorise(
        &self,
        access: Option<&Access>,
        request: &Request<'_>,
        path: &Path<'_>,
        valid: &Valid,
        met_rule: &mut Option<usize>,
    ) -> Result<(), Refusal> {
        match access.ok_or(Reason::NoRule)? {
            Access::Unchecked | Access::Anyone | Access::Authenticated => Ok(()),
            Access::Required(_, Some(rule)) if *met_rule == Some(*rule) => Ok(()),
            Access::Required(requirement, rule) => {
                requirement.check(&Facts { request, path, valid, roles: &self.roles })?;
                if rule.is_some() {
                    *met_rule = *rule;
                }
                Ok(())
            }
        }
    }

    pub(crate) const fn roles(&self) -> &Roles {
        &self.roles
    }

    pub(crate) const fn routes(&self) -> &Routes {
        &self.routes
    }

    /// How many rules there are.
    pub(crate) const fn len(&self) -> usize {
        self.rules.len()
    }

    pub(crate) fn properties(&self) -> &[ConnectionProperty] {
        &self.properties
    }
}
