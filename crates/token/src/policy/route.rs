//! Which rule a request falls under: the first one in the order of the configuration, found without asking each. There
//! is one tree of rules for each host pattern.

use alloc::{borrow::Cow, string::String, vec::Vec};

use datakit_token_encoding::collections::SortedMap;

use crate::{
    error::ConfigError,
    policy::{
        config::{MatchConfig, PathConfig, PathsConfig, Spellings},
        path_pattern::{End, Parameters, Pattern, Segment},
        tree::{Leaf, Tree},
    },
    reason::Reason,
    request::{
        field_name::is_field_name,
        host_name::{HostName, HostPattern},
        path::Path,
        request::Request,
        sent_path::is_below,
    },
};

/// The `match` of all rules.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    /// Rules without hosts.
    any: Tree,
    hosts: SortedMap<HostPattern, Tree>,
    /// Some rule looks at the method.
    by_method: bool,
    /// Rules that take paths as they are sent, and what these begin with.
    as_sent: SortedMap<usize, String>,
    paths: PathsConfig,
}

/// What is known of a rule once it is among the others.
pub(crate) struct Added {
    /// The names in its template.
    pub(crate) parameters: Parameters,
    /// Whether it can ever match.
    pub(crate) reachable: bool,
    /// Whether it takes every path, and whether it names a part of one.
    pub(crate) every_path: bool,
    pub(crate) names_path: bool,
}

impl Routes {
    /// None yet.
    pub(crate) fn new(paths: PathsConfig) -> Self {
        Self { paths, ..Self::default() }
    }

    /// Adds the rule with this number, which grows.
    // Apart, as it runs once: "Cold paths" in docs/performance.md.
    #[inline(never)]
    pub(crate) fn add(&mut self, rule: usize, config: MatchConfig, spellings: Spellings) -> Result<Added, ConfigError> {
        let place = |error: ConfigError| error.within("match");
        let prefix = match spellings {
            Spellings::Strict => None,
            Spellings::AsSent => Some(read_prefix(config.path.as_ref()).map_err(|error| error.within("paths"))?),
        };
        let hosts = read_list("hosts", config.hosts, HostPattern::parse).map_err(place)?;
        let methods = read_list("methods", config.methods, read_method).map_err(place)?.unwrap_or_default();
        let pattern = config.path.map_or_else(|| Ok(Pattern::everything()), |path| Pattern::read(path, self.paths));
        let pattern = pattern.map_err(|error| place(error.within("path")))?;
        self.by_method |= !methods.is_empty() || config.cors_preflight;
        if let Some(prefix) = prefix {
            let mut trees = self.hosts.iter().map(|(_, tree)| tree).chain([&self.any]);
            if trees.any(|tree| tree.has_below(&pattern)) {
                let problem = "an earlier rule is about a path below this prefix, and other spellings of that path would get past it";
                return Err(ConfigError::new(problem).within("paths"));
            }
            self.as_sent.insert(rule, prefix);
        }
        let preflight = config.cors_preflight;
        let leaf = Leaf { rule, methods, preflight };
        let mut reachable = false;
        let everywhere = self.any.covers(&pattern, &leaf);
        match &hosts {
            None => reachable |= self.any.add(&pattern, &leaf) && !everywhere,
            Some(hosts) => {
                for host in hosts {
                    let tree = self.hosts.get_or_insert(host.clone(), Tree::default);
                    reachable |= tree.is_some_and(|tree| {
                        let covered = everywhere || tree.covers(&pattern, &leaf);
                        tree.add(&pattern, &leaf) && !covered
                    });
                }
            }
        }
        let names_path = pattern.segments.iter().any(|segment| matches!(segment, Segment::Literal(_)));
        let every_path = pattern.segments.is_empty() && pattern.end != End::Exact && !preflight;
        Ok(Added { parameters: pattern.parameters(), reachable, every_path, names_path })
    }

    /// Whether some rule looks at the method, so that nothing may replace it on the way.
    pub(crate) const fn by_method(&self) -> bool {
        self.by_method
    }

    /// Whether some rule looks at the host.
    pub(crate) fn by_host(&self) -> bool {
        !self.hosts.is_empty()
    }

    fn knows(&self, host: &HostName) -> bool {
        let mut patterns = [Some(host.exact()), host.wildcard()].into_iter().flatten();
        patterns.any(|pattern| self.hosts.get(&pattern).is_some())
    }

    /// The request's path, and the number of its rule.
    pub(crate) fn find<'r>(&self, request: &Request<'r>) -> Result<(Path<'r>, Option<usize>), Reason> {
        let sent = || Path::as_sent(request.path());
        match Path::parse(request.path()) {
            Ok(path) => {
                let rule = self.find_rule(request, &path)?;
                Ok((self.take_as_sent(rule, sent).unwrap_or(path), rule))
            }
            Err(reason) if self.as_sent.is_empty() => Err(reason),
            // Not read alike by all, and yet it may lie below a prefix for whoever reads it.
            Err(reason) => {
                let rule = self.find_rule(request, &sent()?)?;
                self.take_as_sent(rule, sent).map(|path| (path, rule)).ok_or(reason)
            }
        }
    }

    /// The path as it was sent, if the rule takes it so. What is no prefix to the letter is one to some readers alone.
    fn take_as_sent<'r>(
        &self,
        rule: Option<usize>,
        sent: impl FnOnce() -> Result<Path<'r>, Reason>,
    ) -> Option<Path<'r>> {
        let prefix = self.as_sent.get(&rule?)?;
        sent().ok().filter(|sent| is_below(sent.as_bytes(), prefix.as_bytes(), self.paths.ignore_case))
    }

    fn find_rule(&self, request: &Request<'_>, path: &Path<'_>) -> Result<Option<usize>, Reason> {
        let mut first = None;
        let path = &*self.fold(path.as_bytes());
        self.any.visit(request, path, &mut first);
        if !self.hosts.is_empty() {
            // A rule about hosts asks for one that everybody reads alike.
            let host = request.host().and_then(HostName::parse).ok_or(Reason::InvalidRequest)?;
            // Most upstreams do not look at the port: a host with another one must not fall to the rules of others.
            if !self.knows(&host) && host.without_port().is_some_and(|host| self.knows(&host)) {
                return Ok(None);
            }
            for pattern in [Some(host.exact()), host.wildcard()].into_iter().flatten() {
                if let Some(tree) = self.hosts.get(&pattern) {
                    tree.visit(request, path, &mut first);
                }
            }
        }
        Ok(first)
    }

    /// The path in the form that rules are kept in.
    fn fold<'p>(&self, path: &'p [u8]) -> Cow<'p, [u8]> {
        let PathsConfig { ignore_case, ignore_trailing_slash } = self.paths;
        let path = if ignore_trailing_slash { without_trailing_slash(path) } else { path };
        if ignore_case { Cow::Owned(path.to_ascii_lowercase()) } else { Cow::Borrowed(path) }
    }
}

/// The root stays.
fn without_trailing_slash(path: &[u8]) -> &[u8] {
    path.strip_suffix(b"/").filter(|rest| !rest.is_empty()).unwrap_or(path)
}

/// What paths begin with that go on as they are sent.
fn read_prefix(path: Option<&PathConfig>) -> Result<String, ConfigError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    match path {
        Some(PathConfig::Prefix(prefix)) if prefix.bytes().all(plain) => Ok(prefix.clone()),
        _ => Err(ConfigError::new(
            "expected `strict`, or a rule with `match.path.prefix` of letters, digits, `-`, `.`, `_`, `~` and `/` alone: only such a prefix is the same to all readers",
        )),
    }
}

fn read_method(text: &str) -> Result<String, ConfigError> {
    if is_field_name(text) { Ok(text.into()) } else { Err(ConfigError::new("expected a method such as `GET`")) }
}

/// Reads a list that has at least one element, if it is there.
fn read_list<T>(
    name: &str,
    list: Option<Vec<String>>,
    read: impl Fn(&str) -> Result<T, ConfigError>,
) -> Result<Option<Vec<T>>, ConfigError> {
    let Some(list) = list else { return Ok(None) };
    if list.is_empty() {
        return Err(ConfigError::new("expected at least one element").within(name));
    }
    let element =
        |(index, text): (usize, &String)| read(text).map_err(|error| error.within_element(index).within(name));
    list.iter().enumerate().map(element).collect::<Result<_, _>>().map(Some)
}
