//! `rules` and `policies`: which requests need what.

use alloc::{string::String, vec::Vec};

use super::{
    reader::{names, object, variants},
    value::Scalar,
};
use crate::connection::ConnectionProperty;

/// Which requests need what. First match wins; no match is a denial.
pub(crate) struct RuleConfig {
    /// For people.
    pub(crate) _name: Option<String>,
    /// Which requests.
    pub(crate) matches: MatchConfig,
    /// What the token must fulfil; this or `allow`.
    pub(crate) require: Option<RequirementConfig>,
    /// Who passes without a requirement; this or `require`.
    pub(crate) allow: Option<AllowConfig>,
}

/// A request matches if all members do.
pub(crate) struct MatchConfig {
    /// Host names; `*.example.com` stands for one more label. Any host if absent.
    pub(crate) hosts: Option<Vec<String>>,
    /// Any method if absent.
    pub(crate) methods: Option<Vec<String>>,
    /// Any path if absent.
    pub(crate) path: Option<PathConfig>,
    /// Only questions of browsers whether they may send a request (OPTIONS with `Origin` and
    /// `Access-Control-Request-Method`).
    pub(crate) cors_preflight: bool,
}

/// Compared with the path without its query, segment by segment.
pub(crate) enum PathConfig {
    /// This path; a slash at the end counts.
    Exact(String),
    /// This path and all below it.
    Prefix(String),
    /// `{name}` stands for one segment, `**` at the end for the rest.
    Template(String),
}

/// Who passes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum AllowConfig {
    /// Whoever has a good token.
    Authenticated,
    /// Also without a token; a bad one is refused.
    Anyone,
    /// Everybody; a token is not looked at, and goes no further.
    Unchecked,
}

/// Exactly one of `permission`, `role`, `scope`, `policy`, `provider`, `client_address`, `claim`, `all`, `any`.
pub(crate) struct RequirementConfig {
    /// The token or one of its roles grants this.
    pub(crate) permission: Option<String>,
    /// The token has this role.
    pub(crate) role: Option<String>,
    /// The token has this scope.
    pub(crate) scope: Option<String>,
    /// The policy of this name is met.
    pub(crate) policy: Option<String>,
    /// The token comes from this provider.
    pub(crate) provider: Option<String>,
    /// The client's address is in one of these networks.
    pub(crate) client_address: Option<Vec<String>>,
    /// A claim, as a JSON pointer, with one of `equals`, `contains`, `in`, `allows`, `covers`.
    pub(crate) claim: Option<String>,
    /// The claim is this.
    pub(crate) equals: Option<OperandConfig>,
    /// The claim is an array of strings and has this.
    pub(crate) contains: Option<OperandConfig>,
    /// The claim is one of these.
    pub(crate) within: Option<OperandConfig>,
    /// The claim is an object of strings and arrays, and has each pair `name=value` of this list.
    pub(crate) allows: Option<OperandConfig>,
    /// The claim has a network with this address.
    pub(crate) covers: Option<OperandConfig>,
    /// A token without the claim fulfils this.
    pub(crate) optional: Option<bool>,
    /// Each of these.
    pub(crate) all: Option<Vec<Self>>,
    /// At least one of these.
    pub(crate) any: Option<Vec<Self>>,
}

/// What a claim is compared with.
pub(crate) enum OperandConfig {
    /// A constant: same type, same bytes.
    Value(Scalar),
    /// Constants.
    Values(Vec<Scalar>),
    /// The only value of a request header.
    Header(String),
    /// A segment of the path, by its name in the rule's template.
    PathParam(String),
    /// The only value of a query parameter.
    QueryParam(String),
    /// What the host knows of the connection.
    Connection(ConnectionProperty),
}

object!(RuleConfig {
    _name: optional "name",
    matches: required "match",
    require: optional "require",
    allow: optional "allow",
});
object!(MatchConfig {
    hosts: optional "hosts",
    methods: optional "methods",
    path: optional "path",
    cors_preflight: optional "cors_preflight" or false,
});
variants!(PathConfig { Exact "exact", Prefix "prefix", Template "template", });
names!(AllowConfig { Authenticated "authenticated", Anyone "anyone", Unchecked "unchecked", });
object!(RequirementConfig {
    permission: optional "permission",
    role: optional "role",
    scope: optional "scope",
    policy: optional "policy",
    provider: optional "provider",
    client_address: optional "client_address",
    claim: optional "claim",
    equals: optional "equals",
    contains: optional "contains",
    within: optional "in",
    allows: optional "allows",
    covers: optional "covers",
    optional: optional "optional",
    all: optional "all",
    any: optional "any",
});
variants!(OperandConfig {
    Value "value",
    Values "values",
    Header "header",
    PathParam "path_param",
    QueryParam "query_param",
    Connection "connection",
});
