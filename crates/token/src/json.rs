//! Strict JSON (RFC 8259, RFC 7493): one reading for every text.
//!
//! serde_json does the grammar; this adds what a verifier needs on top: no duplicate member at any depth, compared
//! after unescaping (RFC 7515 section 4), and a bound on depth. Numbers keep their text.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Nested arrays and objects that a text may have.
pub(crate) const MAX_DEPTH: usize = 32;

/// The text is not strict JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidJson;

/// Reads one value, with nothing after it.
pub(crate) fn parse(text: &[u8]) -> Result<Value, InvalidJson> {
    let text = core::str::from_utf8(text).map_err(|_| InvalidJson)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Node::new(text).deserialize(&mut deserializer).map_err(|_| InvalidJson)?;
    deserializer.end().map_err(|_| InvalidJson)?;
    Ok(value)
}

/// Reads one object, with nothing after it.
pub(crate) fn parse_object(text: &[u8]) -> Result<Map<String, Value>, InvalidJson> {
    match parse(text)? {
        Value::Object(object) => Ok(object),
        _ => Err(InvalidJson),
    }
}

/// RFC 6901 section 3, of at least one name.
pub(crate) fn is_pointer(text: &str) -> bool {
    let escapes_hold = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    text.starts_with('/') && escapes_hold
}

/// One value of a text.
#[derive(Clone, Copy)]
pub(crate) struct Node<'t> {
    text: &'t str,
    depth: usize,
}

impl<'t> Node<'t> {
    /// The outermost value of this text, or one that a stricter reader has come to on its own.
    pub(crate) const fn new(text: &'t str) -> Self {
        Self { text, depth: 0 }
    }

    fn child<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.saturating_add(1);
        if depth > MAX_DEPTH { Err(E::custom("too deep")) } else { Ok(Self { depth, ..self }) }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'de> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'de> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let child = self.child()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(child)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        let Some(first) = members.next_key_seed(Name { text: self.text })? else {
            self.child::<A::Error>()?;
            return Ok(Value::Object(object));
        };
        let Some(first) = first else {
            let text: String = members.next_value()?;
            return text.parse::<Number>().map(Value::Number).map_err(A::Error::custom);
        };
        let child = self.child()?;
        let mut name = Some(first);
        while let Some(current) = name {
            let value = members.next_value_seed(child)?;
            if object.insert(current, value).is_some() {
                return Err(A::Error::custom("duplicate member"));
            }
            name = match members.next_key_seed(Name { text: self.text })? {
                Some(Some(next)) => Some(next),
                Some(None) => return Err(A::Error::custom("unexpected number")),
                None => None,
            };
        }
        Ok(Value::Object(object))
    }
}

/// A member name, or `None` for the marker by which serde_json hands over the text of a number.
///
/// The marker is a static string, a real name lies in the text or was unescaped: so a member that is *spelt* like the
/// marker stays a member.
struct Name<'t> {
    text: &'t str,
}

impl<'de> DeserializeSeed<'de> for Name<'de> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name<'de> {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a member name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<String>, E> {
        Ok(Some(name.to_owned()))
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Option<String>, E> {
        let in_text = name.is_empty() || self.text.as_bytes().as_ptr_range().contains(&name.as_ptr());
        Ok(in_text.then(|| name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString};

    use super::parse;

    #[test]
    fn duplicates_are_refused_at_every_depth_after_unescaping() {
        for text in [r#"{"a":1,"a":2}"#, r#"{"a":1,"\u0061":2}"#, r#"{"x":{"b":1,"b":2}}"#, r#"[{"b":1,"b":2}]"#] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_keep_their_text() {
        for text in ["9007199254740993", "18446744073709551616", "-0", "1.5", "100000000000000000.00000000000000001"] {
            assert_eq!(parse(text.as_bytes()).unwrap().to_string(), text);
        }
        assert!(parse(b"1e400").is_ok());
    }

    #[test]
    fn a_member_spelt_like_the_number_marker_stays_a_member() {
        for text in [
            r#"{"$serde_json::private::Number":"1"}"#,
            r#"{"\u0024serde_json::private::Number":"1"}"#,
            r#"{"a":1,"$serde_json::private::Number":"1"}"#,
        ] {
            assert!(parse(text.as_bytes()).unwrap().is_object(), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(32).as_bytes()).is_ok());
        assert!(parse(nested(33).as_bytes()).is_err());
        assert!(parse(nested(5000).as_bytes()).is_err());
    }

    #[test]
    fn extensions_and_bad_text_are_refused() {
        for text in [
            &b"{\"a\":1}x"[..],
            b"\xef\xbb\xbf{}",
            b"NaN",
            b"01",
            b"[1,]",
            b"\"\\ud800\"",
            b"\"\xc0\xaf\"",
            b"",
            b"'a'",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
