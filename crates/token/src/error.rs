//! What is wrong with a configuration, and where.

use alloc::{
    boxed::Box,
    string::{String, ToString},
};
use core::fmt;

use datakit_token_encoding::json;

/// A fault in a configuration: the place as a JSON pointer (RFC 6901), and what was expected there.
///
/// It never shows a value of the configuration, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(Box<PlacedProblem>);

/// In a box, and not made in place: a fault may come up in hundreds of places, and each would be that much larger.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PlacedProblem {
    pointer: String,
    problem: String,
}

impl ConfigError {
    /// A fault in the whole of what was read. What was expected, never what was found: it may be a secret.
    pub fn new(problem: impl Into<String>) -> Self {
        Self::boxed(problem.into())
    }

    /// The same fault, seen from one level further out.
    #[must_use]
    #[inline(never)]
    pub fn within(mut self, name: &str) -> Self {
        self.0.pointer.insert_str(0, &json::escape(name));
        self.0.pointer.insert(0, '/');
        self
    }

    /// The same for an element of an array.
    #[must_use]
    #[inline(never)]
    pub fn within_element(self, index: usize) -> Self {
        self.within(&index.to_string())
    }

    #[inline(never)]
    fn boxed(problem: String) -> Self {
        Self(Box::new(PlacedProblem { pointer: String::new(), problem }))
    }

    /// The JSON pointer; empty for the whole document.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.0.pointer
    }

    /// What is wrong there, and what was expected.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.0.problem
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.0.pointer.is_empty() { "the document" } else { &self.0.pointer };
        write!(formatter, "{pointer}: {}", self.0.problem)
    }
}

impl core::error::Error for ConfigError {}
