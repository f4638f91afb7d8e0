//! From a text to the places in it.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{InvalidJson, Json, MAX_DEPTH, Node};
use crate::sorted::sort;

/// Objects with more members than this are sorted to find a name that is there twice.
const FEW: usize = 24;
/// A text longer than this is no token.
const LARGE: usize = 32 << 10;

/// What is read of a text.
#[derive(Clone, Copy)]
pub(super) enum Reading<'n> {
    /// All of it, if it has no more values and names than this, and no name twice.
    Whole(usize),
    /// Texts and numbers of an object with these names, each as often as it is there.
    Members(&'n [&'n str]),
}

/// Reads one value, with nothing after it.
pub(super) fn parse(text: Vec<u8>, reading: Reading<'_>) -> Result<Json, InvalidJson> {
    let nowhere = InvalidJson { line: 0, column: 0 };
    let text = String::from_utf8(text).map_err(|_| nowhere)?;
    // Places have 32 bits; what is added takes less than twice the room of the text (`1e5` becomes `1e+5`).
    u32::try_from(text.len().checked_mul(3).ok_or(nowhere)?).map_err(|_| nowhere)?;
    // About as many as a token has. In a large text as many as there can be, for growing would take twice the memory.
    let mark = |byte: &u8| matches!(byte, b',' | b':' | b'[' | b'{');
    let places = match reading {
        Reading::Members(names) => names.len().saturating_mul(2),
        Reading::Whole(_) if text.len() < LARGE => text.len() / 12,
        Reading::Whole(_) => text.bytes().filter(mark).count(),
    };
    let nodes = Vec::with_capacity(places.saturating_add(1));
    let mut parser = Parser { text: &text, added: String::new(), nodes, reading };
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let read = Seed { parser: &mut parser, depth: 0, is_number: false }.deserialize(&mut deserializer);
    let fault = |error: serde_json::Error| InvalidJson { line: error.line(), column: error.column() };
    read.and_then(|()| deserializer.end()).map_err(fault)?;
    let Parser { added, nodes, .. } = parser;
    Ok(Json { text, added, nodes })
}

/// What has been read.
struct Parser<'t> {
    text: &'t str,
    /// To follow the text.
    added: String,
    nodes: Vec<Node>,
    reading: Reading<'t>,
}

impl<'t> Parser<'t> {
    /// Whether there may be one more value.
    fn check<E: Error>(&self) -> Result<(), E> {
        match self.reading {
            Reading::Whole(most) if self.nodes.len() > most => Err(E::custom("too many values")),
            _ => Ok(()),
        }
    }

    /// Whether the value of the name that was read last is to be read.
    fn is_wanted(&self) -> bool {
        match (self.reading, self.nodes.last()) {
            (Reading::Members(wanted), Some(Node::String { start, end })) => wanted.contains(&self.slice(*start, *end)),
            (Reading::Members(_), _) => false,
            (Reading::Whole(_), _) => true,
        }
    }

    /// The place of a part of the text.
    fn borrowed(&self, part: &'t str) -> Option<(u32, u32)> {
        let start = part.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?;
        let end = start.checked_add(part.len()).filter(|end| *end <= self.text.len())?;
        Some((u32::try_from(start).ok()?, u32::try_from(end).ok()?))
    }

    /// The place of what does not stand in the text like this.
    fn added(&mut self, part: &str) -> (u32, u32) {
        let start = self.text.len().saturating_add(self.added.len());
        self.added.push_str(part);
        let place = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        (place(start), place(start.saturating_add(part.len())))
    }

    /// The end of everything so far.
    fn end(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    fn string(&mut self, (start, end): (u32, u32)) {
        self.nodes.push(Node::String { start, end });
    }

    fn number(&mut self, text: &str) {
        let (start, end) = self.added(text);
        self.nodes.push(Node::Number { start, end });
    }

    /// Whether a name is there twice among the members that begin at this node.
    fn repeats(&self, start: usize) -> bool {
        let name = |index: usize| match self.nodes.get(index) {
            Some(Node::String { start, end }) => self.slice(*start, *end),
            _ => "",
        };
        let mut names: Vec<(&str, usize)> = Vec::new();
        let mut index = start;
        while index < self.nodes.len() {
            let name = name(index);
            if names.len() < FEW && names.iter().any(|(other, _)| *other == name) {
                return true;
            }
            names.push((name, index));
            index = super::after(&self.nodes, index.saturating_add(1));
        }
        if names.len() <= FEW {
            return false;
        }
        sort(names).windows(2).any(|pair| matches!(pair, [(one, _), (other, _)] if one == other))
    }

    fn slice(&self, start: u32, end: u32) -> &str {
        super::slice(self.text, &self.added, start, end)
    }
}

/// One value to come.
struct Seed<'p, 't> {
    parser: &'p mut Parser<'t>,
    depth: usize,
    /// It comes as the text of a number.
    is_number: bool,
}

impl Seed<'_, '_> {
    /// The depth of what is inside.
    fn deeper<E: Error>(&self) -> Result<usize, E> {
        let depth = self.depth.saturating_add(1);
        if depth > MAX_DEPTH { Err(E::custom("too deep")) } else { Ok(depth) }
    }

    const fn is_skipped(&self) -> bool {
        matches!(self.parser.reading, Reading::Members(_)) && self.depth > 0
    }

    /// Stands for an array or object until its end is known.
    fn open(&mut self) -> usize {
        self.parser.nodes.push(Node::Null);
        self.parser.nodes.len()
    }

    fn close(&mut self, first: usize, node: Node) {
        if let Some(opened) = first.checked_sub(1).and_then(|opened| self.parser.nodes.get_mut(opened)) {
            *opened = node;
        }
    }
}

impl<'t> DeserializeSeed<'t> for Seed<'_, 't> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for Seed<'_, 't> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.parser.nodes.push(Node::Null);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.parser.nodes.push(Node::Bool(value));
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.parser.number(&value.to_string());
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.parser.number(&value.to_string());
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Err(E::custom("a number without its text"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        if self.is_number {
            self.parser.number(value);
        } else {
            let place = self.parser.added(value);
            self.parser.string(place);
        }
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, value: &'t str) -> Result<(), E> {
        let place = self.parser.borrowed(value).unwrap_or_else(|| self.parser.added(value));
        self.parser.string(place);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'t>>(mut self, mut elements: A) -> Result<(), A::Error> {
        if self.is_skipped() {
            while elements.next_element::<IgnoredAny>()?.is_some() {}
            return self.visit_unit();
        }
        let depth = self.deeper()?;
        let first = self.open();
        while elements.next_element_seed(Seed { parser: self.parser, depth, is_number: false })?.is_some() {
            self.parser.check()?;
        }
        let end = self.parser.end();
        self.close(first, Node::Array { end });
        Ok(())
    }

    fn visit_map<A: MapAccess<'t>>(mut self, mut members: A) -> Result<(), A::Error> {
        let first = self.open();
        let mut name = members.next_key_seed(Name(self.parser))?;
        if matches!(name, Some(Found::Number)) {
            self.parser.nodes.truncate(first.saturating_sub(1));
            return members.next_value_seed(Seed { parser: self.parser, depth: self.depth, is_number: true });
        }
        let skipped = self.is_skipped();
        let depth = if skipped { self.depth } else { self.deeper()? };
        while let Some(found) = name {
            match found {
                Found::Number => return Err(A::Error::custom("unexpected number")),
                Found::Name if skipped || !self.parser.is_wanted() => {
                    self.parser.nodes.pop();
                    members.next_value::<IgnoredAny>()?;
                }
                Found::Name => members.next_value_seed(Seed { parser: self.parser, depth, is_number: false })?,
            }
            self.parser.check()?;
            name = members.next_key_seed(Name(self.parser))?;
        }
        if skipped {
            self.parser.nodes.truncate(first);
            return Ok(());
        }
        if matches!(self.parser.reading, Reading::Whole(_)) && self.parser.repeats(first) {
            return Err(A::Error::custom("duplicate member"));
        }
        let end = self.parser.end();
        self.close(first, Node::Object { end });
        Ok(())
    }
}

/// The name of a member to come, or the marker by which serde_json hands over the text of a number.
///
/// The marker is a static string, a real name lies in the text or was unescaped: so a member that is *spelt* like the
/// marker stays a member.
struct Name<'p, 't>(&'p mut Parser<'t>);

enum Found {
    Name,
    Number,
}

impl<'t> DeserializeSeed<'t> for Name<'_, 't> {
    type Value = Found;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for Name<'_, 't> {
    type Value = Found;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a member name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Found, E> {
        let place = self.0.added(name);
        self.0.string(place);
        Ok(Found::Name)
    }

    fn visit_borrowed_str<E: Error>(self, name: &'t str) -> Result<Found, E> {
        match self.0.borrowed(name) {
            Some(place) => self.0.string(place),
            None if name.is_empty() => self.0.string((0, 0)),
            None => return Ok(Found::Number),
        }
        Ok(Found::Name)
    }
}
