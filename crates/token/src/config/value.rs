//! Scalar members that several parts of the document have.

use alloc::string::String;

use datakit_token_encoding::json::Value;

use crate::config::reader::{Read, whole_number, wrong};
use crate::{error::ConfigError, time::parse_duration};

/// The only version of the document.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Version;

/// Whole seconds, written as `30s`, `10m`, `6h` or `1d`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Duration(pub(crate) u64);

/// A whole number from `LEAST` to `MOST`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounded<const LEAST: u32, const MOST: u32>(pub(crate) u32);

/// A text, a whole number or a boolean.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonScalar {
    /// A string, compared byte for byte.
    Text(String),
    /// A whole number.
    Integer(u64),
    /// `true` or `false`.
    Boolean(bool),
}

impl From<&str> for JsonScalar {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<u64> for JsonScalar {
    fn from(number: u64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for JsonScalar {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl Read for Version {
    fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        match u64::read(value)? {
            1 => Ok(Self),
            _ => Err(ConfigError::new("expected 1")),
        }
    }
}

impl Read for Duration {
    fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        let text = value.as_str().ok_or_else(|| wrong("a duration such as `30s`", value))?;
        let problem = "expected a duration such as `30s`, `10m`, `6h` or `1d`";
        parse_duration(text).map(Self).ok_or_else(|| ConfigError::new(problem))
    }
}

impl<const LEAST: u32, const MOST: u32> Read for Bounded<LEAST, MOST> {
    fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        whole_number(value, LEAST, MOST).map(Self)
    }
}

impl Read for JsonScalar {
    fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        match value {
            Value::String(text) => Ok(Self::Text(text.into())),
            Value::Bool(value) => Ok(Self::Boolean(value)),
            Value::Number(_) => u64::read(value).map(Self::Integer),
            _ => Err(wrong("a string, a whole number or a boolean", value)),
        }
    }
}

/// Texts of which none may be empty, and at least one has to be there.
pub(crate) fn not_empty<'t>(name: &str, texts: impl IntoIterator<Item = &'t String>) -> Result<(), ConfigError> {
    let mut texts = texts.into_iter().peekable();
    if texts.peek().is_none() || texts.any(String::is_empty) {
        return Err(
            ConfigError::new("expected at least one character, and in an array at least one string").within(name)
        );
    }
    Ok(())
}

#[cfg(test)]
crate::config::schema::describe! {
    Version => { "const": 1 },
    Duration => { "type": "string", "pattern": "^[0-9]+[smhd]$" },
    JsonScalar => { "type": ["string", "integer", "boolean"], "minimum": 0 },
}

#[cfg(test)]
impl<const LEAST: u32, const MOST: u32> crate::config::schema::Describe for Bounded<LEAST, MOST> {
    fn describe(_: &mut crate::config::schema::Definitions) -> serde_json::Value {
        serde_json::json!({ "type": "integer", "minimum": LEAST, "maximum": MOST })
    }
}
