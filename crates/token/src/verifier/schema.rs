//! The JSON Schema (2020-12) of the configuration, made from the lines that the readers are made from.

extern crate std;

use self::std::{
    env, fs,
    string::{String, ToString},
    vec::Vec,
};

use serde_json::{Map, Value, json};

use crate::{
    config::schema::{Definitions, Describe, describe},
    keys::config::{JwkSetConfig, RevocationsConfig},
    reason::Reason,
    request::config::ParamCarrierConfig,
    token::config::PrivateJwkSet,
    verifier::document::Config,
};

/// The whole schema.
fn schema() -> Value {
    let mut definitions = Definitions::default();
    let root = Config::describe(&mut definitions);
    let mut definitions = definitions.0;
    // A claim has one relation, and a relation needs a claim.
    let relations = ["equals", "contains", "in", "allows", "covers"];
    let requirement = definitions.get_mut("RequirementConfig").unwrap();
    let one: Vec<_> = relations.iter().map(|name| json!({ "required": [name] })).collect();
    requirement["dependentSchemas"] = json!({ "claim": { "oneOf": one } });
    let dependent: Map<String, Value> =
        relations.into_iter().chain(["optional"]).map(|name| (name.to_string(), json!(["claim"]))).collect();
    requirement["dependentRequired"] = json!(dependent);
    let status = &mut definitions.get_mut("ResponsesConfig").unwrap()["properties"]["status"];
    let codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    status["propertyNames"] = json!({ "enum": codes });
    status["additionalProperties"] = json!({ "type": "integer", "minimum": 400, "maximum": 599 });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "datakit-token configuration",
        "$ref": root["$ref"],
        "$defs": definitions,
    })
}

describe! {
    JwkSetConfig => { "type": "object", "properties": { "keys": { "type": "array", "items": { "type": "object" } } }, "required": ["keys"] },
    PrivateJwkSet => { "type": "object", "properties": { "keys": { "type": "array", "items": { "type": "object", "required": ["kty", "crv", "kid", "x", "d"] } } }, "required": ["keys"] },
    ParamCarrierConfig => { "anyOf": [{ "type": "string" }, { "type": "object", "required": ["name"], "additionalProperties": false,
        "properties": { "name": { "type": "string" }, "placeholder": { "type": "string" } } }] },
    RevocationsConfig => { "type": "array", "items": { "type": "object", "additionalProperties": false,
        "properties": {
            "match": { "type": "object", "minProperties": 1, "maxProperties": 8, "additionalProperties": { "type": ["string", "integer", "boolean"] } },
            "header": { "type": "object", "properties": { "kid": { "type": "string", "minLength": 1 } }, "required": ["kid"], "additionalProperties": false },
            "all": { "const": true },
            "issued_before": { "type": "integer", "minimum": 0 },
            "from": { "type": "integer", "minimum": 0 } },
        "anyOf": [{ "required": ["match"] }, { "required": ["header"] }, { "required": ["all"] }],
        "dependentSchemas": { "all": { "properties": { "match": false, "header": false } }, "header": { "properties": { "issued_before": false } } } } },
}

/// `DATAKIT_TOKEN_SCHEMA` names a file to write it to; its use is tested where a validator is
/// (js/test/schema.test.mjs).
#[test]
fn the_schema_has_every_definition_that_it_refers_to() {
    let schema = schema();
    let text = serde_json::to_string_pretty(&schema).unwrap();
    for reference in text.split("\"#/$defs/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schema["$defs"][name].is_object(), "{name}");
    }
    if let Some(file) = env::var_os("DATAKIT_TOKEN_SCHEMA") {
        fs::write(file, text).unwrap();
    }
}
