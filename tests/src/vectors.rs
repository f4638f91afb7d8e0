//! The vectors: `vectors/*.json`, written for people, minted into requests with signed tokens.
//!
//! A file has `config`, `now`, `header`, `claims` and `request` for all of its `vectors`; a vector changes what it is
//! about:
//!
//! | member | meaning |
//! |---|---|
//! | `name` | unique over all files |
//! | `now` | seconds, instead of the file's |
//! | `config` | merged into the file's (RFC 7396) |
//! | `provider` | merged into the first provider of that |
//! | `header`, `claims` | an object is merged into the file's (`null` removes), a string is taken byte for byte |
//! | `header_hex`, `claims_hex` | the same as bytes, for what no JSON text can hold |
//! | `sign` | the name of the signing key, instead of `k1` |
//! | `token` | the whole token; `{token}`, `{header}`, `{payload}`, `{signature}` stand for what was minted |
//! | `seal` | instead of the file's: the token is encrypted, and `{sealed}`, `{seal.header}` ... stand for that |
//! | `request` | merged into the file's; `{token}` in the path or a header is replaced, `{token%}` percent-encoded |
//! | `bare` | `false`: the token is not judged alone, as the fault lies in the request |
//! | `expect` | `"allow"` or a reason |
//! | `claim` | the claim that the refusal names; `null` for none |
//! | `observed` | `true`: the request passes all the same, as the configuration says `"mode": "observe"` |
//! | `upstream` | the path and headers that the upstream must get (a header with `null` must be absent) |
//! | `response` | what the denied client must get: `status`, `headers` (`null` for an absent one), `body` |
//!
//! A long text may be made of parts: `{"joined": ["a", {"repeat": ["b", 3]}]}` is `abbb`.
//!
//! `seal` has the members `for` (the name of the key, else `e1`), `header` (merged into the usual one, or byte for
//! byte, with `{epk}` in the ephemeral key's place), `epk` (hexadecimal), `algorithm`, `apu` and `apv` (what the key is
//! derived with), `iv` (hexadecimal) and `content` (instead of the token; `{token}` stands for it).
//!
//! `request.connection` says what the host knows of the connection: `client_address`, `tls_version`. Secrets may name
//! the variables of [`ENVIRONMENT`].

use std::fs;

use serde_json::{Map, Value, json};

use datakit_token::{ConfigError, Verifier, VerifierBuilder};
use datakit_token_sealed::Unsealer;

use crate::{
    checkout,
    mint::{self, Seal},
};

/// What every host of a vector has in its environment.
pub const ENVIRONMENT: [(&str, &str); 2] = [
    ("WORKSPACE_TOKEN", "tkn_fromTheEnvironment0123456789abcdef"),
    // The key `e3` of `mint::private_jwk`.
    (
        "DECRYPTION_KEYS",
        r#"{"keys":[{"kty":"OKP","crv":"X25519","kid":"e3","x":"9Iv_Xej-y9sp8orrH6tRK1PzUnX7cdbq6MXKY2xVGA4","d":"ZTNlM2UzZTNlM2UzZTNlM2UzZTNlM2UzZTNlM2UzZTM"}]}"#,
    ),
];

/// Looks up a variable of [`ENVIRONMENT`].
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    ENVIRONMENT.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
}

/// The verifier of a vector, as every host has one that opens encrypted tokens.
///
/// # Errors
/// [`ConfigError`]
pub fn verifier(config: &Value) -> Result<Verifier, ConfigError> {
    let builder = VerifierBuilder::from_json(config.to_string().as_bytes())?;
    builder.with_unsealer(Unsealer::new()).build_with(&variable)
}

/// One vector, ready for every runner.
#[derive(Clone, Debug)]
pub struct Vector {
    /// Unique name.
    pub name: String,
    /// The configuration document.
    pub config: Value,
    /// Seconds since 1970.
    pub now: u64,
    /// `method`, `path`, `headers`; the characters U+0000 to U+00FF stand for bytes.
    pub request: Value,
    /// The bare token, where it can be judged alone.
    pub token: Option<String>,
    /// `None` is allow.
    pub reason: Option<String>,
    /// The claim that the refusal names, where the vector says so.
    pub claim: Option<Value>,
    /// The denial is only watched.
    pub observed: bool,
    /// Expected path and headers behind the verifier.
    pub upstream: Option<Value>,
    /// Expected answer to a denied request.
    pub response: Option<Value>,
}

impl Vector {
    /// For the runners outside Rust.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut vector = json!({
            "name": self.name, "config": self.config, "now": self.now, "request": self.request,
            "expect": {
                "verdict": if self.observed { "observe" } else if self.reason.is_some() { "deny" } else { "allow" },
                "reason": self.reason.as_deref().unwrap_or("ok"),
            },
        });
        if let Some(token) = &self.token {
            vector["token"] = json!(token);
        }
        if let Some(claim) = &self.claim {
            vector["expect"]["claim"] = claim.clone();
        }
        if let Some(upstream) = &self.upstream {
            vector["expect"]["upstream"] = upstream.clone();
        }
        if let Some(response) = &self.response {
            vector["expect"]["response"] = response.clone();
        }
        vector
    }
}

/// Reads and mints all vectors.
///
/// # Errors
/// The file, the vector and what is wrong with it.
pub fn load() -> Result<Vec<Vector>, String> {
    let directory = checkout::root().join("tests/vectors");
    let mut files: Vec<_> = fs::read_dir(&directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let mut vectors: Vec<Vector> = Vec::new();
    for path in files {
        let name = path.display();
        let text = fs::read(&path).map_err(|error| format!("{name}: {error}"))?;
        let file: Value = serde_json::from_slice(&text).map_err(|error| format!("{name}: {error}"))?;
        let file = join(file);
        for vector in file["vectors"].as_array().ok_or_else(|| format!("{name}: expected the array `vectors`"))? {
            let vector = mint_vector(&file, vector).map_err(|error| format!("{name}: {}: {error}", vector["name"]))?;
            if vectors.iter().any(|other| other.name == vector.name) {
                return Err(format!("{name}: {}: the name is used twice", vector.name));
            }
            vectors.push(vector);
        }
    }
    Ok(vectors)
}

/// Long texts are made of parts: `{"joined": ["a", {"repeat": ["b", 3]}]}` is `abbb`.
fn join(value: Value) -> Value {
    let text = |part: &Value| match part {
        Value::String(text) => text.clone(),
        part => {
            let times = part["repeat"][1].as_u64().and_then(|times| usize::try_from(times).ok());
            part["repeat"][0].as_str().unwrap_or_default().repeat(times.unwrap_or_default())
        }
    };
    match value {
        Value::Object(members) => match members.get("joined").and_then(Value::as_array) {
            Some(parts) if members.len() == 1 => Value::String(parts.iter().map(text).collect()),
            _ => Value::Object(members.into_iter().map(|(name, member)| (name, join(member))).collect()),
        },
        Value::Array(elements) => Value::Array(elements.into_iter().map(join).collect()),
        value => value,
    }
}

/// Compares what the upstream got, `path` and `headers`, with what it must get.
///
/// # Errors
/// What differs.
pub fn check_upstream(expected: &Value, found: &Value) -> Result<(), String> {
    if found["path"] != expected["path"] {
        return Err(format!("upstream: expected {}, found {}", expected["path"], found["path"]));
    }
    for (name, value) in expected["headers"].as_object().into_iter().flatten() {
        let headers = found["headers"].as_array().into_iter().flatten();
        let same = |header: &&Value| header[0].as_str().is_some_and(|other| other.eq_ignore_ascii_case(name));
        check_header(name, value, headers.filter(same).map(|header| header[1].as_str().unwrap_or_default()))?;
    }
    Ok(())
}

/// Compares the answer to a denied request with what it must be.
///
/// # Errors
/// What differs.
pub fn check_response(expected: &Value, status: u16, headers: &[(String, String)], body: &str) -> Result<(), String> {
    if expected["status"] != json!(status) {
        return Err(format!("response: expected {}, found {status}", expected["status"]));
    }
    for (name, value) in expected["headers"].as_object().into_iter().flatten() {
        let same = headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
        check_header(name, value, same)?;
    }
    match expected["body"].as_str() {
        Some(wanted) if wanted != body => Err(format!("body: expected {wanted}, found {body}")),
        _ => Ok(()),
    }
}

fn check_header<'h>(name: &str, expected: &Value, found: impl Iterator<Item = &'h str>) -> Result<(), String> {
    let found: Vec<_> = found.collect();
    let good = match expected.as_str() {
        Some(expected) => found == [expected],
        None => found.is_empty(),
    };
    if good { Ok(()) } else { Err(format!("header {name}: expected {expected}, found {found:?}")) }
}

const MEMBERS: &[&str] = &[
    "name",
    "now",
    "config",
    "provider",
    "header",
    "claims",
    "header_hex",
    "claims_hex",
    "sign",
    "seal",
    "token",
    "request",
    "bare",
    "expect",
    "claim",
    "observed",
    "upstream",
    "response",
    "note",
];

fn mint_vector(file: &Value, vector: &Value) -> Result<Vector, String> {
    let object = vector.as_object().ok_or("expected an object")?;
    if let Some(unknown) = object.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(format!("unknown member `{unknown}`"));
    }
    let header = part(file, vector, "header")?;
    let payload = part(file, vector, "claims")?;
    let key = mint::key(vector["sign"].as_str().unwrap_or("k1"));
    let minted = mint::sign(&key, &header, &payload);
    let mut segments = minted.split('.');
    let mut segment = || segments.next().unwrap_or_default();
    let (header, payload, signature) = (segment(), segment(), segment());
    let sealed = seal(file, vector, &minted)?;
    let token = vector["token"]
        .as_str()
        .unwrap_or(if sealed.is_some() { "{sealed}" } else { "{token}" })
        .replace("{token}", &minted)
        .replace("{header}", header)
        .replace("{payload}", payload)
        .replace("{signature}", signature);
    let token = match &sealed {
        None => token,
        Some(segments) => ["{seal.header}", "{seal.encrypted_key}", "{seal.iv}", "{seal.ciphertext}", "{seal.tag}"]
            .iter()
            .zip(segments)
            .fold(token.replace("{sealed}", &segments.join(".")), |token, (name, segment)| {
                token.replace(name, segment)
            }),
    };
    let mut request = merged(&file["request"], &vector["request"]);
    fill(&mut request["path"], &token);
    for header in request["headers"].as_array_mut().ok_or("expected `headers` in the request")? {
        fill(&mut header[1], &token);
    }
    let expect = vector["expect"].as_str().ok_or("expected `expect`: `allow` or a reason")?;
    let mut config = merged(&file["config"], &vector["config"]);
    if let Some(change) = vector.get("provider") {
        config["providers"][0] = merged(&config["providers"][0], change);
    }
    fill_keys(&mut config);
    Ok(Vector {
        name: vector["name"].as_str().ok_or("expected a name")?.to_owned(),
        config,
        now: vector.get("now").or(file.get("now")).and_then(Value::as_u64).ok_or("expected `now`")?,
        request,
        token: (vector["bare"] != json!(false)).then_some(token),
        reason: (expect != "allow").then(|| expect.to_owned()),
        claim: vector.get("claim").cloned(),
        observed: vector["observed"] == json!(true),
        upstream: vector.get("upstream").cloned(),
        response: vector.get("response").cloned(),
    })
}

/// The segments of the token around this one, if the vector has it encrypted.
fn seal(file: &Value, vector: &Value, token: &str) -> Result<Option<[String; 5]>, String> {
    let seal = match vector.get("seal") {
        Some(Value::Null) => return Ok(None),
        change => change.unwrap_or(&file["seal"]),
    };
    if seal.is_null() {
        return Ok(None);
    }
    let known = ["for", "header", "epk", "algorithm", "apu", "apv", "iv", "content"];
    if let Some(unknown) = seal.as_object().and_then(|seal| seal.keys().find(|name| !known.contains(&name.as_str()))) {
        return Err(format!("unknown member `{unknown}` of `seal`"));
    }
    let hex = |name: &str| seal[name].as_str().map(mint::decode_hex);
    let text = |name: &str, other: &'static str| seal[name].as_str().unwrap_or(other).as_bytes();
    let recipient = seal["for"].as_str().unwrap_or("e1");
    let ephemeral = hex("epk").map_or(Ok(mint::ephemeral()), TryInto::try_into);
    let ephemeral = ephemeral.map_err(|_| "expected 32 bytes in `epk`")?;
    let epk = json!({ "kty": "OKP", "crv": "X25519", "x": mint::encode(&ephemeral) });
    let header = match &seal["header"] {
        Value::String(text) => text.replace("{epk}", &epk.to_string()),
        change => {
            let usual = json!({ "alg": "ECDH-ES", "enc": "A256GCM", "cty": "JWT", "kid": recipient, "epk": epk });
            merged(&usual, change).to_string()
        }
    };
    let iv = hex("iv").unwrap_or_else(|| (1..=12).collect());
    let info = [text("algorithm", "A256GCM"), text("apu", ""), text("apv", "")];
    let made = Seal { key: mint::content_key(recipient, ephemeral, info), header: header.as_bytes(), iv: &iv };
    let content = seal["content"].as_str().unwrap_or("{token}").replace("{token}", token);
    Ok(Some(made.around(content.as_bytes())))
}

fn part(file: &Value, vector: &Value, name: &str) -> Result<Vec<u8>, String> {
    if let Some(hex) = vector[format!("{name}_hex")].as_str() {
        return Ok(mint::decode_hex(hex));
    }
    match &vector[name] {
        Value::String(text) => Ok(text.clone().into_bytes()),
        change @ (Value::Null | Value::Object(_)) => Ok(merged(&file[name], change).to_string().into_bytes()),
        _ => Err(format!("expected an object or a string in `{name}`")),
    }
}

/// An object `{"bundle_by": ROOT, ...}` becomes the trust bundle with its other members, signed by that test key.
/// Strings `"key:NAME"` in a JWK Set become the public JWK of that test key, and so does an object with the member
/// `"key"`, merged with its other members. `decryption` in the place of `key` gives the private JWK of a key that
/// tokens are encrypted for.
fn fill_keys(value: &mut Value) {
    match value {
        Value::Object(object) if object.get("decryption").is_some_and(Value::is_string) => {
            let name = object.remove("decryption");
            let jwk = mint::private_jwk(name.as_ref().and_then(Value::as_str).unwrap_or_default());
            *value = merged(&jwk, &Value::Object(std::mem::take(object)));
        }
        Value::Object(object) if object.get("key").is_some_and(Value::is_string) => {
            let name = object.remove("key");
            let jwk = mint::jwk(name.as_ref().and_then(Value::as_str).unwrap_or_default());
            *value = merged(&jwk, &Value::Object(std::mem::take(object)));
        }
        Value::String(text) => {
            if let Some(name) = text.strip_prefix("key:") {
                *value = mint::jwk(name);
            } else if let Some(name) = text.strip_prefix("decryption:") {
                *value = mint::private_jwk(name);
            }
        }
        Value::Array(array) => array.iter_mut().for_each(fill_keys),
        Value::Object(object) if object.contains_key("bundle_by") => {
            object.values_mut().for_each(fill_keys);
            let root = object.remove("bundle_by");
            let root = root.as_ref().and_then(Value::as_str).unwrap_or_default();
            *value = json!(mint::bundle(root, &Value::Object(std::mem::take(object))));
        }
        Value::Object(object) => object.values_mut().for_each(fill_keys),
        _ => {}
    }
}

fn fill(value: &mut Value, token: &str) {
    if let Value::String(text) = value {
        let encoded: String = token.bytes().map(percent).collect();
        *text = text.replace("{token}", token).replace("{token%}", &encoded);
    }
}

fn percent(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).into()
    } else {
        format!("%{byte:02X}")
    }
}

/// JSON Merge Patch (RFC 7396).
fn merged(base: &Value, change: &Value) -> Value {
    let Value::Object(change) = change else { return if change.is_null() { base.clone() } else { change.clone() } };
    let mut object = base.as_object().cloned().unwrap_or_else(Map::new);
    for (name, value) in change {
        if value.is_null() {
            object.remove(name);
        } else {
            let merged = merged(object.get(name).unwrap_or(&Value::Null), value);
            object.insert(name.clone(), merged);
        }
    }
    Value::Object(object)
}
