//! Revocation rules: tokens whose claims match are refused from a moment on, whatever else they say.
//!
//! ```json
//! {"match": {"workspace": "wksp_5b8d"}, "issued_before": 1790000001, "from": 1790000601}
//! {"match": {"jti": "01J"}}
//! {"header": {"kid": "2026-10"}}
//! {"all": true, "issued_before": 1790000001}
//! ```

use alloc::{borrow::ToOwned, boxed::Box, format, string::String, vec::Vec};
use core::cmp::Ordering;

use datakit_token_encoding::{
    collections::sort,
    json::{self, Object, Value},
};

use crate::{error::ConfigError, time::MAX_TIME, token::claims::Claims};

/// Rules that a set may have.
const MAX_RULES: usize = 100_000;
/// Different names over all rules: a look-up asks the token once for each.
const MAX_NAMES: usize = 256;
/// Members of one `match`.
const MAX_MEMBERS: usize = 8;
/// Stands for the key id of the header among the JSON pointers of claims, which all begin with `/`.
const HEADER_KID: &str = "kid";

/// Compiled rules. A look-up searches once for each name that the token has, and once more for each value that it has
/// as well: it costs the same for ten rules and for a hundred thousand, and whatever sets of names they are made of.
#[derive(Debug, Default)]
pub(crate) struct RevocationRules {
    /// Members stand for them by their place here.
    names: Box<[Name]>,
    /// SortedMap by their members: first those without any, then those that begin with the first name, and so on.
    rows: Box<[Row]>,
    /// How many rows have no member.
    all: usize,
    count: usize,
}

/// A rule matches and is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Revoked;

impl RevocationRules {
    /// How many rules were read.
    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// Whether a rule refuses the token now; else the earliest second from which one will.
    pub(crate) fn check(&self, claims: &Claims, key_id: Option<&str>, now: u64) -> Result<Option<u64>, Revoked> {
        // No usable `iat` counts as the oldest.
        let issued_at = claims.issued_at().unwrap_or(0);
        let mut earliest: Option<u64> = None;
        let mut found = |rows: &[Row]| {
            // Times ascend together, so the first rule that covers the token is the one that bites first.
            let covering = rows.partition_point(|row| row.times.issued_before <= issued_at);
            if let Some(row) = rows.get(covering) {
                let from = row.times.from;
                earliest = Some(earliest.map_or(from, |earliest| earliest.min(from)));
            }
        };
        let mut present: Vec<(u16, Value<'_>)> = Vec::new();
        let mut beginning: Vec<&[Row]> = Vec::new();
        let mut start = self.all;
        found(self.rows.get(..start).unwrap_or_default());
        for (place, name) in (0..).zip(&self.names) {
            let value = if name.text == HEADER_KID { key_id.map(Value::String) } else { claims.at(&name.text) };
            if let Some(value) = value {
                present.push((place, value));
                beginning.push(self.rows.get(start..name.end).unwrap_or_default());
            }
            start = name.end;
        }
        let mut rest = present.as_slice();
        for rows in beginning {
            let Some((member, after)) = rest.split_first() else { break };
            narrow(rows, *member, after, 0, &mut found);
            rest = after;
        }
        match earliest {
            // Inclusive, and without skew: both ends of a grace period are the publisher's.
            Some(from) if now >= from => Err(Revoked),
            sleeping => Ok(sleeping),
        }
    }

    /// Whether a rule names this key id alone and is in force.
    pub(crate) fn revokes_key(&self, key_id: &str, now: u64) -> bool {
        let is_key_id = |name: u16| self.names.get(usize::from(name)).is_some_and(|name| name.text == HEADER_KID);
        self.rows.iter().any(|row| match &*row.members {
            [(name, Scalar::Text(text))] => **text == *key_id && is_key_id(*name) && now >= row.times.from,
            _ => false,
        })
    }
}

/// What rules look at.
#[derive(Debug)]
struct Name {
    /// The JSON pointer of a claim, or [`HEADER_KID`].
    text: String,
    /// The place after the last row that begins with it.
    end: usize,
}

/// One compiled rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    /// Each with the place of its name, in the order of the places.
    members: Box<[(u16, Scalar)]>,
    times: Times,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Times {
    /// Tokens with a lower `iat` are meant; `u64::MAX` for all.
    issued_before: u64,
    /// In force from here on; 0 for at once.
    from: u64,
}

/// Narrows rows that begin alike down, value by value of the token, to those that have nothing else.
fn visit<'r>(rows: &'r [Row], present: &[(u16, Value<'_>)], level: usize, found: &mut impl FnMut(&'r [Row])) {
    // What has no more members comes first.
    let whole = rows.partition_point(|row| row.members.len() <= level);
    let (whole, longer) = rows.split_at_checked(whole).unwrap_or_default();
    found(whole);
    let mut rest = present;
    while let Some((member, after)) = rest.split_first().filter(|_| !longer.is_empty()) {
        narrow(longer, *member, after, level, found);
        rest = after;
    }
}

/// Goes on with the rows that have this member of the token next; at the first level they all have its name.
fn narrow<'r>(
    rows: &'r [Row],
    (name, value): (u16, Value<'_>),
    after: &[(u16, Value<'_>)],
    level: usize,
    found: &mut impl FnMut(&'r [Row]),
) {
    let mut equal = |order: &dyn Fn(&Scalar) -> Ordering| {
        let beside = |(own, scalar): &(u16, Scalar)| {
            // Not for both in one expression: most searches are here, and this keeps a comparison out of each step.
            if level == 0 { order(scalar) } else { own.cmp(&name).then_with(|| order(scalar)) }
        };
        let at = |row: &Row| row.members.get(level).map_or(Ordering::Less, beside);
        let alike = rows.get(rows.partition_point(|row| at(row) == Ordering::Less)..).unwrap_or_default();
        // Most searches find nothing, which is seen before its end is looked for.
        if alike.first().is_some_and(|row| at(row) == Ordering::Equal) {
            let end = alike.partition_point(|row| at(row) == Ordering::Equal);
            visit(alike.get(..end).unwrap_or_default(), after, level.saturating_add(1), found);
        }
    };
    match value {
        // An array has each of its strings.
        Value::Array(elements) => {
            for text in elements.iter().filter_map(Value::as_str) {
                equal(&|scalar| scalar.order_text(text));
            }
        }
        value => equal(&|scalar| scalar.order(value)),
    }
}

/// What a claim is compared with: same type, same bytes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scalar {
    Boolean(bool),
    Integer(Box<str>),
    Text(Box<str>),
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

/// Rules in the order in which they were written.
#[derive(Default)]
struct Written {
    names: Vec<String>,
    rows: Vec<Row>,
}

impl Written {
    fn add(&mut self, rule: Rule) -> Result<(), &'static str> {
        if self.rows.len() >= MAX_RULES {
            return Err("expected at most 100000 rules");
        }
        let members: Option<Vec<_>> =
            rule.members.into_iter().map(|(name, scalar)| Some((self.place(name)?, scalar))).collect();
        let members = members.ok_or("expected at most 256 different names of claims in all rules")?;
        self.rows.push(Row { members: sort(members).into(), times: rule.times });
        Ok(())
    }

    /// Where a name is, from now on if it is new; `None` if there are too many.
    fn place(&mut self, name: String) -> Option<u16> {
        let place = self.names.iter().position(|own| *own == name).unwrap_or(self.names.len());
        if place == self.names.len() {
            if place >= MAX_NAMES {
                return None;
            }
            self.names.push(name);
        }
        u16::try_from(place).ok()
    }

    fn compile(self) -> RevocationRules {
        let count = self.rows.len();
        let mut rows = sort(self.rows);
        // Of rules on the same values only those count that are not covered by a wider and earlier one.
        let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
        while let Some(row) = rows.pop() {
            let covered =
                kept.last().is_some_and(|last| last.members == row.members && last.times.from <= row.times.from);
            if !covered {
                kept.push(row);
            }
        }
        kept.reverse();
        let begins = |row: &Row| row.members.first().map(|(name, _)| *name);
        let all = kept.partition_point(|row| begins(row).is_none());
        let end = |place: u16| kept.partition_point(|row| begins(row) <= Some(place));
        let names = (0..).zip(self.names).map(|(place, text)| Name { text, end: end(place) }).collect();
        RevocationRules { names, rows: kept.into(), all, count }
    }
}

/// One rule as written.
struct Rule {
    members: Vec<(String, Scalar)>,
    times: Times,
}

impl RevocationRules {
    /// Reads an array of rules.
    pub(crate) fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        let elements = value.as_array().ok_or_else(|| ConfigError::new("expected an array of revocation rules"))?;
        let mut rules = Written::default();
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
        let time = |value: Option<Value<'_>>, absent: u64| match value {
            None => Ok(absent),
            Some(value) => {
                let problem = "`issued_before`, `from`: expected whole seconds since 1970";
                value.as_u64().filter(|time| *time <= MAX_TIME).ok_or(problem)
            }
        };
        let times = Times { issued_before: time(issued_before, u64::MAX)?, from: time(from, 0)? };
        Ok(Self { members: found, times })
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
