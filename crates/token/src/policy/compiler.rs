//! Requirements of the configuration become compiled ones; policies are written out.

use alloc::{format, string::String, vec::Vec};

use datakit_token_encoding::{collections::SortedMap, json::is_pointer};

use crate::{
    config::value::JsonScalar,
    error::ConfigError,
    policy::{
        path_pattern::Parameters,
        requirement::{ClaimRequirement, Operand, Relation, Requirement},
        requirement_config::{ClaimConfig, OperandConfig, RequirementConfig, RequirementForm},
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
    policies: SortedMap<String, Option<RequirementConfig>>,
    compiled: SortedMap<String, Compiled>,
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
        policies: SortedMap<String, RequirementConfig>,
    ) -> Result<Self, ConfigError> {
        let names: Vec<_> = policies.iter().map(|(name, _)| name.clone()).collect();
        let policies = policies.into_iter().map(|(name, policy)| (name, Some(policy))).collect();
        let mut compiler = Self { providers, policies, compiled: SortedMap::new(), open: 0, properties: Vec::new() };
        for name in names {
            let named = compiler.policy(&name).map_err(Fault::into_error)?;
            named.ok_or_else(|| {
                ConfigError::new("expected policies that do not name themselves").within(&name).within("policies")
            })?;
        }
        Ok(compiler)
    }

    /// Compiles the requirement of a rule with these names in its path. All policies are compiled, so what is wrong is
    /// wrong here.
    pub(crate) fn requirement(
        &mut self,
        config: RequirementConfig,
        parameters: &Parameters,
    ) -> Result<Shared<Requirement>, ConfigError> {
        let compiled = self.compile(config, Some(parameters)).map_err(Fault::into_error)?;
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

    /// `None` if there is no policy of this name, or it is being compiled right now.
    fn policy(&mut self, name: &str) -> Result<Option<Compiled>, Fault> {
        if let Some(compiled) = self.compiled.get(name) {
            return Ok(Some(compiled.clone()));
        }
        let Some(config) = self.policies.get_mut(name).and_then(Option::take) else { return Ok(None) };
        let place = |fault: Fault| fault.in_policy(name);
        let too_deep = || {
            let problem = format!("expected at most {MAX_DEPTH} policies, one within the other");
            place(ConfigError::new(problem).into())
        };
        if self.open >= MAX_DEPTH {
            return Err(too_deep());
        }
        self.open = self.open.saturating_add(1);
        let compiled = self.compile(config, None).map_err(place);
        self.open = self.open.saturating_sub(1);
        let mut compiled = compiled?;
        compiled.depth = compiled.depth.saturating_add(1);
        if compiled.depth > MAX_DEPTH {
            return Err(too_deep());
        }
        if compiled.size > MAX_SIZE {
            return Err(place(too_large().into()));
        }
        self.compiled.insert(name.into(), compiled.clone());
        Ok(Some(compiled))
    }

    fn compile(
        &mut self,
        RequirementConfig(form): RequirementConfig,
        parameters: Option<&Parameters>,
    ) -> Result<Compiled, Fault> {
        let wrong = |name: &str, problem: &str| Err(ConfigError::new(problem).within(name).into());
        let requirement = match form {
            RequirementForm::Permission(name) if is_permission(&name) => Requirement::Permission(name),
            RequirementForm::Permission(_) => {
                return wrong("permission", "expected a permission: no spaces, no wildcard");
            }
            RequirementForm::Role(name) if is_name(&name) => Requirement::Role(name),
            RequirementForm::Role(_) => {
                return wrong("role", "expected a role of at least one character, without control characters");
            }
            RequirementForm::Scope(name) if is_permission(&name) => Requirement::Scope(name),
            RequirementForm::Scope(_) => return wrong("scope", "expected a scope: no spaces, no wildcard"),
            RequirementForm::Policy(name) => {
                let problem = "expected the name of a policy, which does not name itself";
                return self.policy(&name)?.map_or_else(|| wrong("policy", problem), Ok);
            }
            RequirementForm::Provider(name) => match self.providers.iter().position(|provider| *provider == name) {
                Some(index) => Requirement::Provider(index),
                None => return wrong("provider", "expected the name of a provider"),
            },
            RequirementForm::ClientAddress(networks) => {
                self.need(ConnectionProperty::ClientAddress);
                Requirement::ClientAddress(read_networks(&networks)?)
            }
            RequirementForm::Claim(claim) => Requirement::Claim(self.claim(claim, parameters)?),
            RequirementForm::All(parts) => return self.join("all", parts, parameters, Requirement::All),
            RequirementForm::Any(parts) => return self.join("any", parts, parameters, Requirement::Any),
        };
        Ok(Compiled { requirement: Shared::new(requirement), size: 1, depth: 0 })
    }

    fn join(
        &mut self,
        name: &str,
        parts: Vec<RequirementConfig>,
        parameters: Option<&Parameters>,
        joined: fn(Vec<Shared<Requirement>>) -> Requirement,
    ) -> Result<Compiled, Fault> {
        if parts.is_empty() {
            return Err(ConfigError::new("expected at least one requirement").within(name).into());
        }
        let mut compiled = Vec::with_capacity(parts.len());
        let (mut size, mut depth) = (1_usize, 0);
        for (index, part) in parts.into_iter().enumerate() {
            let part = self.compile(part, parameters).map_err(|fault| fault.within_element(index).within(name))?;
            compiled.push(part.requirement);
            size = size.saturating_add(part.size);
            depth = depth.max(part.depth);
        }
        Ok(Compiled { requirement: Shared::new(joined(compiled)), size, depth })
    }

    fn claim(
        &mut self,
        ClaimConfig { claim, relation, operand, optional }: ClaimConfig,
        parameters: Option<&Parameters>,
    ) -> Result<ClaimRequirement, ConfigError> {
        if !is_pointer(&claim) {
            return Err(ConfigError::new("expected a JSON pointer such as `/workspace`").within("claim"));
        }
        let operand = self.operand(relation, operand, parameters).map_err(|error| error.within(relation.name()))?;
        Ok(ClaimRequirement { claim, relation, operand, optional })
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

/// What is wrong with a requirement, on its way outwards.
enum Fault {
    /// In the requirement at hand: each level outwards adds to its place.
    Here(ConfigError),
    /// In a policy that is named there, with its whole place.
    InPolicy(ConfigError),
}

impl Fault {
    fn within(self, name: &str) -> Self {
        match self {
            Self::Here(error) => Self::Here(error.within(name)),
            placed @ Self::InPolicy(_) => placed,
        }
    }

    fn within_element(self, index: usize) -> Self {
        match self {
            Self::Here(error) => Self::Here(error.within_element(index)),
            placed @ Self::InPolicy(_) => placed,
        }
    }

    fn in_policy(self, name: &str) -> Self {
        Self::InPolicy(self.within(name).within("policies").into_error())
    }

    fn into_error(self) -> ConfigError {
        let (Self::Here(error) | Self::InPolicy(error)) = self;
        error
    }
}

impl From<ConfigError> for Fault {
    fn from(error: ConfigError) -> Self {
        Self::Here(error)
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

fn too_large() -> ConfigError {
    ConfigError::new(format!("expected at most {MAX_SIZE} parts, those of policies counted wherever they are named"))
}
