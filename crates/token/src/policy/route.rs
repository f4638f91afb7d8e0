//! Which rule a request falls under: the first one in the order of the configuration, found without asking each.
//!
//! Rules stand in a tree of path segments, one tree for each host pattern. A look-up goes down the tree along the
//! request's path, so that its cost depends on the path and not on the number of rules.

use alloc::{borrow::Cow, string::String, vec::Vec};

use datakit_token_encoding::sorted::Sorted;

use crate::{
    error::ConfigError,
    policy::{
        config::{MatchConfig, PathConfig, PathsConfig, Spellings},
        path_pattern::{End, Parameters, Pattern, Segment},
    },
    reason::Reason,
    request::{
        field_name::is_field_name,
        host_name::{HostName, HostPattern},
        path::Path,
        percent::percent_decode,
        request::Request,
        sent_path::is_below,
    },
};

/// The `match` of all rules.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    /// Rules without hosts.
    any: Tree,
    hosts: Sorted<HostPattern, Tree>,
    /// Some rule looks at the method.
    by_method: bool,
    /// Rules that take paths as they are sent, and what these begin with.
    as_sent: Sorted<usize, String>,
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

/// Nodes by number; the root is 0.
#[derive(Debug)]
struct Tree(Vec<Node>);

#[derive(Debug, Default)]
struct Node {
    literal: Sorted<Vec<u8>, usize>,
    parameter: Option<usize>,
    /// The path ends here.
    exact: Vec<Leaf>,
    /// The path ends here or goes on.
    at_or_below: Vec<Leaf>,
    /// The path goes on.
    below: Vec<Leaf>,
}

/// A rule, and what it wants besides the path.
#[derive(Clone, Debug)]
struct Leaf {
    rule: usize,
    /// Empty for all.
    methods: Vec<String>,
    preflight: bool,
}

impl Routes {
    /// None yet.
    pub(crate) fn new(paths: PathsConfig) -> Self {
        Self { paths, ..Self::default() }
    }

    /// Adds the rule with this number, which grows.
    // Not a part of a larger function: an engine that compiles in advance keeps the memory of the largest.
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
            if trees.any(|tree| tree.has_below(0, &pattern.segments, pattern.end)) {
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
        let strict = Path::parse(request.path());
        if self.as_sent.is_empty() {
            let path = strict?;
            let rule = self.find_rule(request, &path)?;
            return Ok((path, rule));
        }
        let sent = Path::as_sent(request.path());
        let path = strict.as_ref().or(sent.as_ref()).map_err(|reason| *reason)?;
        let rule = self.find_rule(request, path)?;
        // What is no prefix to the letter is one to some readers alone.
        let prefix = rule.and_then(|rule| self.as_sent.get(&rule));
        match (prefix, sent) {
            (Some(prefix), Ok(sent)) if is_below(sent.as_bytes(), prefix.as_bytes(), self.paths.ignore_case) => {
                Ok((sent, rule))
            }
            _ => Ok((strict?, rule)),
        }
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

impl Default for Tree {
    fn default() -> Self {
        Self(Vec::from([Node::default()]))
    }
}

impl Tree {
    /// False if an earlier rule takes all that this one could match at the same place.
    fn add(&mut self, pattern: &Pattern, leaf: &Leaf) -> bool {
        let mut place = 0;
        for segment in &pattern.segments {
            let next = self.0.len();
            let Some(node) = self.0.get_mut(place) else { return false };
            place = match segment {
                Segment::Literal(text) => match node.literal.get(text) {
                    Some(place) => *place,
                    None => {
                        node.literal.insert(text.clone(), next);
                        next
                    }
                },
                Segment::Parameter(_) => *node.parameter.get_or_insert(next),
            };
            if place == next {
                self.0.push(Node::default());
            }
        }
        let Some(node) = self.0.get_mut(place) else { return false };
        let leaves = match pattern.end {
            End::Exact => &mut node.exact,
            End::AtOrBelow => &mut node.at_or_below,
            End::Below => &mut node.below,
        };
        let covered = leaves.iter().any(|earlier| earlier.covers(leaf));
        if !covered {
            leaves.push(leaf.clone());
        }
        !covered
    }

    /// Whether some rule is about one path here, or a part of those below, and not about all of them.
    fn has_below(&self, node: usize, segments: &[Segment], end: End) -> bool {
        let Some(node) = self.0.get(node) else { return false };
        let Some((first, rest)) = segments.split_first() else {
            return !node.exact.is_empty()
                || (!node.below.is_empty() && end != End::Below)
                || !node.literal.is_empty()
                || node.parameter.is_some();
        };
        let literal = match first {
            Segment::Literal(text) => node.literal.get(text),
            Segment::Parameter(_) => None,
        };
        literal.into_iter().chain(&node.parameter).any(|next| self.has_below(*next, rest, end))
    }

    /// Whether one of these rules takes all that a later one could match.
    fn covers<'t>(&'t self, pattern: &'t Pattern, leaf: &Leaf) -> bool {
        let root = self.0.first();
        root.is_some_and(|root| self.covers_from(root, pattern.segments.iter(), pattern.end, leaf))
    }

    fn covers_from<'t>(
        &'t self,
        mut node: &'t Node,
        mut segments: impl Iterator<Item = &'t Segment> + Clone,
        end: End,
        leaf: &Leaf,
    ) -> bool {
        let has = |leaves: &[Leaf]| leaves.iter().any(|earlier| earlier.covers(leaf));
        let get = |number: usize| self.0.get(number);
        while !has(&node.at_or_below) {
            let Some(segment) = segments.next() else {
                return match end {
                    End::Exact => has(&node.exact),
                    End::AtOrBelow => false,
                    End::Below => has(&node.below),
                };
            };
            if has(&node.below) {
                return true;
            }
            // A parameter takes every text but none, and no text takes every one.
            let (literal, parameter) = match segment {
                Segment::Literal(text) => (node.literal.get(text), node.parameter.filter(|_| !text.is_empty())),
                Segment::Parameter(_) => (None, node.parameter),
            };
            node = match (literal.copied().and_then(get), parameter.and_then(get)) {
                (Some(literal), Some(parameter)) => {
                    if self.covers_from(parameter, segments.clone(), end, leaf) {
                        return true;
                    }
                    literal
                }
                (Some(only), None) | (None, Some(only)) => only,
                (None, None) => return false,
            };
        }
        true
    }

    /// Lowers `first` to the first rule that matches.
    fn visit(&self, request: &Request<'_>, path: &[u8], first: &mut Option<usize>) {
        if let Some(root) = self.0.first() {
            self.visit_from(root, request, path.split(|byte| *byte == b'/').skip(1), first);
        }
    }

    /// No node twice: what it costs is bounded by the configuration.
    fn visit_from<'t, 'p>(
        &'t self,
        mut node: &'t Node,
        request: &Request<'_>,
        mut segments: impl Iterator<Item = &'p [u8]> + Clone,
        first: &mut Option<usize>,
    ) {
        let get = |number: &usize| self.0.get(*number);
        loop {
            lower(&node.at_or_below, request, first);
            let Some(segment) = segments.next() else { return lower(&node.exact, request, first) };
            lower(&node.below, request, first);
            // A parameter is never empty.
            let parameter = node.parameter.as_ref().filter(|_| !segment.is_empty()).and_then(get);
            let literal = node.literal(segment).and_then(get);
            node = match (literal, parameter) {
                (Some(literal), Some(parameter)) => {
                    self.visit_from(parameter, request, segments.clone(), first);
                    literal
                }
                (Some(only), None) | (None, Some(only)) => only,
                (None, None) => return,
            };
        }
    }
}

impl Node {
    fn literal(&self, segment: &[u8]) -> Option<&usize> {
        if self.literal.is_empty() {
            return None;
        }
        // Without escapes: `%3A` is `:` to an upstream that decodes, and nothing to one that does not.
        let segment = percent_decode(segment).unwrap_or(Cow::Borrowed(segment));
        self.literal.get(segment.as_ref())
    }
}

fn lower(leaves: &[Leaf], request: &Request<'_>, first: &mut Option<usize>) {
    // In the order of the rules.
    for leaf in leaves {
        if first.is_some_and(|first| first < leaf.rule) {
            return;
        }
        if leaf.matches(request) {
            *first = Some(leaf.rule);
            return;
        }
    }
}

impl Leaf {
    fn matches(&self, request: &Request<'_>) -> bool {
        // RFC 9110 section 9.1: methods have case.
        let method = self.methods.is_empty() || self.methods.iter().any(|method| method.as_bytes() == request.method());
        method && (!self.preflight || is_preflight(request))
    }

    fn covers(&self, later: &Self) -> bool {
        let has = |method: &String| self.methods.contains(method);
        let methods = self.methods.is_empty() || (!later.methods.is_empty() && later.methods.iter().all(has));
        methods && (!self.preflight || later.preflight)
    }
}

/// Fetch standard, CORS-preflight request.
fn is_preflight(request: &Request<'_>) -> bool {
    // A proxy joins repeated headers by commas.
    let one = |name| request.only_value(name).is_some_and(|value| !value.contains(&b','));
    request.method() == b"OPTIONS" && one("origin") && one("access-control-request-method")
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
