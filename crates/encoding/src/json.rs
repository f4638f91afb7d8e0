//! Strict JSON (RFC 8259, RFC 7493): one reading for every text.
//!
//! serde_json does the grammar; this adds what a verifier needs on top: no duplicate member at any depth, compared
//! after unescaping (RFC 7515 section 4), and a bound on depth. Numbers keep their text.
//!
//! A parsed text is the text itself and a list of places in it, not a tree: a token costs a few allocations, whatever
//! is in it, and what a claim's value shows is what was signed.

mod parser;
mod value;
mod writer;

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::fmt;

use zeroize::Zeroize;

pub use self::value::{Array, Number, Object, Value};
pub use self::writer::JsonObject;
use self::{parser::Reading, value::Children};

/// Nested arrays and objects that a text may have.
pub const MAX_DEPTH: usize = 32;

/// The text is not strict JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidJson {
    /// Where reading ended; from 1, and 0 where it did not begin.
    pub line: usize,
    /// The same; bytes.
    pub column: usize,
}

impl fmt::Display for InvalidJson {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "expected strict JSON; the fault is in line {}, column {}", self.line, self.column)
    }
}

impl core::error::Error for InvalidJson {}

/// A parsed text.
#[derive(Clone, Debug)]
pub struct Json {
    /// As it was read.
    text: String,
    /// What does not stand in the text like this: numbers, and what had to be unescaped. Its places follow those of the
    /// text.
    added: String,
    /// All values in the order of the text; the members of an object are a name and a value each.
    nodes: Vec<Node>,
}

/// One value, or the name of a member. `start` and `end` of a text are places in the text, `end` of the others in the
/// list.
#[derive(Clone, Copy, Debug)]
enum Node {
    Null,
    Bool(bool),
    Number {
        start: u32,
        end: u32,
    },
    String {
        start: u32,
        end: u32,
    },
    /// Before `end` are the elements.
    Array {
        end: u32,
    },
    /// Before `end` are the members.
    Object {
        end: u32,
    },
}

impl Json {
    /// Reads one value, with nothing after it.
    ///
    /// # Errors
    /// [`InvalidJson`], which says where and no more, on purpose.
    pub fn parse(text: impl Into<Vec<u8>>) -> Result<Self, InvalidJson> {
        parser::parse(text.into(), Reading::Whole(usize::MAX))
    }

    /// Reads one object, with nothing after it.
    ///
    /// # Errors
    /// [`InvalidJson`], also for another value.
    pub fn parse_object(text: impl Into<Vec<u8>>) -> Result<Self, InvalidJson> {
        Self::parse_small_object(text, usize::MAX)
    }

    /// The same, of which the names and values are counted while they are read: for a text that has few, whoever sends
    /// it.
    ///
    /// # Errors
    /// [`InvalidJson`], also for more than `most` names and values.
    pub fn parse_small_object(text: impl Into<Vec<u8>>, most: usize) -> Result<Self, InvalidJson> {
        let json = parser::parse(text.into(), Reading::Whole(most))?;
        if json.value().as_object().is_some() { Ok(json) } else { Err(InvalidJson { line: 1, column: 0 }) }
    }

    /// Reads no more of an object than the texts and numbers of these members: for a text that nobody has signed yet.
    ///
    /// # Errors
    /// [`InvalidJson`] if the text does not follow the grammar.
    pub fn parse_unproven(text: &[u8], names: &[&str]) -> Result<Self, InvalidJson> {
        parser::parse(String::from_utf8_lossy(text).into_owned().into(), Reading::Members(names))
    }

    /// The text as it was read.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Wipes it from memory: for a text with secrets in it.
    pub fn wipe(mut self) {
        self.text.zeroize();
        self.added.zeroize();
    }

    /// The outermost value.
    #[must_use]
    pub fn value(&self) -> Value<'_> {
        self.at(0)
    }

    /// The members of the outermost value; none if it is no object.
    #[must_use]
    pub fn members(&self) -> Object<'_> {
        self.value().as_object().unwrap_or(Object(Children { json: self, next: 0, end: 0 }))
    }

    fn at(&self, index: usize) -> Value<'_> {
        let children = |end: u32| Children { json: self, next: index.saturating_add(1), end: place(end) };
        match self.nodes.get(index) {
            None | Some(Node::Null) => Value::Null,
            Some(Node::Bool(value)) => Value::Bool(*value),
            Some(Node::Number { start, end }) => Value::Number(Number(self.slice(*start, *end))),
            Some(Node::String { start, end }) => Value::String(self.slice(*start, *end)),
            Some(Node::Array { end }) => Value::Array(Array(children(*end))),
            Some(Node::Object { end }) => Value::Object(Object(children(*end))),
        }
    }

    /// Whether a value is this text.
    fn is_text(&self, index: usize, text: &str) -> bool {
        let Some(Node::String { start, end }) = self.nodes.get(index) else { return false };
        let (start, end, length) = (place(*start), place(*end), self.text.len());
        // Most names differ in length, which costs the least to see; and bytes have no characters to cut through.
        let own = match start.checked_sub(length) {
            _ if end.checked_sub(start) != Some(text.len()) => return false,
            None => self.text.as_bytes().get(start..end),
            Some(start) => self.added.as_bytes().get(start..end.saturating_sub(length)),
        };
        own == Some(text.as_bytes())
    }

    fn slice(&self, start: u32, end: u32) -> &str {
        slice(&self.text, &self.added, start, end)
    }
}

/// The place after a value.
fn after(nodes: &[Node], index: usize) -> usize {
    match nodes.get(index) {
        Some(Node::Array { end } | Node::Object { end }) => place(*end),
        _ => index.saturating_add(1),
    }
}

/// A part of a text, or of what is added to it.
fn slice<'t>(text: &'t str, added: &'t str, start: u32, end: u32) -> &'t str {
    let (start, end, length) = (place(start), place(end), text.len());
    let slice = match start.checked_sub(length) {
        None => text.get(start..end),
        Some(start) => end.checked_sub(length).and_then(|end| added.get(start..end)),
    };
    slice.unwrap_or_default()
}

/// Places were made from lengths, so they are some.
fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Whether a text is a JSON pointer (RFC 6901 section 3) of at least one name.
#[must_use]
pub fn is_pointer(text: &str) -> bool {
    let escapes_hold = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    text.starts_with('/') && escapes_hold
}

/// A name as a JSON pointer spells it.
#[must_use]
pub fn escape(name: &str) -> Cow<'_, str> {
    if name.contains(['~', '/']) { name.replace('~', "~0").replace('/', "~1").into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use alloc::{
        format,
        string::{String, ToString},
    };

    use super::{InvalidJson, Json};

    fn parse(text: &[u8]) -> Result<Json, InvalidJson> {
        Json::parse(text)
    }

    #[test]
    fn duplicates_are_refused_at_every_depth_after_unescaping() {
        for text in [r#"{"a":1,"a":2}"#, r#"{"a":1,"\u0061":2}"#, r#"{"x":{"b":1,"b":2}}"#, r#"[{"b":1,"b":2}]"#] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        // So many that they are looked for in another way.
        let many = |last: usize| (0..200).chain([last]).map(|name| format!("\"{name}\":0,")).collect::<String>();
        assert!(parse(format!("{{{}\"x\":0}}", many(200)).as_bytes()).is_ok());
        assert!(parse(format!("{{{}\"x\":0}}", many(77)).as_bytes()).is_err());
    }

    #[test]
    fn numbers_keep_their_text() {
        for text in [
            "9007199254740993",
            "18446744073709551616",
            "-0",
            "1.5",
            "100000000000000000.00000000000000001",
            "1e400",
            "1E+05",
            "-0.0e-0",
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap().value().to_json(), text);
        }
    }

    #[test]
    fn numbers_follow_the_grammar_whatever_their_range() {
        let long = "7".repeat(10_000);
        for text in ["0", "-0", "10", "1.0", "1e400", "-1E-400", "1e+05", "0.0e0", &long, &format!("0.{long}e{long}")] {
            assert_eq!(parse(text.as_bytes()).unwrap().value().to_json(), text);
        }
        for text in [
            "-", "+1", "--1", "01", "-01", "1.", "1.e3", ".5", "-.5", "1e", "1e+", "1e+-1", "1.5.5", "0x1", "1_0",
            "1e1.5",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
            assert!(parse(format!("[{text}]").as_bytes()).is_err(), "[{text}]");
        }
    }

    /// Each kind of value before a number, with white space wherever there may be some.
    #[test]
    fn a_number_is_the_one_that_stands_there() {
        let before = [
            "null",
            "true",
            "false",
            "-1.50",
            r#""""#,
            r#""a,]}:1""#,
            r#""\u005c\"\\""#,
            r#""\n""#,
            "[]",
            "{}",
            r#"[1,"\"]",{"2":3}]"#,
        ];
        for (first, second) in before.iter().flat_map(|first| before.map(|second| (first, second))) {
            for space in ["", " ", "\r\n\t "] {
                let text = [r#"{"a":"#, first, r#","\u0062":["#, second, "],\"\":1E+5,\"c\":{\"d\":", second, "}}"]
                    .map(|part| format!("{space}{}{space}", part.replace(',', &format!("{space},{space}"))))
                    .concat();
                // Not inside of strings.
                let text =
                    if space.is_empty() || !(first.contains("a,") || second.contains("a,")) { text } else { continue };
                let json = parse(text.as_bytes()).unwrap();
                let members = json.members();
                assert_eq!(members.get("").unwrap().to_json(), "1E+5", "{text}");
                let written = |value: super::Value<'_>| value.to_json();
                let alone = |text: &str| parse(text.as_bytes()).unwrap().value().to_json();
                assert_eq!(members.get("a").map(written), Some(alone(first)), "{text}");
                assert_eq!(members.get("b").map(written), Some(format!("[{}]", alone(second))), "{text}");
                assert_eq!(json.value().pointer("/c/d").map(written), Some(alone(second)), "{text}");
                let few = Json::parse_unproven(text.as_bytes(), &["", "a"]).unwrap();
                assert_eq!(few.members().get("").map(written).as_deref(), Some("1E+5"), "{text}");
            }
        }
    }

    #[test]
    fn a_member_spelt_like_a_marker_of_serde_json_stays_a_member() {
        for text in [
            r#"{"$serde_json::private::Number":"1"}"#,
            r#"{"\u0024serde_json::private::Number":"1"}"#,
            r#"{"a":1,"$serde_json::private::Number":"1"}"#,
        ] {
            assert!(parse(text.as_bytes()).unwrap().value().as_object().is_some(), "{text}");
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

    #[test]
    fn what_is_written_is_sorted_and_escaped() {
        let json =
            parse(r#" {"b":[true,null,{"y":-1.50,"x":"\u00e9\n\u0001\"\\"}], "a":"\ud83d\ude00","":{}} "#.as_bytes());
        let written = json.unwrap().value().to_json();
        assert_eq!(written, "{\"\":{},\"a\":\"😀\",\"b\":[true,null,{\"x\":\"é\\n\\u0001\\\"\\\\\",\"y\":-1.50}]}");
    }

    #[test]
    fn pointers_find_values() {
        let json = parse(br#"{"a":{"b/c":[10,{"~":"x"}]},"0":1}"#).unwrap();
        let at = |pointer: &str| json.value().pointer(pointer).map(super::Value::to_json);
        assert_eq!(at("/a/b~1c/1/~0").as_deref(), Some("\"x\""));
        assert_eq!((at("/0").as_deref(), at("").is_some()), (Some("1"), true));
        for absent in ["/a/b~1c/01", "/a/b~1c/2", "/a/b~1c/+1", "/a/b~1c/-", "/b", "/a/b~1c/0/x", "/a/"] {
            assert_eq!(at(absent), None, "{absent}");
        }
    }

    /// Random values, written by serde_json, read here and written again.
    #[test]
    fn every_value_survives() {
        fn value(next: &mut impl FnMut(u64) -> u64, depth: u64) -> serde_json::Value {
            let text = |next: &mut dyn FnMut(u64) -> u64| {
                let characters = ['a', '"', '\\', '/', '~', '\u{1}', '\u{1f}', '\n', 'é', '\u{2028}', '😀'];
                (0..next(6)).map(|_| characters[usize::try_from(next(11)).unwrap()]).collect::<String>()
            };
            match next(if depth == 0 { 5 } else { 7 }) {
                0 => serde_json::Value::Null,
                1 => (next(2) == 0).into(),
                2 => next(u64::MAX).into(),
                3 => format!("-{}.{}e-{}", next(99), next(99), next(9)).parse::<serde_json::Number>().unwrap().into(),
                4 => text(next).into(),
                5 => (0..next(5)).map(|_| value(next, depth - 1)).collect(),
                _ => {
                    let members = next(if depth == 3 { 60 } else { 5 });
                    (0..members).map(|_| (text(next), value(next, depth - 1))).collect()
                }
            }
        }
        let mut state = 88_172_645_463_325_252_u64;
        let mut next = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        for _ in 0..3000 {
            let value = value(&mut next, 3);
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let json = Json::parse(text.as_str()).unwrap();
                let written: serde_json::Value = serde_json::from_str(&json.value().to_json()).unwrap();
                assert_eq!((written, json.text()), (value.clone(), text.as_str()));
            }
        }
    }

    #[test]
    fn an_unproven_text_is_read_leniently_and_shows_what_is_asked_for_only() {
        let deep = "[".repeat(500) + &"]".repeat(500);
        let text = format!(r#"{{"iss":"i","x":{deep},"y":{{"iss":"other","a":1,"a":2}},"\u0065xp":12,"y":1,"z":"t"}}"#);
        let json = Json::parse_unproven(text.as_bytes(), &["iss", "exp", "y"]).unwrap();
        assert_eq!(json.members().get("iss").unwrap().as_str(), Some("i"));
        assert_eq!(json.members().get("exp").unwrap().as_u64(), Some(12));
        assert_eq!(json.members().iter().map(|(name, _)| name).collect::<String>(), "issyexpy");
        // Twice is seen as twice by who asks for one.
        assert!(json.members().only("y").is_none() && json.members().only("iss").is_some());
        // Arrays and objects are passed over, whatever is in them: nobody has signed this.
        let nested =
            Json::parse_unproven(br#"{"iss":[{"a":1,"a":2}],"exp":{"b":[7]},"y":3}"#, &["iss", "exp", "y"]).unwrap();
        let shown = nested.value().to_json();
        assert_eq!(shown, r#"{"exp":null,"iss":null,"y":3}"#);
        let refused = |text: &[u8]| Json::parse_unproven(text, &["a"]).is_err();
        assert!(refused(b"{\"a\":[}") && refused(b"{}x") && refused(b"{\"b\":[}") && refused(b"{\"b\":1e}"));
    }

    #[test]
    fn names_and_values_are_counted_while_they_are_read() {
        let most = |text: &str, most: usize| Json::parse_small_object(text, most).is_ok();
        for text in [r#"{"a":[1,2,3]}"#, r#"{"a":1,"b":2}"#, r#"{"a":{"b":{}}}"#] {
            let values = (0..20).find(|values| most(text, *values)).unwrap();
            assert!((5..=6).contains(&values) && !most(text, values - 1), "{text}: {values}");
        }
        assert!(!most(&format!("{{\"a\":[0{}]}}", ",1".repeat(5_000)), 128) && !most("[]", 128) && most("{}", 128));
    }
}
