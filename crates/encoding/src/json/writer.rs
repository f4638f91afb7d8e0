//! From values to a text.

use alloc::string::{String, ToString};

use super::Value;

/// An object in the making. Next to nothing in it is generic, so that its code is in one place.
#[derive(Debug)]
pub struct JsonObject(String);

impl JsonObject {
    /// Without members.
    #[must_use]
    pub fn new() -> Self {
        Self::within(String::new())
    }

    /// Without members, in the memory of a text that is no longer needed.
    #[must_use]
    pub fn within(mut memory: String) -> Self {
        memory.clear();
        memory.push('{');
        Self(memory)
    }

    /// Adds a text.
    #[must_use]
    pub fn text(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        write_text(&mut self.0, value);
        self
    }

    /// Adds a text if there is one.
    #[must_use]
    pub fn optional(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    /// Adds an array of texts.
    #[must_use]
    pub fn texts(mut self, name: &str, values: &mut dyn Iterator<Item = &str>) -> Self {
        self.name(name);
        write_texts(&mut self.0, values);
        self
    }

    /// Adds an array of arrays of two texts.
    #[must_use]
    pub fn pairs(mut self, name: &str, pairs: &mut dyn Iterator<Item = (&str, &str)>) -> Self {
        self.name(name);
        self.0.push('[');
        for (index, (one, other)) in pairs.enumerate() {
            self.0.push_str(if index == 0 { "" } else { "," });
            write_texts(&mut self.0, &mut [one, other].into_iter());
        }
        self.0.push(']');
        self
    }

    /// Adds a number; `null` if there is none.
    #[must_use]
    pub fn number(self, name: &str, value: impl Into<Option<u64>>) -> Self {
        self.whole(name, value.into())
    }

    /// Adds `true` or `false`.
    #[must_use]
    pub fn boolean(self, name: &str, value: bool) -> Self {
        self.json(name, if value { "true" } else { "false" })
    }

    /// Adds what is JSON already.
    #[must_use]
    pub fn json(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        self.0.push_str(value);
        self
    }

    /// The whole object.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn whole(self, name: &str, value: Option<u64>) -> Self {
        match value {
            Some(number) => self.json(name, &number.to_string()),
            None => self.json(name, "null"),
        }
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        write_text(&mut self.0, name);
        self.0.push(':');
    }
}

impl Default for JsonObject {
    fn default() -> Self {
        Self::new()
    }
}

/// Compact, with sorted members.
pub(super) fn write(text: &mut String, value: Value<'_>) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(value) => text.push_str(if value { "true" } else { "false" }),
        Value::Number(number) => text.push_str(number.as_str()),
        Value::String(string) => write_text(text, string),
        Value::Array(array) => {
            text.push('[');
            for (index, element) in array.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                write(text, element);
            }
            text.push(']');
        }
        Value::Object(object) => {
            text.push('{');
            for (index, (name, member)) in object.sorted().into_iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                write_text(text, name);
                text.push(':');
                write(text, member);
            }
            text.push('}');
        }
    }
}

/// An array of texts.
fn write_texts(text: &mut String, values: &mut dyn Iterator<Item = &str>) {
    text.push('[');
    for (index, value) in values.enumerate() {
        text.push_str(if index == 0 { "" } else { "," });
        write_text(text, value);
    }
    text.push(']');
}

/// RFC 8259 section 7.
pub(super) fn write_text(text: &mut String, value: &str) {
    text.push('"');
    if !value.bytes().any(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
        text.push_str(value);
        text.push('"');
        return;
    }
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\0'..='\x1f' => {
                text.push_str(if character < '\x10' { "\\u000" } else { "\\u001" });
                text.extend(char::from_digit(u32::from(character) & 15, 16));
            }
            _ => text.push(character),
        }
    }
    text.push('"');
}
