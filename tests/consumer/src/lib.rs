//! A program of somebody else's: it has JSON of its own, and claims that only it knows.

use serde::{Deserialize, Serialize};

/// A number that serde buffers before it knows what it is.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Reading {
    /// A number alone.
    Plain(f64),
    /// A number with more beside it.
    WithUnit {
        /// How much.
        value: f64,
        /// Of what.
        unit: String,
    },
}

/// A number beside members that are read into another struct.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub struct Sample {
    /// Where it was taken.
    pub place: String,
    /// What was measured.
    #[serde(flatten)]
    pub measure: Measure,
}

/// Read from the members of whatever it is flattened into.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub struct Measure {
    /// How much.
    pub value: f64,
}

/// A number in a form that names itself.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Shape {
    /// Round.
    Circle {
        /// From the middle to the edge.
        radius: f64,
    },
}

/// The claims that this program has a use for.
#[derive(Debug, Deserialize)]
pub struct Customer<'c> {
    /// `sub`
    pub sub: &'c str,
    /// What the customer pays for.
    pub plan: Plan,
    /// A claim with a fraction.
    pub quota: f64,
}

/// A claim of one of these.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// Nothing.
    Free,
    /// Something.
    Pro,
}
