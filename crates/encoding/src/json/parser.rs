//! From a text to the places in it.
//!
//! serde_json says whether the text follows the grammar, and nothing else: it makes no number of it, as that would be a
//! tenth of a module, and an application may turn on features that change what it makes. What follows the grammar is
//! then walked.

use alloc::{string::String, vec::Vec};

use serde::de::{Deserialize, IgnoredAny};

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
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let follows = IgnoredAny::deserialize(&mut deserializer).and_then(|_| deserializer.end());
    follows.map_err(|error| InvalidJson { line: error.line(), column: error.column() })?;
    let mut parser = Parser { text: &text, cursor: 0, added: String::new(), nodes, reading };
    parser.value(0).map_err(|Fault| parser.here())?;
    let Parser { added, nodes, .. } = parser;
    Ok(Json { text, added, nodes })
}

/// A text that follows the grammar, but is not strict: too deep, too much, a name twice, half a character.
struct Fault;

/// What has been read of a text that follows the grammar.
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
    /// Reads the next value.
    fn value(&mut self, depth: usize) -> Result<(), Fault> {
        let node = match self.find_next() {
            Some(b'"') => {
                let (start, end) = self.take_string()?;
                Node::String { start, end }
            }
            Some(b'0'..=b'9' | b'-') => {
                let (start, end) = self.take_number();
                Node::Number { start, end }
            }
            Some(b'[' | b'{') if depth > 0 && matches!(self.reading, Reading::Members(_)) => {
                self.skip_value();
                Node::Null
            }
            Some(b'[') => return self.array(depth),
            Some(b'{') => return self.object(depth),
            Some(b't') => {
                self.skip("true".len());
                Node::Bool(true)
            }
            Some(b'f') => {
                self.skip("false".len());
                Node::Bool(false)
            }
            Some(b'n') => {
                self.skip("null".len());
                Node::Null
            }
            // No text that follows the grammar comes here.
            _ => return Err(Fault),
        };
        self.nodes.push(node);
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<(), Fault> {
        let (first, depth) = (self.open(), deeper(depth)?);
        while self.find_next() != Some(b']') {
            self.value(depth)?;
            self.check()?;
        }
        self.skip(1);
        let end = self.end();
        self.close(first, Node::Array { end });
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<(), Fault> {
        let (first, depth) = (self.open(), deeper(depth)?);
        while self.find_next() != Some(b'}') {
            let (start, end) = self.take_string()?;
            self.nodes.push(Node::String { start, end });
            if self.is_wanted() {
                self.value(depth)?;
            } else {
                self.nodes.pop();
                self.skip_value();
            }
            self.check()?;
        }
        self.skip(1);
        if matches!(self.reading, Reading::Whole(_)) && self.repeats(first) {
            return Err(Fault);
        }
        let end = self.end();
        self.close(first, Node::Object { end });
        Ok(())
    }

    /// Stands for an array or object until its end is known.
    fn open(&mut self) -> usize {
        self.skip(1);
        self.nodes.push(Node::Null);
        self.nodes.len()
    }

    fn close(&mut self, first: usize, node: Node) {
        if let Some(opened) = first.checked_sub(1).and_then(|opened| self.nodes.get_mut(opened)) {
            *opened = node;
        }
    }

    /// Whether there may be one more value.
    fn check(&self) -> Result<(), Fault> {
        match self.reading {
            Reading::Whole(most) if self.nodes.len() > most => Err(Fault),
            _ => Ok(()),
        }
    }

    /// Where reading ended.
    fn here(&self) -> InvalidJson {
        let read = self.text.as_bytes().get(..self.cursor).unwrap_or(self.text.as_bytes());
        let mut lines = read.split(|byte| *byte == b'\n');
        let column = lines.next_back().map_or(0, <[u8]>::len);
        InvalidJson { line: lines.count().saturating_add(1), column }
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

    /// Goes over a string, and gives the place of what is in it.
    fn take_string(&mut self) -> Result<(u32, u32), Fault> {
        let start = self.cursor.saturating_add(1);
        self.skip_string();
        let end = self.cursor.saturating_sub(1);
        let written = self.text.get(start..end).ok_or(Fault)?;
        if written.contains('\\') { self.unescape(written) } else { Ok((place(start), place(end))) }
    }

    /// Adds what escapes stand for (RFC 8259 section 7). Half a surrogate pair stands for no character (RFC 7493
    /// section 2.1).
    fn unescape(&mut self, written: &'t str) -> Result<(u32, u32), Fault> {
        let start = self.text.len().saturating_add(self.added.len());
        let mut parts = written.split('\\');
        self.added.push_str(parts.next().unwrap_or_default());
        while let Some(part) = parts.next() {
            let (code, rest) = match part.as_bytes().first() {
                // A backslash: what follows the second one is plain.
                None => ('\\', parts.next().ok_or(Fault)?),
                Some(b'u') => {
                    let (unit, rest) = code_unit(part).ok_or(Fault)?;
                    match unit {
                        0xd800..0xdc00 if rest.is_empty() => {
                            let (low, rest) = code_unit(parts.next().ok_or(Fault)?).ok_or(Fault)?;
                            let pair = char::decode_utf16([unit, low]).next().and_then(Result::ok);
                            (pair.ok_or(Fault)?, rest)
                        }
                        unit => (char::from_u32(unit.into()).ok_or(Fault)?, rest),
                    }
                }
                Some(letter) => {
                    let code = match letter {
                        b'b' => '\u{8}',
                        b'f' => '\u{c}',
                        b'n' => '\n',
                        b'r' => '\r',
                        b't' => '\t',
                        other => char::from(*other),
                    };
                    (code, part.get(1..).ok_or(Fault)?)
                }
            };
            self.added.push(code);
            self.added.push_str(rest);
        }
        Ok((place(start), place(self.text.len().saturating_add(self.added.len()))))
    }

    /// The end of everything so far.
    fn end(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
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

/// The depth of what is inside.
fn deeper(depth: usize) -> Result<usize, Fault> {
    let depth = depth.saturating_add(1);
    if depth > MAX_DEPTH { Err(Fault) } else { Ok(depth) }
}

/// The code unit of `uXXXX`, and what follows.
fn code_unit(part: &str) -> Option<(u16, &str)> {
    let (digits, rest) = part.strip_prefix('u')?.split_at_checked(4)?;
    Some((u16::from_str_radix(digits, 16).ok()?, rest))
}

/// A place in a text, which is shorter than 2^32 bytes.
fn place(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
