//! `revoke`: a revocation rule.

use std::{path::PathBuf, process::ExitCode};

use serde_json::{Map, Value, json};

use crate::{failure::Failure, key_directory::KeyDirectory};

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub(crate) struct Arguments {
    /// Key directory
    #[arg(value_name = "DIR")]
    keys: PathBuf,
    /// One token, by its jti
    #[arg(long, group = "what")]
    jti: Option<String>,
    /// All tokens of a user, by their sub
    #[arg(long, group = "what")]
    sub: Option<String>,
    /// All tokens that a leaked key has signed, whatever they say
    #[arg(long, group = "what", conflicts_with = "issued_before")]
    kid: Option<String>,
    /// Tokens with this claim: NAME=TEXT, or NAME:=JSON for an integer or a boolean; may be repeated, all must match
    #[arg(long = "claim", group = "what", value_name = "NAME=TEXT", value_parser = claim)]
    claims: Vec<(String, Value)>,
    /// Only tokens with a lower iat; seconds since 1970
    #[arg(long, value_name = "SECS")]
    issued_before: Option<u64>,
    /// In force from this second on; at once if absent
    #[arg(long, value_name = "SECS")]
    from: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let mut claims: Map<String, Value> = arguments.claims.iter().cloned().collect();
    for (name, value) in [("jti", &arguments.jti), ("sub", &arguments.sub)] {
        claims.extend(value.as_ref().map(|value| (name.to_owned(), json!(value))));
    }
    let mut rule = Map::new();
    if !claims.is_empty() {
        rule.insert("match".into(), Value::Object(claims));
    }
    if let Some(kid) = &arguments.kid {
        rule.insert("header".into(), json!({ "kid": kid }));
    }
    for (name, value) in [("issued_before", arguments.issued_before), ("from", arguments.from)] {
        rule.extend(value.map(|value| (name.to_owned(), json!(value))));
    }
    let mut directory = KeyDirectory::open(&arguments.keys)?;
    add(&mut directory, Value::Object(rule))?;
    eprintln!("now publish: `datakit-token publish`");
    Ok(ExitCode::SUCCESS)
}

/// Keeps a rule, once.
pub(crate) fn add(directory: &mut KeyDirectory, rule: Value) -> Result<(), Failure> {
    if !directory.state.rules.contains(&rule) {
        eprintln!("rule: {rule}");
        directory.state.rules.push(rule);
    }
    directory.save()
}

fn claim(text: &str) -> Result<(String, Value), String> {
    let expected = || String::from("expected NAME=TEXT, or NAME:=JSON with an integer or a boolean");
    let (name, value) = text.split_once('=').ok_or_else(expected)?;
    let (name, value) = match name.strip_suffix(':') {
        Some(name) => (name, serde_json::from_str(value).map_err(|_| expected())?),
        None => (name, json!(value)),
    };
    let scalar = value.is_string() || value.is_boolean() || value.is_i64() || value.is_u64();
    if name.is_empty() || !scalar { Err(expected()) } else { Ok((name.into(), value)) }
}
