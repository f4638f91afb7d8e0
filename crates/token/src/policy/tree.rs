//! Rules in a tree of path segments: a look-up goes down the tree along the request's path, so that its cost depends on
//! the path and not on the number of rules.

use alloc::{borrow::Cow, string::String, vec::Vec};

use datakit_token_encoding::collections::SortedMap;

use crate::{
    policy::path_pattern::{End, Pattern, Segment},
    request::{percent::percent_decode, request::Request},
};

/// Nodes by number; the root is 0.
#[derive(Debug)]
pub(crate) struct Tree(Vec<Node>);

#[derive(Debug, Default)]
struct Node {
    literal: SortedMap<Vec<u8>, usize>,
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
pub(crate) struct Leaf {
    pub(crate) rule: usize,
    /// Empty for all.
    pub(crate) methods: Vec<String>,
    pub(crate) preflight: bool,
}

impl Default for Tree {
    fn default() -> Self {
        Self(Vec::from([Node::default()]))
    }
}

impl Tree {
    /// False if an earlier rule takes all that this one could match at the same place.
    pub(crate) fn add(&mut self, pattern: &Pattern, leaf: &Leaf) -> bool {
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
    pub(crate) fn has_below(&self, pattern: &Pattern) -> bool {
        self.has_below_from(0, &pattern.segments, pattern.end)
    }

    fn has_below_from(&self, node: usize, segments: &[Segment], end: End) -> bool {
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
        literal.into_iter().chain(&node.parameter).any(|next| self.has_below_from(*next, rest, end))
    }

    /// Whether one of these rules takes all that a later one could match.
    pub(crate) fn covers<'t>(&'t self, pattern: &'t Pattern, leaf: &Leaf) -> bool {
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
    pub(crate) fn visit(&self, request: &Request<'_>, path: &[u8], first: &mut Option<usize>) {
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
            keep_first(&node.at_or_below, request, first);
            let Some(segment) = segments.next() else { return keep_first(&node.exact, request, first) };
            keep_first(&node.below, request, first);
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

fn keep_first(leaves: &[Leaf], request: &Request<'_>, first: &mut Option<usize>) {
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
