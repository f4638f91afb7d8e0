//! Revocation rules: tokens whose claims match are refused from a moment on, whatever else they say.
//!
//! ```json
//! {"match": {"workspace": "wksp_5b8d"}, "issued_before": 1790000001, "from": 1790000601}
//! {"match": {"jti": "01J"}}
//! {"header": {"kid": "2026-10"}}
//! {"all": true, "issued_before": 1790000001}
//! ```

use alloc::{borrow::ToOwned, boxed::Box, format, string::String, vec::Vec};
use core::{cmp::Ordering, mem};

use datakit_token_encoding::{
    json::{self, Object, Value},
    sorted::sort,
};

use crate::{claims::Claims, config_error::ConfigError, numeric_date::MAX_TIME};

/// Rules that a set may have.
const MAX_RULES: usize = 100_000;
/// Different sets of names over all rules: a look-up asks once for each.
const MAX_TABLES: usize = 16;
/// Members of one `match`.
const MAX_MEMBERS: usize = 8;
/// Stands for the key id of the header among the JSON pointers of claims, which all begin with `/`.
const HEADER_KID: &str = "kid";

/// Compiled rules. A look-up costs the same for ten rules and for a hundred thousand.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    tables: Vec<Table>,
    count: usize,
}

/// A rule matches and is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Revoked;

impl Rules {
    /// How many rules were read.
    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// Whether a rule refuses the token now; else the earliest second from which one will.
    pub(crate) fn check(&self, claims: &Claims, key_id: Option<&str>, now: u64) -> Result<Option<u64>, Revoked> {
        // No usable `iat` counts as the oldest.
        let issued_at = claims.issued_at().unwrap_or(0);
        let mut earliest: Option<u64> = None;
        for table in &self.tables {
            let values =
                |name: &str| if name == HEADER_KID { Source::KeyId(key_id) } else { Source::Claim(claims.at(name)) };
            let sources: Vec<_> = table.names.iter().map(|name| values(name)).collect();
            table.visit(&table.rows, &sources, 0, &mut |rows| {
                // Times ascend together, so the first rule that covers the token is the one that bites first.
                let covering = rows.partition_point(|row| row.times.issued_before <= issued_at);
                if let Some(row) = rows.get(covering) {
                    let from = row.times.from;
                    earliest = Some(earliest.map_or(from, |earliest| earliest.min(from)));
                }
            });
        }
        match earliest {
            // Inclusive, and without skew: both ends of a grace period are the publisher's.
            Some(from) if now >= from => Err(Revoked),
            sleeping => Ok(sleeping),
        }
    }

    /// Whether a rule names this key id alone and is in force.
    pub(crate) fn revokes_key(&self, key_id: &str, now: u64) -> bool {
        let tables = self.tables.iter().filter(|table| matches!(table.names.as_slice(), [name] if name == HEADER_KID));
        tables.flat_map(|table| &table.rows).any(|row| {
            let named = matches!(row.values.first(), Some(Scalar::Text(text)) if **text == *key_id);
            named && now >= row.times.from
        })
    }

    fn add(&mut self, rule: Rule) -> Result<(), &'static str> {
        if self.count >= MAX_RULES {
            return Err("expected at most 100000 rules");
        }
        let (names, values): (Vec<_>, Vec<_>) = rule.members.into_iter().unzip();
        let row = Row { values: values.into(), times: rule.times };
        let tables = self.tables.len();
        match self.tables.iter_mut().find(|table| table.names == names) {
            Some(table) => table.rows.push(row),
            None if tables >= MAX_TABLES => return Err("expected at most 16 different sets of names"),
            None => self.tables.push(Table { names, rows: Vec::from([row]) }),
        }
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    fn compile(mut self) -> Self {
        for table in &mut self.tables {
            let mut rows = sort(mem::take(&mut table.rows));
            // Of rules on the same values only those count that are not covered by a wider and earlier one.
            let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
            while let Some(row) = rows.pop() {
                let covered =
                    kept.last().is_some_and(|last| last.values == row.values && last.times.from <= row.times.from);
                if !covered {
                    kept.push(row);
                }
            }
            kept.reverse();
            table.rows = kept;
        }
        self
    }
}

/// The rules on the same names, sorted by their values.
#[derive(Debug)]
struct Table {
    names: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    values: Box<[Scalar]>,
    times: Times,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Times {
    /// Tokens with a lower `iat` are meant; `u64::MAX` for all.
    issued_before: u64,
    /// In force from here on; 0 for at once.
    from: u64,
}

/// What a claim is compared with: same type, same bytes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scalar {
    Boolean(bool),
    Integer(Box<str>),
    Text(Box<str>),
}

/// Where the token's side of a comparison comes from.
enum Source<'t> {
    KeyId(Option<&'t str>),
    Claim(Option<Value<'t>>),
}

impl Table {
    /// Narrows the rows down, name by name, to those whose values the token has.
    fn visit<'r>(&self, rows: &'r [Row], sources: &[Source<'_>], level: usize, found: &mut impl FnMut(&'r [Row])) {
        let Some(source) = sources.get(level) else {
            return found(rows);
        };
        let mut narrow = |order: &dyn Fn(&Scalar) -> Ordering| {
            let at = |row: &Row| row.values.get(level).map_or(Ordering::Less, order);
            let start = rows.partition_point(|row| at(row) == Ordering::Less);
            let rest = rows.get(start..).unwrap_or_default();
            let rest = rest.get(..rest.partition_point(|row| at(row) == Ordering::Equal)).unwrap_or_default();
            if !rest.is_empty() {
                self.visit(rest, sources, level.saturating_add(1), found);
            }
        };
        match source {
            Source::KeyId(Some(id)) => narrow(&|scalar| scalar.order_text(id)),
            // An array has each of its strings.
            Source::Claim(Some(Value::Array(elements))) => {
                for text in elements.iter().filter_map(Value::as_str) {
                    narrow(&|scalar| scalar.order_text(text));
                }
            }
            Source::Claim(Some(value)) => narrow(&|scalar| scalar.order(*value)),
            Source::KeyId(None) | Source::Claim(None) => {}
        }
    }
}

impl Scalar {
    fn read(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(Self::Boolean(value)),
            Value::Number(number) if number.as_str() != "-0" && number.is_integer() => {
                Some(Self::Integer(number.as_str().into()))
            }
            Value::String(text) => Some(Self::Text(text.into())),
            _ => None,
        }
    }

    /// This one's place beside a claim's value.
    fn order(&self, value: Value<'_>) -> Ordering {
        match (self, value) {
            (Self::Boolean(own), Value::Bool(value)) => own.cmp(&value),
            (Self::Integer(own), Value::Number(number)) => (**own).cmp(number.as_str()),
            (_, Value::String(text)) => self.order_text(text),
            (Self::Boolean(_), Value::Number(_)) => Ordering::Less,
            (Self::Integer(_) | Self::Text(_), Value::Bool(_)) | (Self::Text(_), Value::Number(_)) => Ordering::Greater,
            // Null and objects: equal to nothing.
            _ => Ordering::Less,
        }
    }

    fn order_text(&self, text: &str) -> Ordering {
        match self {
            Self::Boolean(_) | Self::Integer(_) => Ordering::Less,
            Self::Text(own) => (**own).cmp(text),
        }
    }
}

/// One rule as written; the members sorted by name.
struct Rule {
    members: Vec<(String, Scalar)>,
    times: Times,
}

impl Rules {
    /// Reads an array of rules.
    pub(crate) fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        let elements = value.as_array().ok_or_else(|| ConfigError::new("expected an array of revocation rules"))?;
        let mut rules = Self::default();
        for (index, element) in elements.iter().enumerate() {
            let added = Rule::read(element).and_then(|rule| rules.add(rule));
            added.map_err(|problem| ConfigError::new(problem).within_element(index))?;
        }
        Ok(rules.compile())
    }
}

impl Rule {
    fn read(value: Value<'_>) -> Result<Self, &'static str> {
        let members = value.as_object().ok_or("expected a revocation rule: an object")?;
        let known = ["match", "header", "all", "issued_before", "from"];
        if members.iter().any(|(name, _)| !known.contains(&name)) {
            // It could narrow the rule or widen it.
            return Err("unknown member, expected one of `match`, `header`, `all`, `issued_before`, `from`");
        }
        let [claims, header, all, issued_before, from] = known.map(|name| members.get(name));
        let mut found = Vec::new();
        if let Some(claims) = claims {
            let problem = "`match`: expected an object of 1 to 8 claims, each a string, an integer or a boolean";
            found = read_match(claims).ok_or(problem)?;
        }
        if let Some(header) = header {
            let kid = header.as_object().filter(|header| header.len() == 1).and_then(|header| header.get("kid"));
            let kid = kid.and_then(Value::as_str).filter(|kid| !kid.is_empty());
            let kid = kid.ok_or("`header`: expected an object with the string `kid` alone")?;
            // Whoever holds a leaked key writes any `iat` with it.
            if issued_before.is_some() {
                return Err("expected `header` without `issued_before`: a thief chooses `iat`");
            }
            found.push((HEADER_KID.to_owned(), Scalar::Text(kid.into())));
        }
        match all {
            None if found.is_empty() => return Err("expected `match`, `header` or `all`"),
            Some(Value::Bool(true)) if found.is_empty() => {}
            Some(_) => return Err("`all`: expected `true`, and neither `match` nor `header`"),
            None => {}
        }
        let members = sort(found);
        let time = |value: Option<Value<'_>>, absent: u64| match value {
            None => Ok(absent),
            Some(value) => {
                let problem = "`issued_before`, `from`: expected whole seconds since 1970";
                value.as_u64().filter(|time| *time <= MAX_TIME).ok_or(problem)
            }
        };
        let times = Times { issued_before: time(issued_before, u64::MAX)?, from: time(from, 0)? };
        Ok(Self { members, times })
    }
}

/// Claim names become JSON pointers; what begins with `/` is one already.
fn read_match(value: Value<'_>) -> Option<Vec<(String, Scalar)>> {
    let members: Object<'_> = value.as_object()?;
    if members.is_empty() || members.len() > MAX_MEMBERS {
        return None;
    }
    let pointer = |name: &str| if name.starts_with('/') { name.into() } else { format!("/{}", json::escape(name)) };
    let found: Option<Vec<_>> =
        members.iter().map(|(name, value)| Some((pointer(name), Scalar::read(value)?))).collect();
    let found = sort(found?);
    // `/jti` and `jti` are the same claim.
    let unique = found.windows(2).all(|pair| !matches!(pair, [(one, _), (other, _)] if one == other));
    unique.then_some(found)
}
