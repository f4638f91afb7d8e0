//! `issue`: a signed token (RFC 7515, RFC 9068).

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use base64ct::{Base64UrlUnpadded, Encoding};
use clap::ValueEnum;
use datakit_token_issuer::{Bundle, PrivateKey, Refusal, TokenClaims, Trial};
use datakit_token_sealed::EncryptionKeys;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::{failure::Failure, key, key_directory::KeyDirectory, lifetime, time};

/// The credential of whoever names none.
const CLIENT: &str = "datakit-token";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Key directory, or a file with a private JWK
    #[arg(long, value_name = "DIR|FILE")]
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
    /// client_id (RFC 9068 section 2.2): the credential, as one machine or one application has it; `replace` takes back
    /// its tokens
    #[arg(long, default_value = CLIENT, conflicts_with = "claims", value_parser = name)]
    client_id: String,
    /// sub; the client id if absent
    #[arg(long, conflicts_with = "claims", value_parser = name)]
    subject: Option<String>,
    /// Life of the token: 30s, 10m, 1h, 7d
    #[arg(long, default_value = "1h", value_parser = lifetime)]
    ttl: u64,
    /// nbf, in seconds since 1970
    #[arg(long, conflicts_with = "claims")]
    not_before: Option<u64>,
    /// jti; random if absent
    #[arg(long, conflicts_with = "claims")]
    jti: Option<String>,
    /// workspace
    #[arg(long, conflicts_with = "claims", value_parser = name)]
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
    pub(crate) now: Option<u64>,
    /// Encrypt the token for a receiver: its public keys, a JWK Set, as `keygen --encryption` makes it
    #[arg(long, value_name = "JWKS")]
    seal_for: Option<PathBuf>,
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
    let now = time(arguments.now)?.as_secs();
    let receiver = arguments.receiver()?;
    if !arguments.key.is_dir() {
        let token = arguments.token(&key::read(&arguments.key)?, now)?;
        println!("{}", receiver.seal(&token.text, now)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut directory = KeyDirectory::open(&arguments.key)?;
    let key = directory.signer(now)?;
    let token = arguments.token(&key, now)?;
    let sealed = receiver.seal(&token.text, now)?;
    // Before anybody has it: what is not noted down would not keep the key.
    directory.note(key.id(), token.ends, now)?;
    directory.save()?;
    println!("{sealed}");
    Ok(ExitCode::SUCCESS)
}

/// A token that has just been made.
pub(crate) struct Token {
    pub(crate) text: String,
    /// `exp`, rounded up; of a token without one, which nobody takes, nothing.
    pub(crate) ends: Option<u64>,
}

fn name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(char::is_control) {
        return Err("expected at least one character, and no control characters".into());
    }
    Ok(text.into())
}

/// Whom the token is encrypted for, if for anybody.
pub(crate) struct Receiver(Option<(PathBuf, EncryptionKeys)>);

impl Receiver {
    /// The token as it goes out.
    pub(crate) fn seal(&self, token: &str, now: u64) -> Result<String, Failure> {
        let Some((file, keys)) = &self.0 else { return Ok(token.into()) };
        let key = keys.current(now).ok_or_else(|| Failure::at(file, "no key is for this time (`nbf`, `exp`)"))?;
        let mut random = Zeroizing::new([0; 44]);
        getrandom::fill(random.as_mut()).map_err(|error| Failure::new(format!("no randomness: {error}")))?;
        Ok(key.seal(token, &random))
    }
}

impl Arguments {
    /// Reads the keys of the receiver.
    pub(crate) fn receiver(&self) -> Result<Receiver, Failure> {
        let Some(file) = &self.seal_for else { return Ok(Receiver(None)) };
        let text = fs::read(file).map_err(|error| Failure::at(file, error))?;
        let keys = EncryptionKeys::from_json(&text).map_err(|error| Failure::at(file, error))?;
        Ok(Receiver(Some((file.clone(), keys))))
    }

    /// The key directory or file.
    pub(crate) fn key(&self) -> &Path {
        &self.key
    }

    /// The workspace that the token is for.
    pub(crate) fn workspace(&self) -> Option<&str> {
        self.workspace.as_deref()
    }

    /// The credential that the token belongs to.
    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The token, issued at `now`.
    pub(crate) fn token(&self, key: &PrivateKey, now: u64) -> Result<Token, Failure> {
        let payload = match &self.claims {
            Some(file) => {
                let text = fs::read(file).map_err(|error| Failure::at(file, error))?;
                serde_json::from_slice::<Map<String, Value>>(&text)
                    .map_err(|error| Failure::at(file, format!("expected a JSON object: {error}")))?;
                text
            }
            None => claims(self, now)?.into_bytes(),
        };
        let alg = match self.alg {
            Algorithm::EdDsa => "EdDSA",
            Algorithm::Ed25519 => "Ed25519",
        };
        let text = key.sign(&json!({ "alg": alg, "typ": self.typ, "kid": key.id() }), &payload);
        let claims: Value = serde_json::from_slice(&payload).unwrap_or_default();
        let ends = claims.get("exp").and_then(|exp| exp.as_u64().or_else(|| whole_second(exp.as_f64()?)));
        Ok(Token { text, ends })
    }
}

impl Arguments {
    /// Reads a token as verifiers will that have the keys and rules of this directory.
    pub(crate) fn check(&self, token: &str, directory: &KeyDirectory, now: u64) -> Result<(), Failure> {
        let now = time(Some(self.not_before.map_or(now, |start| start.max(now))))?;
        let root = key::generate(None)?;
        let issuer = self.issuer.as_deref().unwrap_or_default();
        let bundle = Bundle {
            issuer,
            sequence: 1,
            issued_at: now.as_secs(),
            expires_at: now.as_secs().saturating_add(1),
            ttl: None,
            keys: &directory.public()?,
            rules: &directory.ring.rules,
            next_roots: &[],
        };
        let refused = |refusal: Refusal| {
            let argument = match refusal.pointer.strip_prefix("/providers/0/") {
                Some("issuer") => "--issuer",
                Some("types") => "--typ",
                Some("audiences") => "--audience",
                _ => return directory.refused(&refusal),
            };
            Failure::new(format!("{argument}: {}", refusal.problem))
        };
        let mut trial = Trial::new(issuer, &self.audience, &self.typ, &[root.public()]).map_err(refused)?;
        trial.take(&bundle.sign(&root), now).map_err(refused)?;
        trial.verify(token, now).map_err(|reason| {
            let (text, code) = (reason.text(), reason.code());
            Failure::new(format!("every verifier would refuse the new token: {text} ({code}); nothing is changed"))
        })
    }
}

/// The second in which a fraction of one ends.
fn whole_second(time: f64) -> Option<u64> {
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
    (0.0..1e15).contains(&time).then(|| time.ceil() as u64)
}

fn claims(arguments: &Arguments, now: u64) -> Result<String, Failure> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Failure::new(format!("no randomness: {error}")))?;
    let jti = arguments.jti.clone().unwrap_or_else(|| Base64UrlUnpadded::encode_string(&random));
    let issuer = arguments.issuer.as_deref().unwrap_or_default();
    let claims = TokenClaims::new(issuer, &arguments.audience, &arguments.client_id, now, arguments.ttl)
        .with_subject(arguments.subject.as_ref())
        .with_not_before(arguments.not_before)
        .with_workspace(arguments.workspace.as_ref())
        .with_roles(&arguments.roles)
        .with_permissions(&arguments.permissions)
        .with_scope(arguments.scope.as_ref());
    Ok(claims.to_json(&jti))
}
