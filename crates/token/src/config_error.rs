//! What is wrong with a configuration, and where.

use alloc::{
    format,
    string::{String, ToString},
};
use core::fmt;

use serde::de::{self, Expected, Unexpected};

/// A fault in a configuration: the place as a JSON pointer (RFC 6901), and what was expected there.
///
/// It never shows a value of the configuration, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pointer: String,
    problem: String,
}

impl ConfigError {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self { pointer: String::new(), problem: problem.into() }
    }

    /// The same fault, seen from one level further out.
    pub(crate) fn within(mut self, name: &str) -> Self {
        self.pointer.insert_str(0, &format!("/{}", name.replace('~', "~0").replace('/', "~1")));
        self
    }

    /// The JSON pointer; empty for the whole document.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// What is wrong there, and what was expected.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "the document" } else { &self.pointer };
        write!(formatter, "{pointer}: {}", self.problem)
    }
}

impl core::error::Error for ConfigError {}

impl de::Error for ConfigError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Bool(_) => "a boolean",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
            Unexpected::Str(_) => "a string",
            Unexpected::Unit | Unexpected::Option => "null",
            Unexpected::Seq => "an array",
            Unexpected::Map => "an object",
            _ => "something else",
        };
        Self::new(format!("expected {expected}, found {found}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}"))
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("expected one of {}", list(expected)))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown member, expected one of {}", list(expected)))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("required, but missing").within(field)
    }
}

fn list(names: &[&str]) -> String {
    let mut text = String::new();
    for name in names {
        let separator = if text.is_empty() { "" } else { ", " };
        text.push_str(&format!("{separator}`{name}`"));
    }
    text
}
