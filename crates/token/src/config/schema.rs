//! The JSON Schema (2020-12) of the configuration, made from the lines that the reader is made from.

extern crate std;

use self::std::{collections::BTreeMap, format, string::String, vec::Vec};

use datakit_token_encoding::collections::SortedMap;
use serde_json::{Map, Value, json};

/// What a type looks like in the document.
pub(crate) trait Describe {
    fn describe(definitions: &mut Definitions) -> Value;
    /// Whether a member of this type may be left out.
    const OPTIONAL: bool = false;
}

/// `$defs`: each struct once.
#[derive(Default)]
pub(crate) struct Definitions(pub(crate) BTreeMap<String, Value>);

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

/// Says what types are that no line of the readers describes.
macro_rules! describe {
    ($($type:ty => $description:tt,)*) => {
        $(impl crate::config::schema::Describe for $type {
            fn describe(_: &mut crate::config::schema::Definitions) -> serde_json::Value {
                serde_json::json!($description)
            }
        })*
    };
}

pub(crate) use describe;

describe! {
    String => { "type": "string" },
    bool => { "type": "boolean" },
    u16 => { "type": "integer", "minimum": 0, "maximum": 65535 },
    u32 => { "type": "integer", "minimum": 0, "maximum": 4294967295_u64 },
    u64 => { "type": "integer", "minimum": 0 },
}

impl<T: Describe> Describe for Vec<T> {
    fn describe(definitions: &mut Definitions) -> Value {
        json!({ "type": "array", "items": T::describe(definitions) })
    }
}

impl<T: Describe> Describe for SortedMap<String, T> {
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
