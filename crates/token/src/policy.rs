//! Rules: which requests need which permission. First match wins; no match is a denial.

use alloc::{format, rc::Rc, string::String, vec::Vec};

use crate::{
    claims::Valid,
    config::{PathConfig, RequirementConfig, RuleConfig},
    config_error::ConfigError,
    path::Path,
    reason::Reason,
    upstream::UpstreamEdits,
};

/// The compiled rules, in order.
pub(crate) struct Policy(Vec<Rule>);

struct Rule {
    prefix: Vec<u8>,
    permission: String,
}

/// A valid token that may do what the request asks, and what to change before the request goes on.
pub struct Grant {
    valid: Rc<Valid>,
    edits: UpstreamEdits,
}

impl Grant {
    pub(crate) const fn new(valid: Rc<Valid>, edits: UpstreamEdits) -> Self {
        Self { valid, edits }
    }

    /// The token.
    #[must_use]
    pub fn valid(&self) -> &Valid {
        &self.valid
    }

    /// The changes to make to the request.
    #[must_use]
    pub const fn edits(&self) -> &UpstreamEdits {
        &self.edits
    }
}

impl Policy {
    pub(crate) fn new(rules: Vec<RuleConfig>) -> Result<Self, ConfigError> {
        let compile = |(index, rule): (usize, RuleConfig)| {
            Rule::new(rule).map_err(|error| error.within(&format!("{index}")).within("rules"))
        };
        rules.into_iter().enumerate().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// Finds the request's rule and asks the token for what the rule requires.
    pub(crate) fn authorise(&self, path: &Path, valid: &Valid) -> Result<(), Reason> {
        let rule = self.0.iter().find(|rule| path.has_prefix(&rule.prefix)).ok_or(Reason::NoRule)?;
        // Strings are opaque: no case folding, no wildcard from a token.
        if valid.claims().permissions().contains(&rule.permission) { Ok(()) } else { Err(Reason::PermissionDenied) }
    }
}

impl Rule {
    fn new(config: RuleConfig) -> Result<Self, ConfigError> {
        let PathConfig::Prefix(prefix) = config.matches.path;
        let RequirementConfig::Permission(permission) = config.require;
        // A prefix that no accepted path can have would be a rule that never matches.
        if !Path::parse(prefix.as_bytes()).is_ok_and(|path| path.as_bytes() == prefix.as_bytes()) {
            let problem =
                "expected a path that begins with `/`, without query, dot segments, `//`, `;` and needless escapes";
            return Err(ConfigError::new(problem).within("prefix").within("path").within("match"));
        }
        if permission.is_empty()
            || permission.chars().any(|character| character.is_control() || character == ' ' || character == '*')
        {
            let problem = "expected a permission: no spaces, no wildcard";
            return Err(ConfigError::new(problem).within("permission").within("require"));
        }
        Ok(Self { prefix: prefix.into_bytes(), permission })
    }
}
