//! Values of a parsed text, as places in it.

use alloc::{string::String, vec::Vec};
use core::mem::replace;

use super::{Json, after, writer};
use crate::collections::sort;

/// One value of a parsed text.
#[derive(Clone, Copy, Debug)]
pub enum Value<'j> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number<'j>),
    /// A string, unescaped.
    String(&'j str),
    /// An array.
    Array(Array<'j>),
    /// An object.
    Object(Object<'j>),
}

/// A number's text.
#[derive(Clone, Copy, Debug)]
pub struct Number<'j>(pub(super) &'j str);

/// The elements of an array.
#[derive(Clone, Copy, Debug)]
pub struct Array<'j>(pub(super) Children<'j>);

/// The members of an object; no name is there twice.
#[derive(Clone, Copy, Debug)]
pub struct Object<'j>(pub(super) Children<'j>);

/// The nodes from one place until before another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Children<'j> {
    pub(super) json: &'j Json,
    pub(super) next: usize,
    pub(super) end: usize,
}

impl Children<'_> {
    const fn is_empty(&self) -> bool {
        self.next >= self.end
    }
}

impl<'j> Value<'j> {
    /// The string, if it is one.
    #[must_use]
    pub const fn as_str(self) -> Option<&'j str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The boolean, if it is one.
    #[must_use]
    pub const fn as_bool(self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(value) } else { None }
    }

    /// The number, if it is one.
    #[must_use]
    pub const fn as_number(self) -> Option<Number<'j>> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    /// The number, if it is a whole one from 0 to 2^64 - 1 and written as one.
    #[must_use]
    pub fn as_u64(self) -> Option<u64> {
        self.as_number().and_then(Number::as_u64)
    }

    /// The array, if it is one.
    #[must_use]
    pub const fn as_array(self) -> Option<Array<'j>> {
        if let Self::Array(array) = self { Some(array) } else { None }
    }

    /// The object, if it is one.
    #[must_use]
    pub const fn as_object(self) -> Option<Object<'j>> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    /// The value at a JSON pointer (RFC 6901 section 4).
    #[must_use]
    pub fn pointer(self, pointer: &str) -> Option<Self> {
        let mut value = self;
        for name in pointer.split('/').skip(1) {
            value = match value {
                Value::Object(object) => object.named(name)?,
                Value::Array(array) => {
                    let is_index = name == "0" || !name.starts_with(['0', '+']);
                    array.iter().nth(name.parse().ok().filter(|_| is_index)?)?
                }
                _ => return None,
            };
        }
        Some(value)
    }

    /// Compact JSON with the members of objects sorted by name.
    #[must_use]
    pub fn to_json(self) -> String {
        let mut text = String::new();
        writer::write(&mut text, self);
        text
    }
}

impl<'j> Number<'j> {
    /// Every digit; an exponent has its sign.
    #[must_use]
    pub const fn as_str(self) -> &'j str {
        self.0
    }

    /// From 0 to 2^64 - 1, if it is a whole number written as one.
    #[must_use]
    pub fn as_u64(self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// Whether it is a whole number of 64 bits, written as one.
    #[must_use]
    pub fn is_integer(self) -> bool {
        self.as_u64().is_some() || self.0.parse::<i64>().is_ok()
    }
}

impl<'j> Array<'j> {
    /// The elements.
    #[must_use]
    pub const fn iter(self) -> Elements<'j> {
        Elements(self.0)
    }

    /// How many there are.
    #[must_use]
    pub fn len(self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl<'j> Object<'j> {
    /// The members, each with its name.
    #[must_use]
    pub const fn iter(self) -> Members<'j> {
        Members(self.0)
    }

    /// The members in the order of their names.
    #[must_use]
    pub fn sorted(self) -> Vec<(&'j str, Value<'j>)> {
        let mut places = self.0;
        let json = places.json;
        let mut names = Vec::new();
        while let (Some(name), Some(value)) = (places.next(), places.next()) {
            names.push((json.at(name).as_str().unwrap_or_default(), value));
        }
        sort(names).into_iter().map(|(name, value)| (name, json.at(value))).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The member with this name.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Value<'j>> {
        let Children { json, mut next, end } = self.0;
        // Not with the iterator: this is what a verification does most, and a name is one place long.
        while next < end {
            let value = next.saturating_add(1);
            if json.is_text(next, name) {
                return Some(json.at(value));
            }
            next = after(&json.nodes, value);
        }
        None
    }

    /// The same where names may be there twice: then there is none.
    #[must_use]
    pub fn only(self, name: &str) -> Option<Value<'j>> {
        let mut named = self.iter().filter(|(own, _)| *own == name);
        named.next().filter(|_| named.next().is_none()).map(|(_, value)| value)
    }

    /// Whether there is a member with this name.
    #[must_use]
    pub fn has(self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The member with this name, as a JSON pointer spells it (RFC 6901 section 4).
    #[must_use]
    pub fn named(self, name: &str) -> Option<Value<'j>> {
        if name.contains('~') { self.get(&name.replace("~1", "/").replace("~0", "~")) } else { self.get(name) }
    }
}

/// Over the elements of an array.
#[derive(Debug)]
pub struct Elements<'j>(Children<'j>);

/// Over the members of an object.
#[derive(Debug)]
pub struct Members<'j>(Children<'j>);

/// Gives places; names and values of members by turns.
impl Iterator for Children<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        let next = after(&self.json.nodes, self.next);
        Some(replace(&mut self.next, next))
    }
}

impl<'j> Iterator for Elements<'j> {
    type Item = Value<'j>;

    fn next(&mut self) -> Option<Value<'j>> {
        self.0.next().map(|place| self.0.json.at(place))
    }
}

impl<'j> Iterator for Members<'j> {
    type Item = (&'j str, Value<'j>);

    fn next(&mut self) -> Option<(&'j str, Value<'j>)> {
        let (name, value) = (self.0.next()?, self.0.next()?);
        let json = self.0.json;
        Some((json.at(name).as_str().unwrap_or_default(), json.at(value)))
    }
}
