//! The JSON Schema (2020-12) of the configuration, made from the lines that the reader is made from.

extern crate std;

use self::std::{
    collections::BTreeMap,
    env, format, fs,
    string::{String, ToString},
    vec::Vec,
};

use datakit_token_encoding::sorted::Sorted;
use serde_json::{Map, Value, json};

use super::{
    Config, ParamCarrierConfig, Scalar,
    provider::{JwkSetConfig, RevocationsConfig},
    value::{Bounded, Duration, Version},
};
use crate::reason::Reason;

/// What a type looks like in the document.
pub(crate) trait Describe {
    fn describe(definitions: &mut Definitions) -> Value;
    /// Whether a member of this type may be left out.
    const OPTIONAL: bool = false;
}

/// `$defs`: each struct once.
#[derive(Default)]
pub(crate) struct Definitions(BTreeMap<String, Value>);

/// An object in the making.
pub(crate) struct Described {
    about: String,
    properties: Map<String, Value>,
    required: Vec<&'static str>,
    choice: Vec<&'static str>,
}

impl Definitions {
    /// Refers to a definition, and makes it if it is not there.
    pub(crate) fn refer(&mut self, name: &str, describe: impl FnOnce(&mut Self) -> Value) -> Value {
        if !self.0.contains_key(name) {
            // It may contain itself.
            self.0.insert(name.into(), Value::Null);
            let description = describe(self);
            self.0.insert(name.into(), description);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }
}

impl Described {
    pub(crate) fn new(about: &[&str]) -> Self {
        Self { about: sentence(about), properties: Map::new(), required: Vec::new(), choice: Vec::new() }
    }

    pub(crate) fn member<T: Describe>(
        &mut self,
        definitions: &mut Definitions,
        name: &'static str,
        kind: &str,
        about: &[&str],
    ) {
        assert!(kind == "required" || kind == "optional", "{name}");
        let mut description = T::describe(definitions);
        if !about.is_empty() {
            description["description"] = json!(sentence(about));
        }
        self.properties.insert(name.into(), description);
        if kind == "required" {
            assert!(!T::OPTIONAL, "{name}");
            self.required.push(name);
        }
    }

    pub(crate) fn exactly_one_of(&mut self, names: &[&'static str]) {
        assert!(names.iter().all(|name| self.properties.contains_key(*name)), "{names:?}");
        self.choice = names.to_vec();
    }

    pub(crate) fn finish(self) -> Value {
        let mut object = json!({ "type": "object", "properties": self.properties, "additionalProperties": false });
        if !self.about.is_empty() {
            object["description"] = json!(self.about);
        }
        if !self.required.is_empty() {
            object["required"] = json!(self.required);
        }
        if !self.choice.is_empty() {
            let choice: Vec<_> = self.choice.iter().map(|name| json!({ "required": [name] })).collect();
            object["oneOf"] = json!(choice);
        }
        object
    }
}

fn sentence(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

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

macro_rules! describe {
    ($($type:ty => $description:tt,)*) => {
        $(impl Describe for $type {
            fn describe(_: &mut Definitions) -> Value {
                json!($description)
            }
        })*
    };
}

describe! {
    String => { "type": "string" },
    bool => { "type": "boolean" },
    u16 => { "type": "integer", "minimum": 0, "maximum": 65535 },
    u32 => { "type": "integer", "minimum": 0, "maximum": 4294967295_u64 },
    u64 => { "type": "integer", "minimum": 0 },
    Version => { "const": 1 },
    Duration => { "type": "string", "pattern": "^[0-9]+[smhd]$" },
    Scalar => { "type": ["string", "integer", "boolean"], "minimum": 0 },
    JwkSetConfig => { "type": "object", "properties": { "keys": { "type": "array", "items": { "type": "object" } } }, "required": ["keys"] },
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

impl<const LEAST: u32, const MOST: u32> Describe for Bounded<LEAST, MOST> {
    fn describe(_: &mut Definitions) -> Value {
        json!({ "type": "integer", "minimum": LEAST, "maximum": MOST })
    }
}

impl<T: Describe> Describe for Vec<T> {
    fn describe(definitions: &mut Definitions) -> Value {
        json!({ "type": "array", "items": T::describe(definitions) })
    }
}

impl<T: Describe> Describe for Sorted<String, T> {
    fn describe(definitions: &mut Definitions) -> Value {
        json!({ "type": "object", "additionalProperties": T::describe(definitions) })
    }
}

impl<T: Describe> Describe for Option<T> {
    const OPTIONAL: bool = true;

    fn describe(definitions: &mut Definitions) -> Value {
        T::describe(definitions)
    }
}

/// `DATAKIT_TOKEN_SCHEMA` names a file to write it to; its use is tested where a validator is (js/test/schema.test.mjs).
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
