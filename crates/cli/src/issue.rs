//! `issue`: a signed token (RFC 7515, RFC 9068).

use std::{fs, path::PathBuf, process::ExitCode};

use base64ct::{Base64UrlUnpadded, Encoding};
use clap::ValueEnum;
use ed25519_dalek::Signer;
use serde_json::{Map, Value, json};

use crate::{failure::Failure, key::PrivateKey, time};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The private key, as keygen writes it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The claims as a JSON object, signed byte for byte
    #[arg(long, value_name = "FILE", conflicts_with_all = ["issuer", "audience", "ttl"])]
    claims: Option<PathBuf>,
    /// iss
    #[arg(long, required_unless_present = "claims")]
    issuer: Option<String>,
    /// aud; may be repeated
    #[arg(long, required_unless_present = "claims")]
    audience: Vec<String>,
    /// sub
    #[arg(long, conflicts_with = "claims")]
    subject: Option<String>,
    /// Life of the token: 30s, 10m, 1h, 7d
    #[arg(long, default_value = "1h", value_parser = duration)]
    ttl: u64,
    /// nbf, in seconds since 1970
    #[arg(long, conflicts_with = "claims")]
    not_before: Option<u64>,
    /// jti; random if absent
    #[arg(long, conflicts_with = "claims")]
    jti: Option<String>,
    /// workspace
    #[arg(long, conflicts_with = "claims")]
    workspace: Option<String>,
    /// A role; may be repeated
    #[arg(long = "role", conflicts_with = "claims")]
    roles: Vec<String>,
    /// A permission; may be repeated
    #[arg(long = "permission", conflicts_with = "claims")]
    permissions: Vec<String>,
    /// scope, separated by spaces
    #[arg(long, conflicts_with = "claims")]
    scope: Option<String>,
    /// The time of issue in seconds since 1970; the machine's clock if absent
    #[arg(long, value_name = "SECS")]
    now: Option<u64>,
    /// alg
    #[arg(long, value_enum, default_value = "EdDSA")]
    alg: Algorithm,
    /// typ
    #[arg(long, default_value = "at+jwt")]
    typ: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Algorithm {
    #[value(name = "EdDSA")]
    EdDsa,
    #[value(name = "Ed25519")]
    Ed25519,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let key = PrivateKey::read(&arguments.key)?;
    let payload = match &arguments.claims {
        Some(file) => {
            let text = fs::read(file).map_err(|error| Failure::at(file, error))?;
            serde_json::from_slice::<Map<String, Value>>(&text)
                .map_err(|error| Failure::at(file, format!("expected a JSON object: {error}")))?;
            text
        }
        None => claims(arguments)?.into_bytes(),
    };
    let alg = match arguments.alg {
        Algorithm::EdDsa => "EdDSA",
        Algorithm::Ed25519 => "Ed25519",
    };
    let header = json!({ "alg": alg, "typ": arguments.typ, "kid": key.id }).to_string();
    let encode = Base64UrlUnpadded::encode_string;
    let signed = format!("{}.{}", encode(header.as_bytes()), encode(&payload));
    println!("{signed}.{}", encode(&key.signing.sign(signed.as_bytes()).to_bytes()));
    Ok(ExitCode::SUCCESS)
}

fn claims(arguments: &Arguments) -> Result<String, Failure> {
    let now = time(arguments.now)?.as_secs();
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Failure::new(format!("no randomness: {error}")))?;
    let jti = arguments.jti.clone().unwrap_or_else(|| Base64UrlUnpadded::encode_string(&random));
    let audience = match arguments.audience.as_slice() {
        [only] => json!(only),
        several => json!(several),
    };
    let mut claims = Map::new();
    let mut add = |name: &str, value: Value| {
        let absent = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !absent {
            claims.insert(name.into(), value);
        }
    };
    add("iss", json!(arguments.issuer));
    add("aud", audience);
    add("sub", json!(arguments.subject));
    add("iat", json!(now));
    add("nbf", json!(arguments.not_before));
    add("exp", json!(now.saturating_add(arguments.ttl)));
    add("jti", json!(jti));
    add("workspace", json!(arguments.workspace));
    add("roles", json!(arguments.roles));
    add("permissions", json!(arguments.permissions));
    add("scope", json!(arguments.scope));
    Ok(Value::Object(claims).to_string())
}

fn duration(text: &str) -> Result<u64, String> {
    let expected = || String::from("expected a duration such as `30s`, `10m`, `6h` or `1d`");
    let (number, unit) = text.len().checked_sub(1).and_then(|end| text.split_at_checked(end)).ok_or_else(expected)?;
    let factor: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(expected()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).filter(|ttl| *ttl > 0).ok_or_else(expected)
}
