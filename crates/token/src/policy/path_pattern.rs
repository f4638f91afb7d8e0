//! Path patterns of rules: `exact`, `prefix` and `template`.

use alloc::{borrow::Cow, string::String, vec::Vec};

use crate::{
    error::ConfigError,
    policy::config::{PathConfig, PathsConfig},
    request::{path::Path, percent::percent_decode},
};

/// The names of a template's segments, with their places in the path.
pub(crate) type Parameters = Vec<(String, usize)>;

/// A path pattern, taken apart.
pub(crate) struct Pattern {
    pub(crate) segments: Vec<Segment>,
    pub(crate) end: End,
}

/// One segment.
pub(crate) enum Segment {
    Literal(Vec<u8>),
    Parameter(String),
}

/// Whether the path ends where the pattern does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Exact,
    AtOrBelow,
    Below,
}

impl Pattern {
    /// Every path.
    pub(crate) const fn everything() -> Self {
        Self { segments: Vec::new(), end: End::AtOrBelow }
    }

    /// Reads a `path` of the configuration.
    pub(crate) fn read(config: PathConfig, paths: PathsConfig) -> Result<Self, ConfigError> {
        let (name, text, end) = match &config {
            PathConfig::Exact(text) => ("exact", text, End::Exact),
            PathConfig::Prefix(text) => ("prefix", text, End::AtOrBelow),
            PathConfig::Template(text) => ("template", text, End::Exact),
        };
        Self::parse(text, end, name == "template")
            .and_then(|pattern| pattern.fold(paths))
            .map_err(|error| error.within(name))
    }

    /// As requests are compared.
    fn fold(mut self, paths: PathsConfig) -> Result<Self, ConfigError> {
        if paths.ignore_case {
            for segment in &mut self.segments {
                let Segment::Literal(text) = segment else { continue };
                if !text.is_ascii() {
                    let problem = "expected ASCII: `paths.ignore_case` compares no other letters without case";
                    return Err(ConfigError::new(problem));
                }
                text.make_ascii_lowercase();
            }
        }
        if paths.ignore_trailing_slash {
            let ends_in_slash = matches!(self.segments.last(), Some(Segment::Literal(text)) if text.is_empty());
            if ends_in_slash && self.segments.len() > 1 {
                self.segments.pop();
            }
            if self.end == End::Below {
                self.end = End::AtOrBelow;
            }
        }
        Ok(self)
    }

    fn parse(text: &str, end: End, template: bool) -> Result<Self, ConfigError> {
        let (text, mut end) = match text.strip_suffix("/**").filter(|_| template) {
            Some("") => return Ok(Self::everything()),
            Some(rest) => (rest, End::AtOrBelow),
            None => (text, end),
        };
        let mut segments: Vec<Segment> = Vec::new();
        let mut literal = String::new();
        for segment in text.split('/').skip(1) {
            let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).filter(|_| template);
            literal.push('/');
            match name {
                Some(name) => {
                    let known =
                        segments.iter().any(|other| matches!(other, Segment::Parameter(other) if other == name));
                    if known
                        || name.is_empty()
                        || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                    {
                        let problem = "expected `{name}` with letters, digits and `_`, each name once";
                        return Err(ConfigError::new(problem));
                    }
                    literal.push('x');
                    segments.push(Segment::Parameter(name.into()));
                }
                None => {
                    literal.push_str(segment);
                    let decoded = percent_decode(segment.as_bytes()).map(Cow::into_owned);
                    segments.push(Segment::Literal(decoded.unwrap_or_default()));
                }
            }
        }
        // A pattern that no accepted path can have would be a rule that never matches.
        let canonical = Path::parse(literal.as_bytes()).is_ok_and(|path| path.as_bytes() == literal.as_bytes());
        let braces = template
            && segments.iter().any(
                |segment| matches!(segment, Segment::Literal(text) if text.iter().any(|byte| b"{}*".contains(byte))),
            );
        let doubled = template && end == End::AtOrBelow && text.ends_with('/');
        if !text.starts_with('/') || !canonical || braces || doubled {
            let problem = "expected a path that begins with `/`, without query, dot segments, `//`, `;` and needless escapes; in a template whole segments as `{name}`, and `**` at the end alone";
            return Err(ConfigError::new(problem));
        }
        if end == End::AtOrBelow && matches!(segments.last(), Some(Segment::Literal(text)) if text.is_empty()) {
            segments.pop();
            end = End::Below;
        }
        Ok(Self { segments, end })
    }

    /// The names of the template.
    pub(crate) fn parameters(&self) -> Parameters {
        let names = self.segments.iter().enumerate().filter_map(|(place, segment)| match segment {
            Segment::Parameter(name) => Some((name.clone(), place)),
            Segment::Literal(_) => None,
        });
        names.collect()
    }
}
