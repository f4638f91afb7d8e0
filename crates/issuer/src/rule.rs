//! Names of revocation rules.

use alloc::{
    format,
    string::{String, ToString},
};

use serde_json::Value;
use sha2::{Digest, Sha256};

/// A name for a rule that stays the same when other rules come and go.
#[must_use]
pub fn rule_id(rule: &Value) -> String {
    let mut rule = rule.clone();
    rule.sort_all_objects();
    let digest = Sha256::digest(rule.to_string());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The key id that a rule is about.
#[must_use]
pub fn rule_key_id(rule: &Value) -> Option<&str> {
    rule.pointer("/header/kid").and_then(Value::as_str)
}
