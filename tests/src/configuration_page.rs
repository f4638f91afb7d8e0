//! `docs/configuration.md`, made of the JSON Schema of the configuration.

use std::{collections::BTreeSet, fmt::Write};

use serde_json::{Map, Value};

/// What the schema does not say.
const INTRODUCTION: &str = "\
# Configuration

One JSON document, the same for the filter, the npm package, the command and a program in Rust. Unknown members are
refused, and every fault names its place as a JSON pointer. This page is made of the JSON Schema
(`datakit-token/config.schema.json` in the npm package, which editors complete by):
`UPDATE_EXPECT=1 cargo xtask test configuration_page` writes it.

What differs by host:

- `keys.remote.cluster` is required in Envoy, whose clusters it names, and ignored elsewhere.
- Without `limits.cached_tokens`, Envoy and programs in Rust keep 4096 tokens, JavaScript none (there about 4 MiB more
  go to what was made of each).
- `limits.parked_requests` is for Envoy: each request that waits may keep `per_connection_buffer_limit_bytes` of its
  body.
- Secrets by `env` are read from `vm_config.environment_variables` in Envoy, `createVerifier(.., { environment })` in
  JavaScript, and the process's environment in the command.
- `client_address` and `covers` believe what the host says of the connection. In Envoy that is what its connection
  manager makes of `X-Forwarded-For`: set `use_remote_address: true`, and `xff_num_trusted_hops` to the number of
  proxies before it.

More than the members: keys and revocation in [keys.md](keys.md), rules and requirements in
[authorisation.md](authorisation.md), presets in [presets.md](presets.md), Envoy in [envoy.md](envoy.md).
";

/// Longest line, as everywhere.
const COLUMNS: usize = 120;

/// The whole page.
///
/// # Panics
/// If the schema has another form.
#[must_use]
#[expect(clippy::expect_used, reason = "an assertion")]
pub fn page(schema: &Value) -> String {
    let definitions = schema["$defs"].as_object().expect("definitions");
    let mut page = String::from(INTRODUCTION);
    let (mut seen, mut queue) = (BTreeSet::new(), vec![String::from("Config")]);
    while let Some(name) = queue.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let definition = &definitions[&name];
        let mut mentioned = section(&mut page, &name, definition);
        // In the order in which they are mentioned.
        mentioned.reverse();
        queue.extend(mentioned);
    }
    page
}

/// One object: what it is, and its members, those that are required first. Gives the objects that it mentions.
fn section(page: &mut String, name: &str, definition: &Value) -> Vec<String> {
    let _ = write!(page, "\n## {}\n\n", title(name));
    if let Some(about) = definition["description"].as_str() {
        wrap(page, "", "", about);
        page.push('\n');
    }
    if let Some(choices) = definition["oneOf"].as_array().filter(|_| !says_exactly_one(definition)) {
        let names: Vec<_> = choices.iter().filter_map(|choice| choice["required"][0].as_str()).collect();
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        wrap(page, "", "", &format!("Exactly one of {} is there.", names.join(", ")));
        page.push('\n');
    }
    let none = Map::new();
    let members = definition["properties"].as_object().unwrap_or(&none);
    let required =
        |member: &str| definition["required"].as_array().is_some_and(|names| names.iter().any(|name| name == member));
    let mut mentioned = Vec::new();
    for must in [true, false] {
        for (member, shape) in members.iter().filter(|(member, _)| required(member) == must) {
            let kind = kind(shape, &mut mentioned);
            let must = if must { ", required" } else { "" };
            let about = shape["description"].as_str().unwrap_or_default();
            let about = if about.is_empty() { String::new() } else { format!(": {about}") };
            wrap(page, "- ", "  ", &format!("`{member}` ({kind}{must}){about}"));
        }
    }
    mentioned
}

/// Whether the description says already that it is one of several.
fn says_exactly_one(definition: &Value) -> bool {
    definition["description"].as_str().is_some_and(|about| about.to_lowercase().contains("exactly one"))
}

/// `ProviderConfig` is `Provider`.
fn title(name: &str) -> &str {
    match name {
        "Config" => "The document",
        name => name.strip_suffix("Config").unwrap_or(name),
    }
}

fn link(name: &str, mentioned: &mut Vec<String>) -> String {
    mentioned.push(name.into());
    format!("[{}](#{})", title(name), title(name).to_lowercase().replace(' ', "-"))
}

/// What a value looks like.
fn kind(shape: &Value, mentioned: &mut Vec<String>) -> String {
    if let Some(name) = shape["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/")) {
        return link(name, mentioned);
    }
    if let Some(values) = shape["enum"].as_array() {
        let values: Vec<_> = values.iter().filter_map(Value::as_str).map(|value| format!("`{value}`")).collect();
        return values.join(" or ");
    }
    if !shape["const"].is_null() {
        return format!("`{}`", shape["const"]);
    }
    if let Some(choices) = shape["anyOf"].as_array().filter(|_| shape["type"].is_null()) {
        let choices: Vec<_> = choices.iter().map(|choice| kind(choice, mentioned)).collect();
        return choices.join(" or ");
    }
    match &shape["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        Value::String(kind_name) => match kind_name.as_str() {
            "array" => format!("array of {}", kind(&shape["items"], mentioned)),
            "object" if shape["additionalProperties"].is_object() => {
                format!("object, each member {}", kind(&shape["additionalProperties"], mentioned))
            }
            "object" => match shape["properties"].as_object() {
                Some(members) => {
                    let names: Vec<_> = members.keys().map(|name| format!("`{name}`")).collect();
                    format!("object with {}", names.join(", "))
                }
                None => "object".into(),
            },
            "string" if shape["pattern"].is_string() => "duration such as `30s`, `10m`, `6h`, `1d`".into(),
            "integer" => match (shape["minimum"].as_u64(), shape["maximum"].as_u64()) {
                (Some(least), Some(most)) => format!("integer from {least} to {most}"),
                _ => "integer".into(),
            },
            kind_name => kind_name.into(),
        },
        _ => "any".into(),
    }
}

/// Lines of at most [`COLUMNS`] characters.
fn wrap(page: &mut String, first: &str, next: &str, text: &str) {
    let mut line = String::from(first);
    for word in text.split(' ') {
        if line.chars().count() + word.chars().count() >= COLUMNS {
            page.push_str(line.trim_end());
            page.push('\n');
            line = next.into();
        }
        line.push_str(word);
        line.push(' ');
    }
    page.push_str(line.trim_end());
    page.push('\n');
}
