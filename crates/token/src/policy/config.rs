//! `rules` and `policies`: which requests need what.

use alloc::{string::String, vec::Vec};

use crate::{
    config::{
        reader::{names, object, variants},
        value::JsonScalar,
    },
    request::connection::ConnectionProperty,
};

object! {
    /// Which requests need what. First match wins; no match is a denial.
    pub(crate) struct RuleConfig exactly one of "require" | "allow" {
        /// For people.
        pub(crate) _name: Option<String> = optional "name",
        /// Which requests.
        pub(crate) matches: MatchConfig = required "match",
        /// Which spellings of a path.
        pub(crate) paths: Spellings = optional "paths" or Spellings::Strict,
        /// What the token must fulfil; this or `allow`.
        pub(crate) require: Option<RequirementConfig> = optional "require",
        /// Who passes without a requirement; this or `require`.
        pub(crate) allow: Option<AllowConfig> = optional "allow",
    }
}

object! {
    /// A request matches if all members do.
    #[derive(Default)]
    pub(crate) struct MatchConfig {
        /// Host names; `*.example.com` stands for one more label. Any host if absent.
        pub(crate) hosts: Option<Vec<String>> = optional "hosts",
        /// Any method if absent.
        pub(crate) methods: Option<Vec<String>> = optional "methods",
        /// Any path if absent.
        pub(crate) path: Option<PathConfig> = optional "path",
        /// Only questions of browsers whether they may send a request (OPTIONS with `Origin` and
        /// `Access-Control-Request-Method`).
        pub(crate) cors_preflight: bool = optional "cors_preflight" or false,
    }
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

/// Which spellings of a path a rule takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spellings {
    /// Those that all readers read alike.
    Strict,
    /// All that stay below the rule's prefix, whoever reads them; they go on as they were sent.
    AsSent,
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

object! {
    /// Exactly one of `permission`, `role`, `scope`, `policy`, `provider`, `client_address`, `claim`, `all`, `any`.
    pub(crate) struct RequirementConfig exactly one of "permission" | "role" | "scope" | "policy" | "provider" | "client_address" | "claim" | "all" | "any" {
        /// The token or one of its roles grants this.
        pub(crate) permission: Option<String> = optional "permission",
        /// The token has this role.
        pub(crate) role: Option<String> = optional "role",
        /// The token has this scope.
        pub(crate) scope: Option<String> = optional "scope",
        /// The policy of this name is met.
        pub(crate) policy: Option<String> = optional "policy",
        /// The token comes from this provider.
        pub(crate) provider: Option<String> = optional "provider",
        /// The client's address is in one of these networks.
        pub(crate) client_address: Option<Vec<String>> = optional "client_address",
        /// A claim, as a JSON pointer, with one of `equals`, `contains`, `in`, `allows`, `covers`.
        pub(crate) claim: Option<String> = optional "claim",
        /// The claim is this.
        pub(crate) equals: Option<OperandConfig> = optional "equals",
        /// The claim is an array of strings and has this.
        pub(crate) contains: Option<OperandConfig> = optional "contains",
        /// The claim is one of these.
        pub(crate) within: Option<OperandConfig> = optional "in",
        /// The claim is an object of strings and arrays, and has each pair `name=value` of this list.
        pub(crate) allows: Option<OperandConfig> = optional "allows",
        /// The claim has a network with this address.
        pub(crate) covers: Option<OperandConfig> = optional "covers",
        /// A token without the claim fulfils this.
        pub(crate) optional: Option<bool> = optional "optional",
        /// Each of these.
        pub(crate) all: Option<Vec<RequirementConfig>> = optional "all",
        /// At least one of these.
        pub(crate) any: Option<Vec<RequirementConfig>> = optional "any",
    }
}

/// What a claim is compared with.
pub(crate) enum OperandConfig {
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

object! {
    /// How the upstream tells paths apart.
    #[derive(Clone, Copy, Debug, Default)]
    pub(crate) struct PathsConfig {
        /// Letters of ASCII are compared without case.
        pub(crate) ignore_case: bool = optional "ignore_case" or false,
        /// A slash at the end does not count.
        pub(crate) ignore_trailing_slash: bool = optional "ignore_trailing_slash" or false,
    }
}

variants!(PathConfig { Exact(String) "exact", Prefix(String) "prefix", Template(String) "template", });
names!(Spellings { Strict "strict", AsSent "as_sent", });
names!(AllowConfig { Authenticated "authenticated", Anyone "anyone", Unchecked "unchecked", });
variants!(OperandConfig {
    Value(JsonScalar) "value",
    Values(Vec<JsonScalar>) "values",
    Header(String) "header",
    PathParam(String) "path_param",
    QueryParam(String) "query_param",
    Connection(ConnectionProperty) "connection",
});
