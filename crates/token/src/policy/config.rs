//! `rules` and `policies`: which requests need what.

use alloc::{string::String, vec::Vec};

use crate::{
    config::reader::{names, object, variants},
    policy::requirement_config::RequirementConfig,
};

object! {
    /// Which requests need what. First match wins; no match is a denial.
    #[derive(Clone, Debug, Default)]
    pub struct RuleConfig exactly one of "require" | "allow" {
        /// For people.
        pub(crate) _name: Option<String> = optional "name",
        /// Which requests.
        pub(crate) matches: MatchConfig = required "match",
        /// Which spellings of a path: `strict`, those that all readers read alike (if absent), or `as_sent`, all that
        /// stay below the rule's prefix, whoever reads them; they go on as they were sent.
        pub(crate) paths: Spellings = optional "paths" or Spellings::default(),
        /// What the token must fulfil; this or `allow`.
        pub(crate) require: Option<RequirementConfig> = optional "require",
        /// Who passes without a requirement: whoever has a good token (`authenticated`), also without a token, but not
        /// with a bad one (`anyone`), or everybody (`unchecked`). This or `require`.
        pub(crate) allow: Option<AllowConfig> = optional "allow",
    }
}

object! {
    /// A request matches if all members do.
    #[derive(Clone, Debug, Default)]
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
#[derive(Clone, Debug)]
pub(crate) enum PathConfig {
    /// This path; a slash at the end counts.
    Exact(String),
    /// This path and all below it.
    Prefix(String),
    /// `{name}` stands for one segment, `**` at the end for the rest.
    Template(String),
}

/// Which spellings of a path a rule takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Spellings {
    /// Those that all readers read alike.
    #[default]
    Strict,
    /// All that stay below the rule's prefix, whoever reads them; they go on as they were sent.
    AsSent,
}

/// Who passes without a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllowConfig {
    /// Whoever has a good token.
    Authenticated,
    /// Also without a token; a bad one is refused.
    Anyone,
    /// Everybody; a token is not looked at, and goes no further.
    Unchecked,
}

object! {
    /// How the upstream tells paths apart.
    #[derive(Clone, Copy, Debug, Default)]
    pub(crate) struct PathsConfig {
        /// Letters of ASCII are compared without case, as Express and ASP.NET do; `false` if absent.
        pub(crate) ignore_case: bool = optional "ignore_case" or false,
        /// A slash at the end does not count, as in Express; `false` if absent.
        pub(crate) ignore_trailing_slash: bool = optional "ignore_trailing_slash" or false,
    }
}

impl RuleConfig {
    /// A rule for every request that comes to it. [`RuleConfig::require`] or [`RuleConfig::allow`] has to follow.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A rule for this path; a slash at the end counts.
    #[must_use]
    pub fn exact_path(path: impl Into<String>) -> Self {
        Self::default().with_path(PathConfig::Exact(path.into()))
    }

    /// A rule for this path and all below it.
    #[must_use]
    pub fn path_prefix(path: impl Into<String>) -> Self {
        Self::default().with_path(PathConfig::Prefix(path.into()))
    }

    /// A rule for a path in which `{name}` stands for one segment, and `**` at the end for the rest.
    #[must_use]
    pub fn path_template(template: impl Into<String>) -> Self {
        Self::default().with_path(PathConfig::Template(template.into()))
    }

    /// Only this method, or one of those that were said before.
    #[must_use]
    pub fn with_method(mut self, method: impl Into<String>) -> Self {
        self.matches.methods.get_or_insert_default().push(method.into());
        self
    }

    /// Only this host, or one of those that were said before; `*.example.com` stands for one more label.
    #[must_use]
    pub fn with_host(mut self, host: impl Into<String>) -> Self {
        self.matches.hosts.get_or_insert_default().push(host.into());
        self
    }

    /// What the token must fulfil.
    #[must_use]
    pub fn require(mut self, requirement: RequirementConfig) -> Self {
        self.require = Some(requirement);
        self
    }

    /// Who passes without a requirement.
    #[must_use]
    pub const fn allow(mut self, allow: AllowConfig) -> Self {
        self.allow = Some(allow);
        self
    }

    fn with_path(mut self, path: PathConfig) -> Self {
        self.matches.path = Some(path);
        self
    }
}

variants!(PathConfig {
    /// This path; a slash at the end counts.
    Exact(String) "exact",
    /// This path and all below it.
    Prefix(String) "prefix",
    /// `{name}` stands for one segment, `**` at the end for the rest.
    Template(String) "template",
});
names!(Spellings { Strict "strict", AsSent "as_sent", });
names!(AllowConfig { Authenticated "authenticated", Anyone "anyone", Unchecked "unchecked", });
