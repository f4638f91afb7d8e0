//! From a text to the places in it.

use alloc::{string::String, vec::Vec};
use core::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{InvalidJson, Json, MAX_DEPTH, Node};
use crate::collections::sort;

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
    // Places have 32 bits; what is added is shorter than its escapes in the text.
    u32::try_from(text.len().checked_mul(2).ok_or(nowhere)?).map_err(|_| nowhere)?;
    // About as many as a token has. In a large text as many as there can be, for growing would take twice the memory.
    let mark = |byte: &u8| matches!(byte, b',' | b':' | b'[' | b'{');
    let places = match reading {
        Reading::Members(names) => names.len().saturating_mul(2),
        Reading::Whole(_) if text.len() < LARGE => text.len() / 12,
        Reading::Whole(_) => text.bytes().filter(mark).count(),
    };
    let nodes = Vec::with_capacity(places.saturating_add(1));
    let mut parser = Parser { text: &text, cursor: 0, added: String::new(), nodes, reading };
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let read = Seed { parser: &mut parser, depth: 0 }.deserialize(&mut deserializer);
    let fault = |error: serde_json::Error| InvalidJson { line: error.line(), column: error.column() };
    read.and_then(|()| deserializer.end()).map_err(fault)?;
    let Parser { added, nodes, .. } = parser;
    Ok(Json { text, added, nodes })
}

/// What has been read.
///
/// serde_json says what comes, and has checked that it follows the grammar; it does not say where. So a cursor goes along: to
/// the first byte of a value before it is read, and to its end after.
struct Parser<'t> {
    text: &'t str,
    /// Bytes before what has not been read.
    cursor: usize,
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

    /// Goes on to the first byte of the next value or name, or to the end of what is around it, and gives that byte.
    fn find_next(&mut self) -> Option<u8> {
        let between = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':');
        while self.peek().as_ref().is_some_and(between) {
            self.skip(1);
        }
        self.peek()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.cursor).copied()
    }

    fn skip(&mut self, bytes: usize) {
        self.cursor = self.cursor.saturating_add(bytes);
    }

    /// Goes over a number, and gives its place: it is kept as it is written.
    fn take_number(&mut self) -> (u32, u32) {
        let start = self.cursor;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) {
            self.skip(1);
        }
        (place(start), place(self.cursor))
    }

    /// Goes over a value, whatever is in it.
    fn skip_value(&mut self) {
        let mut open = 0_usize;
        while let Some(byte) = self.find_next() {
            match byte {
                b'"' => self.skip_string(),
                b'[' | b'{' => {
                    open = open.saturating_add(1);
                    self.skip(1);
                }
                b']' | b'}' => {
                    open = open.saturating_sub(1);
                    self.skip(1);
                }
                // A number or a literal, up to what parts it from the next.
                _ => {
                    let inside = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b']' | b'}');
                    while self.peek().as_ref().is_some_and(inside) {
                        self.skip(1);
                    }
                }
            }
            if open == 0 {
                return;
            }
        }
    }

    /// Goes over a string.
    fn skip_string(&mut self) {
        self.skip(1);
        while let Some(byte) = self.peek().filter(|byte| *byte != b'"') {
            self.skip(if byte == b'\\' { 2 } else { 1 });
        }
        self.skip(1);
    }

    /// Goes over a string that has no escapes, and gives the place of what is in it.
    fn take_plain_string(&mut self, length: usize) -> (u32, u32) {
        let start = self.cursor.saturating_add(1);
        self.skip(length.saturating_add(2));
        (place(start), place(start.saturating_add(length)))
    }

    /// Goes over a string that has escapes, of which this is the text.
    fn take_escaped_string(&mut self, text: &str) -> (u32, u32) {
        self.skip_string();
        self.added(text)
    }

    /// The place of what does not stand in the text like this.
    fn added(&mut self, part: &str) -> (u32, u32) {
        let start = self.text.len().saturating_add(self.added.len());
        self.added.push_str(part);
        (place(start), place(start.saturating_add(part.len())))
    }

    /// The end of everything so far.
    fn end(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    fn string(&mut self, (start, end): (u32, u32)) {
        self.nodes.push(Node::String { start, end });
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
        self.parser.skip(1);
        self.parser.nodes.push(Node::Null);
        self.parser.nodes.len()
    }

    fn close(&mut self, first: usize, node: Node) {
        self.parser.find_next();
        self.parser.skip(1);
        if let Some(opened) = first.checked_sub(1).and_then(|opened| self.parser.nodes.get_mut(opened)) {
            *opened = node;
        }
    }
}

impl<'t> DeserializeSeed<'t> for Seed<'_, 't> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.parser.find_next() {
            // Its grammar is checked, and nothing is made of it: no range, no rounding, no other spelling.
            Some(b'0'..=b'9' | b'-') => {
                IgnoredAny::deserialize(deserializer)?;
                let (start, end) = self.parser.take_number();
                self.parser.nodes.push(Node::Number { start, end });
                Ok(())
            }
            Some(b'[' | b'{') if self.is_skipped() => {
                IgnoredAny::deserialize(deserializer)?;
                self.parser.skip_value();
                self.parser.nodes.push(Node::Null);
                Ok(())
            }
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'t> Visitor<'t> for Seed<'_, 't> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.parser.skip("null".len());
        self.parser.nodes.push(Node::Null);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.parser.skip(if value { "true".len() } else { "false".len() });
        self.parser.nodes.push(Node::Bool(value));
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        let place = self.parser.take_escaped_string(value);
        self.parser.string(place);
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, value: &'t str) -> Result<(), E> {
        let place = self.parser.take_plain_string(value.len());
        self.parser.string(place);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'t>>(mut self, mut elements: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        let first = self.open();
        while elements.next_element_seed(Seed { parser: self.parser, depth })?.is_some() {
            self.parser.check()?;
        }
        let end = self.parser.end();
        self.close(first, Node::Array { end });
        Ok(())
    }

    fn visit_map<A: MapAccess<'t>>(mut self, mut members: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        let first = self.open();
        while members.next_key_seed(Name(self.parser))?.is_some() {
            if self.parser.is_wanted() {
                members.next_value_seed(Seed { parser: self.parser, depth })?;
            } else {
                self.parser.nodes.pop();
                members.next_value::<IgnoredAny>()?;
                self.parser.skip_value();
            }
            self.parser.check()?;
        }
        if matches!(self.parser.reading, Reading::Whole(_)) && self.parser.repeats(first) {
            return Err(A::Error::custom("duplicate member"));
        }
        let end = self.parser.end();
        self.close(first, Node::Object { end });
        Ok(())
    }
}

/// The name of a member to come.
struct Name<'p, 't>(&'p mut Parser<'t>);

impl<'t> DeserializeSeed<'t> for Name<'_, 't> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.find_next();
        deserializer.deserialize_str(self)
    }
}

impl<'t> Visitor<'t> for Name<'_, 't> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a member name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        let place = self.0.take_escaped_string(name);
        self.0.string(place);
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, name: &'t str) -> Result<(), E> {
        let place = self.0.take_plain_string(name.len());
        self.0.string(place);
        Ok(())
    }
}

/// A place in a text, which is shorter than 2^32 bytes.
fn place(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
