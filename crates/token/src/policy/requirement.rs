//! What a rule asks of a token and its request.

use alloc::{borrow::Cow, string::String, vec::Vec};

use datakit_token_encoding::json::Value;

use crate::{
    config::value::JsonScalar,
    policy::roles::Roles,
    reason::Reason,
    refusal::Refusal,
    request::{
        connection::{ConnectionProperty, Network, parse_address},
        path::Path,
        request::{Ambiguous, Request},
    },
    shared::Shared,
    token::{authority::AuthorityClaim, valid::Valid},
};

/// A compiled requirement.
#[derive(Debug)]
pub(crate) enum Requirement {
    Permission(String),
    Role(String),
    Scope(String),
    Provider(usize),
    ClientAddress(Vec<Network>),
    Claim(ClaimRequirement),
    All(Vec<Shared<Self>>),
    Any(Vec<Shared<Self>>),
}

/// A claim that has to match the user's information in the request.
#[derive(Debug)]
pub(crate) struct ClaimRequirement {
    /// A JSON pointer.
    pub(crate) claim: String,
    pub(crate) relation: Relation,
    pub(crate) operand: Operand,
    /// A token without the claim fulfils this.
    pub(crate) optional: bool,
}

/// How a claim and the user's information have to be to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Relation {
    /// They are the same.
    Equals,
    /// The claim is an array of strings and has the other.
    Contains,
    /// The claim is one of the others.
    In,
    /// The claim is an object of strings and arrays, and has each pair `name=value` of the other, a list.
    Allows,
    /// The claim has a network with the other, an address.
    Covers,
}

impl Relation {
    /// Its member in the document.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Equals => "equals",
            Self::Contains => "contains",
            Self::In => "in",
            Self::Allows => "allows",
            Self::Covers => "covers",
        }
    }
}

/// What a claim is compared with.
#[derive(Debug)]
pub(crate) enum Operand {
    Values(Vec<JsonScalar>),
    Header(String),
    /// The place of a segment in the path.
    Segment(usize),
    QueryParameter(String),
    Connection(ConnectionProperty),
}

/// Everything that a requirement may look at.
pub(crate) struct Facts<'f> {
    pub(crate) request: &'f Request<'f>,
    pub(crate) path: &'f Path<'f>,
    pub(crate) valid: &'f Valid,
    pub(crate) roles: &'f Roles,
}

/// A requirement that is not met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequirementError<'r> {
    kind: Kind,
    /// A JSON pointer to the one claim that it is about.
    claim: Option<&'r str>,
}

/// Why it is not met. Bindings are said first, so that the order of the parts does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Binding,
    /// What was asked for would be in a claim that has not the form for it.
    Form,
    Permission,
}

impl From<RequirementError<'_>> for Refusal {
    fn from(RequirementError { kind, claim }: RequirementError<'_>) -> Self {
        let reason = match kind {
            Kind::Binding => Reason::BindingMismatch,
            Kind::Form => Reason::ClaimInvalid,
            Kind::Permission => Reason::PermissionDenied,
        };
        claim.map_or_else(|| reason.into(), |claim| Self::at(reason, claim))
    }
}

impl Requirement {
    /// Whether every request with the same token gets the same answer.
    pub(crate) fn is_about_token(&self) -> bool {
        match self {
            Self::Permission(_) | Self::Role(_) | Self::Scope(_) | Self::Provider(_) => true,
            Self::ClientAddress(_) => false,
            Self::Claim(requirement) => matches!(requirement.operand, Operand::Values(_)),
            Self::All(parts) | Self::Any(parts) => parts.iter().all(|part| part.is_about_token()),
        }
    }

    /// The first permission in it for which this is so.
    pub(crate) fn find_permission(&self, is_it: &dyn Fn(&str) -> bool) -> Option<&str> {
        match self {
            Self::Permission(permission) => Some(permission.as_str()).filter(|permission| is_it(permission)),
            Self::All(parts) | Self::Any(parts) => parts.iter().find_map(|part| part.find_permission(is_it)),
            _ => None,
        }
    }

    /// Whether token and request fulfil it.
    pub(crate) fn check<'r>(&'r self, facts: &Facts<'r>) -> Result<(), RequirementError<'r>> {
        let met = |met: bool, otherwise: RequirementError<'r>| if met { Ok(()) } else { Err(otherwise) };
        let denied = RequirementError { kind: Kind::Permission, claim: None };
        let claims = facts.valid.claims();
        let lacking = |places: &[AuthorityClaim]| match claims.find_malformed(places) {
            place @ Some(_) => RequirementError { kind: Kind::Form, claim: place },
            None => denied,
        };
        match self {
            Self::Permission(permission) => {
                let places = [AuthorityClaim::Roles, AuthorityClaim::Permissions, AuthorityClaim::Scope];
                met(facts.roles.permits(claims, permission), lacking(&places))
            }
            Self::Role(role) => met(claims.roles().contains(role), lacking(&[AuthorityClaim::Roles])),
            Self::Scope(scope) => met(claims.scopes().contains(scope), lacking(&[AuthorityClaim::Scope])),
            Self::Provider(provider) => met(facts.valid.provider() == *provider, denied),
            Self::ClientAddress(networks) => {
                let address = facts.request.connection(ConnectionProperty::ClientAddress).and_then(parse_address);
                let inside = address.is_some_and(|address| networks.iter().any(|network| network.has(address)));
                met(inside, RequirementError { kind: Kind::Binding, claim: None })
            }
            Self::Claim(requirement) => met(
                requirement.is_met(facts),
                RequirementError { kind: Kind::Binding, claim: Some(&requirement.claim) },
            ),
            Self::All(parts) => {
                let unmet = parts.iter().filter_map(|part| part.check(facts).err()).min_by_key(|unmet| unmet.kind);
                unmet.map_or(Ok(()), Err)
            }
            Self::Any(parts) => {
                let mut worst: Option<RequirementError<'r>> = None;
                for part in parts {
                    let Err(unmet) = part.check(facts) else { return Ok(()) };
                    worst = Some(match worst {
                        Some(other) if other.kind > unmet.kind => other,
                        // Any of them would do, so none is the one to name.
                        Some(other) if other.kind == unmet.kind => RequirementError { claim: None, ..other },
                        _ => unmet,
                    });
                }
                Err(worst.unwrap_or(RequirementError { kind: Kind::Binding, claim: None }))
            }
        }
    }
}

impl ClaimRequirement {
    fn is_met(&self, facts: &Facts<'_>) -> bool {
        let claims = facts.valid.claims();
        let Some(claim) = claims.at(&self.claim) else { return self.optional && claims.is_absent(&self.claim) };
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
        // An empty value says nothing of the user, so not even an empty claim matches it.
        if found.is_empty() {
            return false;
        }
        match self.relation {
            Relation::Equals => text_of(claim).is_some_and(|text| text.as_bytes() == found),
            Relation::Contains => contains(claim, |text| text.as_bytes() == found),
            Relation::In => text_of(claim)
                .filter(|text| !text.is_empty())
                .is_some_and(|text| list(found).any(|one| one == text.as_bytes())),
            Relation::Covers => parse_address(found).is_some_and(|address| {
                contains(claim, |text| Network::parse(text).is_some_and(|network| network.has(address)))
            }),
            Relation::Allows => false,
        }
    }

    /// Every pair `name=value` of the list is in the claim. No list asks for nothing, nor does an empty one: DataKit
    /// writes its header without a value where no tag applies.
    fn allows(&self, claim: Value<'_>, facts: &Facts<'_>) -> bool {
        let found = match self.operand.find(facts, true) {
            Ok(Some(found)) if !found.trim_ascii().is_empty() => found,
            Ok(_) => return true,
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
            // Hosts of HTTP/2 have it apart from the headers.
            Self::Header(name) if name == "host" => facts.request.host().map(Cow::Borrowed),
            // Which spelling the upstream looks at is not known.
            Self::Header(name) if facts.request.has_header_like(name) => return Err(Ambiguous),
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
fn contains(claim: Value<'_>, is_it: impl Fn(&str) -> bool) -> bool {
    match claim {
        Value::String(text) => is_it(text),
        Value::Array(elements) => elements.iter().filter_map(Value::as_str).any(is_it),
        _ => false,
    }
}

fn is_scalar_text(scalar: &JsonScalar, text: &str) -> bool {
    matches!(scalar, JsonScalar::Text(own) if own == text)
}

fn is_scalar(claim: Value<'_>, scalar: &JsonScalar) -> bool {
    match (scalar, claim) {
        (JsonScalar::Text(own), Value::String(text)) => own == text,
        (JsonScalar::Integer(own), Value::Number(number)) => number.as_u64() == Some(*own),
        (JsonScalar::Boolean(own), Value::Bool(value)) => *own == value,
        _ => false,
    }
}

/// What a claim looks like in a request: requests have texts only.
fn text_of(claim: Value<'_>) -> Option<&str> {
    match claim {
        Value::String(text) => Some(text),
        Value::Number(number) if number.is_integer() => Some(number.as_str()),
        Value::Bool(value) => Some(if value { "true" } else { "false" }),
        _ => None,
    }
}
