//! The smallest configuration, to change one member of.

use datakit_token::Verifier;
use serde_json::{Value, json};

use crate::mint;

/// One provider with the key `k1`, one rule.
#[must_use]
pub fn config() -> Value {
    json!({
        "version": 1,
        "providers": [{ "name": "main", "issuer": "i", "audiences": ["a"], "keys": { "inline": { "keys": [mint::jwk("k1")] } } }],
        "rules": [{ "match": { "path": { "prefix": "/v1" } }, "require": { "permission": "p" } }],
    })
}

/// The configuration with one member, named by a JSON pointer, set.
///
/// # Panics
/// If the configuration has no such place.
#[must_use]
pub fn with(pointer: &str, value: Value) -> Value {
    set(config(), pointer, value)
}

/// Each member of the base, set to a value, is refused at a place with an expectation: pointer, value, place, problem.
///
/// # Panics
/// If one of them is not.
#[expect(clippy::panic, reason = "an assertion")]
pub fn refuse(base: &Value, cases: &[(&str, Value, &str, &str)]) {
    for (pointer, value, place, problem) in cases {
        let Err((found, said)) = compile(&set(base.clone(), pointer, value.clone())) else {
            panic!("{pointer} {value}: compiled")
        };
        assert_eq!(&found, place, "{value}: {said}");
        assert!(said.contains(problem), "{place}: {said}");
    }
}

/// The verifier, or the place of the fault and the problem there.
///
/// # Errors
/// If the core refuses the configuration.
pub fn compile(config: &Value) -> Result<Verifier, (String, String)> {
    Verifier::from_json(config.to_string().as_bytes())
        .map_err(|error| (error.pointer().to_owned(), error.problem().to_owned()))
}

/// An object with the members of another one; `null` removes.
#[must_use]
pub fn merge(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        for (name, value) in other {
            if value.is_null() {
                one.remove(&name);
            } else {
                one.insert(name, value);
            }
        }
    }
    one
}

#[expect(clippy::panic, reason = "a test that names a place wrongly")]
fn set(mut config: Value, pointer: &str, value: Value) -> Value {
    let place = pointer.rsplit_once('/').and_then(|(parent, name)| Some((config.pointer_mut(parent)?, name)));
    let Some((parent, name)) = place else { panic!("no {pointer}") };
    parent[name] = value;
    config
}
