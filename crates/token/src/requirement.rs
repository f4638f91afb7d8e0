//! What a rule asks of a token and its request.

use alloc::{
    borrow::Cow,
    collections::BTreeMap,
    format,
    rc::Rc,
    string::{String, ToString},
    vec::Vec,
};

use serde_json::Value;

use crate::{
    claims::Valid,
    config::{OperandConfig, RequirementConfig, Scalar},
    config_error::ConfigError,
    connection::{ConnectionProperty, Network, parse_address},
    grants::{Roles, is_name, is_permission},
    path::Path,
    reason::Reason,
    request::{Ambiguous, Request},
    route::Parameters,
};

/// Parts that a requirement may have once its policies are written out: policies that name each other twice grow fast.
const MAX_SIZE: usize = 10_000;
/// Policies that name one another, one within the other: each costs some stack.
const MAX_DEPTH: usize = 32;

/// A compiled requirement.
#[derive(Debug)]
pub(crate) enum Requirement {
    Permission(String),
    Role(String),
    Scope(String),
    Provider(usize),
    ClientAddress(Vec<Network>),
    Claim(ClaimRequirement),
    All(Vec<Rc<Self>>),
    Any(Vec<Rc<Self>>),
}

/// A claim that has to match the user's information in the request.
#[derive(Debug)]
pub(crate) struct ClaimRequirement {
    /// A JSON pointer.
    claim: String,
    relation: Relation,
    operand: Operand,
    optional: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equals,
    Contains,
    In,
    Allows,
    Covers,
}

#[derive(Debug)]
enum Operand {
    Values(Vec<Scalar>),
    Header(String),
    /// The place of a segment in the path.
    Segment(usize),
    QueryParameter(String),
    Connection(ConnectionProperty),
}

/// Everything that a requirement may look at.
pub(crate) struct Facts<'f> {
    pub(crate) request: &'f Request<'f>,
    pub(crate) path: &'f Path,
    pub(crate) valid: &'f Valid,
    pub(crate) roles: &'f Roles,
}

/// Why a requirement is not met. Bindings are said first, so that the order of the parts does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unmet {
    Binding,
    Permission,
}

impl From<Unmet> for Reason {
    fn from(unmet: Unmet) -> Self {
        match unmet {
            Unmet::Binding => Self::BindingMismatch,
            Unmet::Permission => Self::PermissionDenied,
        }
    }
}

/// Turns requirements of the configuration into compiled ones.
pub(crate) struct Compiler {
    providers: Vec<String>,
    policies: BTreeMap<String, RequirementConfig>,
    compiled: BTreeMap<String, Compiled>,
    /// Policies that are being compiled, one within the other.
    open: usize,
    /// What the host has to say about each connection.
    properties: Vec<ConnectionProperty>,
}

#[derive(Clone)]
struct Compiled {
    requirement: Rc<Requirement>,
    /// Parts, those of policies counted wherever they are named.
    size: usize,
    /// Policies, one within the other.
    depth: usize,
}

impl Compiler {
    /// Compiles all policies. None of them knows the path of a rule.
    pub(crate) fn new(
        providers: Vec<String>,
        policies: BTreeMap<String, RequirementConfig>,
    ) -> Result<Self, ConfigError> {
        let names: Vec<_> = policies.keys().cloned().collect();
        let mut compiler = Self { providers, policies, compiled: BTreeMap::new(), open: 0, properties: Vec::new() };
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
    ) -> Result<Rc<Requirement>, ConfigError> {
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
        let config = self.policies.remove(name).ok_or(None)?;
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
        let one = |requirement: Requirement| Ok(Compiled { requirement: Rc::new(requirement), size: 1, depth: 0 });
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
        Ok(Compiled { requirement: Rc::new(requirement), size: total, depth: deepest })
    }

    fn claim(
        &mut self,
        config: RequirementConfig,
        parameters: Option<&Parameters>,
    ) -> Result<ClaimRequirement, ConfigError> {
        let claim = config.claim.unwrap_or_default();
        if !crate::json::is_pointer(&claim) {
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
        let values = |values: Vec<Scalar>, name: &str| {
            let texts = values.iter().all(|value| matches!(value, Scalar::Text(_)));
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
            OperandConfig::Header(name) if crate::carrier::is_token(&name) => {
                Ok(Operand::Header(name.to_ascii_lowercase()))
            }
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

impl Requirement {
    /// Whether token and request fulfil it.
    pub(crate) fn check(&self, facts: &Facts<'_>) -> Result<(), Unmet> {
        let met = |met: bool, otherwise: Unmet| if met { Ok(()) } else { Err(otherwise) };
        let claims = facts.valid.claims();
        match self {
            Self::Permission(permission) => met(facts.roles.allow(claims, permission), Unmet::Permission),
            Self::Role(role) => met(claims.roles().contains(role), Unmet::Permission),
            Self::Scope(scope) => met(claims.scopes().contains(scope), Unmet::Permission),
            Self::Provider(provider) => met(facts.valid.provider() == *provider, Unmet::Permission),
            Self::ClientAddress(networks) => {
                let address = facts.request.connection(ConnectionProperty::ClientAddress).and_then(parse_address);
                met(address.is_some_and(|address| networks.iter().any(|network| network.has(address))), Unmet::Binding)
            }
            Self::Claim(requirement) => met(requirement.is_met(facts), Unmet::Binding),
            Self::All(parts) => {
                let unmet = parts.iter().filter_map(|part| part.check(facts).err()).min();
                unmet.map_or(Ok(()), Err)
            }
            Self::Any(parts) => {
                let mut worst = Unmet::Binding;
                for part in parts {
                    match part.check(facts) {
                        Ok(()) => return Ok(()),
                        Err(unmet) => worst = worst.max(unmet),
                    }
                }
                Err(worst)
            }
        }
    }
}

impl ClaimRequirement {
    fn is_met(&self, facts: &Facts<'_>) -> bool {
        let claims = facts.valid.claims();
        let Some(claim) = claims.at(&self.claim) else { return self.optional && claims.lack(&self.claim) };
        if let Operand::Values(values) = &self.operand {
            return match self.relation {
                Relation::Contains => values.iter().any(|value| contains(claim, |text| is_scalar_text(value, text))),
                _ => values.iter().any(|value| is_scalar(claim, value)),
            };
        }
        if self.relation == Relation::Allows {
            return self.allows(claim, facts);
        }
        let Ok(Some(found)) = self.operand.find(facts, self.relation == Relation::In) else { return false };
        let found = found.as_ref();
        match self.relation {
            Relation::Equals => text_of(claim).is_some_and(|text| text.as_bytes() == found),
            Relation::Contains => contains(claim, |text| text.as_bytes() == found),
            Relation::In => text_of(claim).is_some_and(|text| list(found).any(|one| one == text.as_bytes())),
            Relation::Covers => parse_address(found).is_some_and(|address| {
                contains(claim, |text| Network::parse(text).is_some_and(|network| network.has(address)))
            }),
            Relation::Allows => false,
        }
    }

    /// Every pair `name=value` of the list is in the claim; no list asks for nothing.
    fn allows(&self, claim: &Value, facts: &Facts<'_>) -> bool {
        let found = match self.operand.find(facts, true) {
            Ok(Some(found)) => found,
            Ok(None) => return true,
            Err(Ambiguous) => return false,
        };
        list(&found).all(|pair| {
            let Some((name, value)) = core::str::from_utf8(pair).ok().and_then(|pair| pair.split_once('=')) else {
                return false;
            };
            let allowed = claim.as_object().and_then(|claim| claim.get(name));
            allowed.is_some_and(|allowed| contains(allowed, |text| text == value))
        })
    }
}

impl Operand {
    /// The one value in the request, if it is there; commas part the elements of a list.
    fn find<'f>(&self, facts: &Facts<'f>, is_list: bool) -> Result<Option<Cow<'f, [u8]>>, Ambiguous> {
        Ok(match self {
            Self::Values(_) => None,
            // In Envoy it is no header.
            Self::Header(name) if name == "host" => facts.request.host().map(Cow::Borrowed),
            Self::Header(name) => {
                let mut values = facts.request.values(name);
                match (values.next(), values.next()) {
                    (None, _) => None,
                    // A proxy joins repeated headers by commas (CVE-2026-26308).
                    (Some(only), None) if is_list || !only.contains(&b',') => Some(Cow::Borrowed(only.trim_ascii())),
                    // Which of them the upstream looks at is not known.
                    _ => return Err(Ambiguous),
                }
            }
            Self::Segment(place) => facts.path.segment(*place),
            Self::QueryParameter(name) => facts.request.query_parameter(name)?,
            Self::Connection(property) => facts.request.connection(*property).map(Cow::Borrowed),
        })
    }
}

/// Elements between commas, without the white space around them.
fn list(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Whether a claim has a text: it is the text, or an array with it.
fn contains(claim: &Value, is_it: impl Fn(&str) -> bool) -> bool {
    match claim {
        Value::String(text) => is_it(text),
        Value::Array(elements) => elements.iter().filter_map(Value::as_str).any(is_it),
        _ => false,
    }
}

fn is_scalar_text(scalar: &Scalar, text: &str) -> bool {
    matches!(scalar, Scalar::Text(own) if own == text)
}

fn is_scalar(claim: &Value, scalar: &Scalar) -> bool {
    match (scalar, claim) {
        (Scalar::Text(own), Value::String(text)) => own == text,
        (Scalar::Integer(own), Value::Number(number)) => number.as_u64() == Some(*own),
        (Scalar::Boolean(own), Value::Bool(value)) => own == value,
        _ => false,
    }
}

/// What a claim looks like in a request: requests have texts only.
fn text_of(claim: &Value) -> Option<Cow<'_, str>> {
    match claim {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) if number.is_u64() || number.is_i64() => Some(Cow::Owned(number.to_string())),
        Value::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
        _ => None,
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
