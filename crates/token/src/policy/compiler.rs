//! Requirements of the configuration become compiled ones; policies are written out.

use alloc::{format, string::String, vec::Vec};

use datakit_token_encoding::{json::is_pointer, sorted::Sorted};

use crate::{
    config::value::JsonScalar,
    error::ConfigError,
    policy::{
        config::{OperandConfig, RequirementConfig},
        path_pattern::Parameters,
        requirement::{ClaimRequirement, Operand, Relation, Requirement},
    },
    request::{
        connection::{ConnectionProperty, Network},
        field_name::is_field_name,
    },
    shared::Shared,
    token::name::{is_name, is_permission},
};

/// Parts that a requirement may have once its policies are written out: policies that name each other twice grow fast.
const MAX_SIZE: usize = 10_000;
/// Policies that name one another, one within the other: each costs some stack.
const MAX_DEPTH: usize = 32;

/// Turns requirements of the configuration into compiled ones.
pub(crate) struct Compiler {
    providers: Vec<String>,
    /// `None` for those that have been taken to be compiled.
    policies: Sorted<String, Option<RequirementConfig>>,
    compiled: Sorted<String, Compiled>,
    /// Policies that are being compiled, one within the other.
    open: usize,
    /// What the host has to say about each connection.
    properties: Vec<ConnectionProperty>,
}

#[derive(Clone)]
struct Compiled {
    requirement: Shared<Requirement>,
    /// Parts, those of policies counted wherever they are named.
    size: usize,
    /// Policies, one within the other.
    depth: usize,
}

impl Compiler {
    /// Compiles all policies. None of them knows the path of a rule.
    pub(crate) fn new(
        providers: Vec<String>,
        policies: Sorted<String, RequirementConfig>,
    ) -> Result<Self, ConfigError> {
        let names: Vec<_> = policies.iter().map(|(name, _)| name.clone()).collect();
        let policies = policies.into_iter().map(|(name, policy)| (name, Some(policy))).collect();
        let mut compiler = Self { providers, policies, compiled: Sorted::new(), open: 0, properties: Vec::new() };
        for name in names {
            compiler.policy(&name).map_err(|error| {
                error.unwrap_or_else(|| {
                    ConfigError::new("expected policies that do not name themselves").within(&name).within("policies")
                })
            })?;
        }
        Ok(compiler)
    }

    /// Compiles the requirement of a rule with these names in its path.
    pub(crate) fn requirement(
        &mut self,
        config: RequirementConfig,
        parameters: &Parameters,
    ) -> Result<Shared<Requirement>, ConfigError> {
        let compiled = self.compile(config, Some(parameters))?;
        if compiled.size > MAX_SIZE { Err(too_large()) } else { Ok(compiled.requirement) }
    }

    /// What the host has to say about each connection.
    pub(crate) fn need(&mut self, property: ConnectionProperty) {
        if !self.properties.contains(&property) {
            self.properties.push(property);
        }
    }

    pub(crate) fn into_properties(self) -> Vec<ConnectionProperty> {
        self.properties
    }

    /// `Err(None)` if there is no policy of this name, or it is being compiled right now.
    fn policy(&mut self, name: &str) -> Result<Compiled, Option<ConfigError>> {
        if let Some(compiled) = self.compiled.get(name) {
            return Ok(compiled.clone());
        }
        let config = self.policies.get_mut(name).and_then(Option::take).ok_or(None)?;
        let place = |error: ConfigError| if is_placed(&error) { error } else { error.within(name).within("policies") };
        let too_deep =
            || place(ConfigError::new(format!("expected at most {MAX_DEPTH} policies, one within the other")));
        if self.open >= MAX_DEPTH {
            return Err(Some(too_deep()));
        }
        self.open = self.open.saturating_add(1);
        let compiled = self.compile(config, None).map_err(place);
        self.open = self.open.saturating_sub(1);
        let mut compiled = compiled?;
        compiled.depth = compiled.depth.saturating_add(1);
        if compiled.depth > MAX_DEPTH {
            return Err(Some(too_deep()));
        }
        if compiled.size > MAX_SIZE {
            return Err(Some(place(too_large())));
        }
        self.compiled.insert(name.into(), compiled.clone());
        Ok(compiled)
    }

    fn compile(&mut self, config: RequirementConfig, parameters: Option<&Parameters>) -> Result<Compiled, ConfigError> {
        let problem = "expected exactly one of `permission`, `role`, `scope`, `policy`, `provider`, `client_address`, `claim`, `all`, `any`";
        let RequirementConfig { permission, role, scope, policy, provider, client_address, claim, all, any, .. } =
            &config;
        let members =
            [permission, role, scope, policy, provider, claim].into_iter().filter(|member| member.is_some()).count();
        let lists = [all.is_some(), any.is_some(), client_address.is_some()].into_iter().filter(|there| *there).count();
        let relations = config.has_relation();
        if members.saturating_add(lists) != 1 || (relations && claim.is_none()) {
            return Err(ConfigError::new(problem));
        }
        let one = |requirement: Requirement| Ok(Compiled { requirement: Shared::new(requirement), size: 1, depth: 0 });
        let text = |name: &str, text: &String, good: bool, what: &str| {
            if good { Ok(text.clone()) } else { Err(ConfigError::new(what).within(name)) }
        };
        if let Some(permission) = permission {
            let what = "expected a permission: no spaces, no wildcard";
            return one(Requirement::Permission(text("permission", permission, is_permission(permission), what)?));
        }
        if let Some(role) = role {
            let what = "expected a role of at least one character, without control characters";
            return one(Requirement::Role(text("role", role, is_name(role), what)?));
        }
        if let Some(scope) = scope {
            return one(Requirement::Scope(text(
                "scope",
                scope,
                is_permission(scope),
                "expected a scope: no spaces, no wildcard",
            )?));
        }
        if let Some(name) = policy {
            return self.policy(name).map_err(|error| {
                error.unwrap_or_else(|| {
                    ConfigError::new("expected the name of a policy, which does not name itself").within("policy")
                })
            });
        }
        if let Some(name) = provider {
            let index = self.providers.iter().position(|provider| provider == name);
            let index = index.ok_or_else(|| ConfigError::new("expected the name of a provider").within("provider"))?;
            return one(Requirement::Provider(index));
        }
        if let Some(networks) = client_address {
            self.need(ConnectionProperty::ClientAddress);
            return one(Requirement::ClientAddress(read_networks(networks)?));
        }
        if claim.is_some() {
            return one(Requirement::Claim(self.claim(config, parameters)?));
        }
        let (name, parts) = match (config.all, config.any) {
            (Some(parts), _) => ("all", parts),
            (None, parts) => ("any", parts.unwrap_or_default()),
        };
        if parts.is_empty() {
            return Err(ConfigError::new("expected at least one requirement").within(name));
        }
        let mut compiled = Vec::new();
        let (mut total, mut deepest) = (1_usize, 0);
        for (index, part) in parts.into_iter().enumerate() {
            let part = self.compile(part, parameters);
            let part =
                part.map_err(|error| if is_placed(&error) { error } else { error.within_element(index).within(name) })?;
            compiled.push(part.requirement);
            total = total.saturating_add(part.size);
            deepest = deepest.max(part.depth);
        }
        let requirement = if name == "all" { Requirement::All(compiled) } else { Requirement::Any(compiled) };
        Ok(Compiled { requirement: Shared::new(requirement), size: total, depth: deepest })
    }

    fn claim(
        &mut self,
        config: RequirementConfig,
        parameters: Option<&Parameters>,
    ) -> Result<ClaimRequirement, ConfigError> {
        let claim = config.claim.unwrap_or_default();
        if !is_pointer(&claim) {
            return Err(ConfigError::new("expected a JSON pointer such as `/workspace`").within("claim"));
        }
        let relations = [
            (Relation::Equals, "equals", config.equals),
            (Relation::Contains, "contains", config.contains),
            (Relation::In, "in", config.within),
            (Relation::Allows, "allows", config.allows),
            (Relation::Covers, "covers", config.covers),
        ];
        let mut given = relations.into_iter().filter_map(|(relation, name, operand)| Some((relation, name, operand?)));
        let (Some((relation, name, operand)), None) = (given.next(), given.next()) else {
            return Err(ConfigError::new("expected exactly one of `equals`, `contains`, `in`, `allows`, `covers`"));
        };
        let operand = self.operand(relation, operand, parameters).map_err(|error| error.within(name))?;
        Ok(ClaimRequirement { claim, relation, operand, optional: config.optional.unwrap_or(false) })
    }

    fn operand(
        &mut self,
        relation: Relation,
        config: OperandConfig,
        parameters: Option<&Parameters>,
    ) -> Result<Operand, ConfigError> {
        let values = |values: Vec<JsonScalar>, name: &str| {
            let texts = values.iter().all(|value| matches!(value, JsonScalar::Text(_)));
            match relation {
                _ if values.is_empty() => Err(ConfigError::new("expected at least one value").within(name)),
                Relation::Allows | Relation::Covers => {
                    Err(ConfigError::new("expected something of the request").within(name))
                }
                Relation::Contains if !texts => Err(ConfigError::new("expected a string").within(name)),
                _ => Ok(Operand::Values(values)),
            }
        };
        match config {
            OperandConfig::Value(value) => values(Vec::from([value]), "value"),
            OperandConfig::Values(list) if relation == Relation::In => values(list, "values"),
            OperandConfig::Values(_) => {
                Err(ConfigError::new("expected `value`: `values` go with `in`").within("values"))
            }
            OperandConfig::Header(name) if is_field_name(&name) => Ok(Operand::Header(name.to_ascii_lowercase())),
            OperandConfig::Header(_) => Err(ConfigError::new("expected a header name").within("header")),
            OperandConfig::QueryParam(name) if !name.is_empty() => Ok(Operand::QueryParameter(name)),
            OperandConfig::QueryParam(_) => {
                Err(ConfigError::new("expected the name of a query parameter").within("query_param"))
            }
            OperandConfig::PathParam(name) => {
                let place = parameters.and_then(|all| all.iter().find(|(other, _)| *other == name));
                let problem = "expected a name of the rule's path template; policies know of none";
                let (_, place) = place.ok_or_else(|| ConfigError::new(problem).within("path_param"))?;
                Ok(Operand::Segment(*place))
            }
            OperandConfig::Connection(property) => {
                self.need(property);
                Ok(Operand::Connection(property))
            }
        }
    }
}

impl RequirementConfig {
    const fn has_relation(&self) -> bool {
        self.equals.is_some()
            || self.contains.is_some()
            || self.within.is_some()
            || self.allows.is_some()
            || self.covers.is_some()
            || self.optional.is_some()
    }
}

fn read_networks(texts: &[String]) -> Result<Vec<Network>, ConfigError> {
    if texts.is_empty() {
        return Err(ConfigError::new("expected at least one network").within("client_address"));
    }
    let read = |(index, text): (usize, &String)| {
        let problem = "expected a network such as `10.0.0.0/8` or `2001:db8::/32`, without bits outside it";
        Network::parse(text).ok_or_else(|| ConfigError::new(problem).within_element(index).within("client_address"))
    };
    texts.iter().enumerate().map(read).collect()
}

/// A fault inside a policy has its place already.
pub(crate) fn is_placed(error: &ConfigError) -> bool {
    error.pointer().starts_with("/policies/")
}

fn too_large() -> ConfigError {
    ConfigError::new(format!("expected at most {MAX_SIZE} parts, those of policies counted wherever they are named"))
}
