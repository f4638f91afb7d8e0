//! A revocation rule as the arguments of `revoke` and `unrevoke` name it.

use serde_json::{Map, Value, json};

use crate::{failure::Failure, key::key_id, seconds};

/// What a rule says.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub(crate) struct RuleArguments {
    /// One token, by its jti
    #[arg(long, group = "what", allow_hyphen_values = true)]
    jti: Option<String>,
    /// All tokens of a user, by their sub
    #[arg(long, group = "what")]
    sub: Option<String>,
    /// All tokens that a leaked key has signed, whatever they say
    #[arg(long, group = "what", conflicts_with = "issued_before", value_parser = key_id, allow_hyphen_values = true)]
    pub(crate) kid: Option<String>,
    /// Tokens with this claim: NAME=TEXT, or NAME:=JSON for an integer or a boolean; NAME may be a JSON pointer. May be
    /// repeated, all must match
    #[arg(long = "claim", group = "what", value_name = "NAME=TEXT", value_parser = claim)]
    claims: Vec<(String, Value)>,
    /// Only tokens with a lower iat; seconds since 1970
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    issued_before: Option<u64>,
    /// In force from this second on; at once if absent
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    from: Option<u64>,
}

impl RuleArguments {
    /// The rule, in the one spelling that it has.
    pub(crate) fn rule(&self) -> Result<Value, Failure> {
        let mut claims = Map::new();
        let options = [("--jti", "jti", &self.jti), ("--sub", "sub", &self.sub)];
        let options =
            options.into_iter().filter_map(|(option, name, value)| Some((option, name, json!(value.as_ref()?))));
        let named = self.claims.iter().map(|(name, value)| ("--claim", name.as_str(), value.clone()));
        for (option, name, value) in options.chain(named) {
            let name = plain(name);
            // One of the two would be dropped, and whoever has only that one would pass.
            if claims.contains_key(&name) {
                return Err(Failure::new(format!("{option}: the claim `{name}` is named twice")));
            }
            claims.insert(name, value);
        }
        let mut rule = Map::new();
        if !claims.is_empty() {
            rule.insert("match".into(), Value::Object(claims));
        }
        if let Some(kid) = &self.kid {
            rule.insert("header".into(), json!({ "kid": kid }));
        }
        for (name, value) in [("issued_before", self.issued_before), ("from", self.from)] {
            rule.extend(value.map(|value| (name.to_owned(), json!(value))));
        }
        let mut rule = Value::Object(rule);
        rule.sort_all_objects();
        Ok(rule)
    }
}

/// `/jti` is `jti`: of the two names of a claim the one without slash, and of two spellings of a pointer the shorter.
fn plain(name: &str) -> String {
    let Some(pointer) = name.strip_prefix('/') else { return name.into() };
    let names: Vec<_> = pointer.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect();
    match names.as_slice() {
        [only] if !only.is_empty() && !only.starts_with('/') => only.clone(),
        names => names.iter().map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1"))).collect(),
    }
}

fn claim(text: &str) -> Result<(String, Value), String> {
    let expected = || String::from("expected NAME=TEXT, or NAME:=JSON with an integer or a boolean");
    let (name, value) = text.split_once('=').ok_or_else(expected)?;
    let (name, value) = match name.strip_suffix(':') {
        Some(name) => (name, serde_json::from_str(value).map_err(|_| expected())?),
        None => (name, json!(value)),
    };
    // `-0` is no integer for verifiers: two texts of one number would be two rules.
    let integer = value.is_i64() || value.is_u64();
    let scalar = value.is_string() || value.is_boolean() || integer;
    if name.is_empty() || !scalar { Err(expected()) } else { Ok((name.into(), value)) }
}
