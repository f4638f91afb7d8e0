//! What the document says of requirements, the same in code.

use alloc::{string::String, vec::Vec};

use datakit_token_encoding::json::Value;

use crate::{
    config::{
        reader::{Read, object, variants},
        value::JsonScalar,
    },
    error::ConfigError,
    policy::requirement::Relation,
    request::connection::ConnectionProperty,
};

/// What a token must fulfil. Exactly one thing; [`RequirementConfig::all`] and [`RequirementConfig::any`] join several.
#[derive(Clone, Debug)]
pub struct RequirementConfig(pub(crate) RequirementForm);

/// The forms that a requirement may have.
#[derive(Clone, Debug)]
pub(crate) enum RequirementForm {
    Permission(String),
    Role(String),
    Scope(String),
    Policy(String),
    Provider(String),
    ClientAddress(Vec<String>),
    Claim(ClaimConfig),
    All(Vec<RequirementConfig>),
    Any(Vec<RequirementConfig>),
}

/// A claim, and what it must be to something else.
#[derive(Clone, Debug)]
pub(crate) struct ClaimConfig {
    /// A JSON pointer.
    pub(crate) claim: String,
    pub(crate) relation: Relation,
    pub(crate) operand: OperandConfig,
    /// A token without the claim fulfils this.
    pub(crate) optional: bool,
}

/// What a claim is compared with: a constant, or the user's information in the request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum OperandConfig {
    /// A constant: same type, same bytes.
    Value(JsonScalar),
    /// Constants.
    Values(Vec<JsonScalar>),
    /// The only value of a request header.
    Header(String),
    /// A segment of the path, by its name in the rule's template.
    PathParam(String),
    /// The only value of a query parameter.
    QueryParam(String),
    /// What the host knows of the connection.
    Connection(ConnectionProperty),
}

impl RequirementConfig {
    /// The token or one of its roles grants this permission.
    #[must_use]
    pub fn permission(permission: impl Into<String>) -> Self {
        Self(RequirementForm::Permission(permission.into()))
    }

    /// The token has this role.
    #[must_use]
    pub fn role(role: impl Into<String>) -> Self {
        Self(RequirementForm::Role(role.into()))
    }

    /// The token has this scope.
    #[must_use]
    pub fn scope(scope: impl Into<String>) -> Self {
        Self(RequirementForm::Scope(scope.into()))
    }

    /// The policy of this name is met.
    #[must_use]
    pub fn policy(name: impl Into<String>) -> Self {
        Self(RequirementForm::Policy(name.into()))
    }

    /// The token comes from the provider of this name.
    #[must_use]
    pub fn provider(name: impl Into<String>) -> Self {
        Self(RequirementForm::Provider(name.into()))
    }

    /// The client's address is in one of these networks, such as `10.0.0.0/8`.
    #[must_use]
    pub fn client_address<N: Into<String>>(networks: impl IntoIterator<Item = N>) -> Self {
        Self(RequirementForm::ClientAddress(networks.into_iter().map(Into::into).collect()))
    }

    /// The claim at this JSON pointer (RFC 6901) has this relation to something else.
    #[must_use]
    pub fn claim(pointer: impl Into<String>, relation: Relation, operand: OperandConfig) -> Self {
        Self(RequirementForm::Claim(ClaimConfig { claim: pointer.into(), relation, operand, optional: false }))
    }

    /// The same, and a token without the claim passes.
    #[must_use]
    pub fn optional_claim(pointer: impl Into<String>, relation: Relation, operand: OperandConfig) -> Self {
        Self(RequirementForm::Claim(ClaimConfig { claim: pointer.into(), relation, operand, optional: true }))
    }

    /// Each of these.
    #[must_use]
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        Self(RequirementForm::All(parts.into_iter().collect()))
    }

    /// At least one of these.
    #[must_use]
    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        Self(RequirementForm::Any(parts.into_iter().collect()))
    }
}

impl Read for RequirementConfig {
    fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        RequirementMembers::read(value)?.into_requirement()
    }
}

object! {
    /// Exactly one of `permission`, `role`, `scope`, `policy`, `provider`, `client_address`, `claim`, `all`, `any`.
    struct RequirementMembers described as RequirementConfig exactly one of "permission" | "role" | "scope" | "policy" | "provider" | "client_address" | "claim" | "all" | "any" {
        /// The token or one of its roles grants this.
        permission: Option<String> = optional "permission",
        /// The token has this role.
        role: Option<String> = optional "role",
        /// The token has this scope.
        scope: Option<String> = optional "scope",
        /// The policy of this name is met.
        policy: Option<String> = optional "policy",
        /// The token comes from this provider.
        provider: Option<String> = optional "provider",
        /// The client's address is in one of these networks.
        client_address: Option<Vec<String>> = optional "client_address",
        /// A claim, as a JSON pointer, with one of `equals`, `contains`, `in`, `allows`, `covers`.
        claim: Option<String> = optional "claim",
        /// The claim is this.
        equals: Option<OperandConfig> = optional "equals",
        /// The claim is an array of strings and has this.
        contains: Option<OperandConfig> = optional "contains",
        /// The claim is one of these.
        within: Option<OperandConfig> = optional "in",
        /// The claim is an object of strings and arrays, and has each pair `name=value` of this list.
        allows: Option<OperandConfig> = optional "allows",
        /// The claim has a network with this address.
        covers: Option<OperandConfig> = optional "covers",
        /// A token without the claim fulfils this.
        optional: Option<bool> = optional "optional",
        /// Each of these.
        all: Option<Vec<RequirementConfig>> = optional "all",
        /// At least one of these.
        any: Option<Vec<RequirementConfig>> = optional "any",
    }
}

impl RequirementMembers {
    fn into_requirement(self) -> Result<RequirementConfig, ConfigError> {
        let relations = [
            (Relation::Equals, self.equals),
            (Relation::Contains, self.contains),
            (Relation::In, self.within),
            (Relation::Allows, self.allows),
            (Relation::Covers, self.covers),
        ];
        let mut relations = relations.into_iter().filter_map(|(relation, operand)| Some((relation, operand?)));
        let (relation, another) = (relations.next(), relations.next());
        let alone = relation.is_none() && self.optional.is_none();
        let claim = match (self.claim, relation) {
            (Some(claim), Some((relation, operand))) if another.is_none() => {
                Some(Ok(ClaimConfig { claim, relation, operand, optional: self.optional.unwrap_or(false) }))
            }
            (Some(_), _) => Some(Err("expected exactly one of `equals`, `contains`, `in`, `allows`, `covers`")),
            (None, _) => None,
        };
        let has_claim = claim.is_some();
        let forms = [
            self.permission.map(RequirementForm::Permission).map(Ok),
            self.role.map(RequirementForm::Role).map(Ok),
            self.scope.map(RequirementForm::Scope).map(Ok),
            self.policy.map(RequirementForm::Policy).map(Ok),
            self.provider.map(RequirementForm::Provider).map(Ok),
            self.client_address.map(RequirementForm::ClientAddress).map(Ok),
            claim.map(|claim| claim.map(RequirementForm::Claim)),
            self.all.map(RequirementForm::All).map(Ok),
            self.any.map(RequirementForm::Any).map(Ok),
        ];
        let mut forms = forms.into_iter().flatten();
        match (forms.next(), forms.next()) {
            (Some(form), None) if alone || has_claim => form.map(RequirementConfig).map_err(ConfigError::new),
            _ => Err(ConfigError::new(
                "expected exactly one of `permission`, `role`, `scope`, `policy`, `provider`, `client_address`, `claim`, \
                 `all`, `any`",
            )),
        }
    }
}

variants!(OperandConfig {
    /// A constant: same type, same bytes.
    Value(JsonScalar) "value",
    /// Constants, for `in`.
    Values(Vec<JsonScalar>) "values",
    /// The only value of a request header.
    Header(String) "header",
    /// A segment of the path, by its name in the rule's template.
    PathParam(String) "path_param",
    /// The only value of a query parameter.
    QueryParam(String) "query_param",
    /// What the host knows of the connection.
    Connection(ConnectionProperty) "connection",
});

#[cfg(test)]
impl crate::config::schema::Describe for RequirementConfig {
    fn describe(definitions: &mut crate::config::schema::Definitions) -> serde_json::Value {
        RequirementMembers::describe(definitions)
    }
}
