//! What is wrong with a configuration, and where.

use alloc::{format, string::String};
use core::fmt;

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
