//! What is about to be written, read as verifiers read it: with the core, before anything is replaced.

use alloc::string::{String, ToString};

use datakit_token::{Answer, ConfigError, FetchTime, Reason, UnixTime, Verifier};
use serde_json::{Value, json};

use crate::{bundle::Bundle, private_key::PrivateKey};

/// The longest bundle that a verifier can be told to take.
const MAX_BYTES: usize = 16 << 20;
/// The longest that it takes if it is told nothing: `max_bytes` of `keys.bundle.remote`.
pub const DEFAULT_BYTES: usize = 1 << 20;
/// The longest configuration, which an inline bundle is a part of.
const MAX_CONFIGURATION: usize = 1 << 20;

/// A verifier that gets its bundle from us.
#[derive(Debug)]
pub struct Trial {
    verifier: Verifier,
    config: Value,
}

/// Why verifiers refuse a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Where, as a JSON pointer into the bundle; empty for the whole.
    pub pointer: String,
    /// What was expected there.
    pub problem: String,
}

impl Trial {
    /// A verifier with these public roots.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub fn new(issuer: &str, audiences: &[String], typ: &str, roots: &[Value]) -> Result<Self, Refusal> {
        // What is refused later than anywhere else: by the age of its document, and by its length.
        let remote = json!({ "url": "https://localhost/bundle.jwt", "stale_for": "7d", "max_bytes": MAX_BYTES });
        let bundle = json!({ "roots": { "keys": roots }, "remote": remote });
        let config = json!({ "version": 1, "providers": [{ "name": "trial", "issuer": issuer, "audiences": audiences,
            "types": [typ], "keys": { "bundle": bundle } }], "limits": { "token_bytes": MAX_CONFIGURATION } });
        let verifier =
            Verifier::from_json(config.to_string().as_bytes()).map_err(|error| Refusal::in_config(&error))?;
        Ok(Self { verifier, config })
    }

    /// Fetches a bundle.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub fn take(&mut self, bundle: &str, now: UnixTime) -> Result<(), Refusal> {
        let answer = Answer::new(200, bundle.as_bytes());
        let Some(source) = self.verifier.remote_sources_mut().next() else { return Ok(()) };
        source.begin(0);
        let taken = source.finish(Ok(&answer), FetchTime::new(now, 0, 0));
        taken.map(|_| ()).map_err(|error| Refusal::read(&error.to_string()))
    }

    /// Reads a bundle that stands in the configuration, unless no configuration could hold it.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub fn take_inline(&self, bundle: &str) -> Result<(), Refusal> {
        let mut config = self.config.clone();
        if let Some(Value::Object(source)) = config.pointer_mut("/providers/0/keys/bundle") {
            source.remove("remote");
            source.insert("inline".into(), json!(bundle));
        }
        let config = config.to_string();
        if config.len() > MAX_CONFIGURATION {
            return Ok(());
        }
        Verifier::from_json(config.as_bytes()).map(|_| ()).map_err(|error| Refusal::in_config(&error))
    }

    /// The number of the bundle that was taken last.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        self.verifier.remote_sources().next().and_then(|source| source.sequence())
    }

    /// Judges a token.
    ///
    /// # Errors
    /// The [`Reason`].
    pub fn verify(&self, token: &str, now: UnixTime) -> Result<(), Reason> {
        self.verifier.verify(token.as_bytes(), now).map(|_| ()).map_err(|refusal| refusal.reason())
    }
}

impl Refusal {
    fn in_config(error: &ConfigError) -> Self {
        if error.pointer().ends_with("/inline") {
            return Self::read(error.problem());
        }
        Self { pointer: error.pointer().into(), problem: error.problem().into() }
    }

    /// `malformed: /exp: expected a time after ...`
    fn read(error: &str) -> Self {
        let detail = error.split_once(": ").map_or(error, |(_, detail)| detail);
        match detail.split_once(": ") {
            Some((pointer, problem)) if pointer.starts_with('/') => {
                Self { pointer: pointer.into(), problem: problem.into() }
            }
            _ => Self { pointer: String::new(), problem: detail.into() },
        }
    }

    /// The place of the rule that is refused.
    #[must_use]
    pub fn rule(&self) -> Option<usize> {
        self.element("rules")
    }

    /// The place of the key that is refused.
    #[must_use]
    pub fn key(&self) -> Option<usize> {
        self.element("keys")
    }

    fn element(&self, array: &str) -> Option<usize> {
        let mut names = self.pointer.split('/').skip(1);
        (names.next() == Some(array)).then_some(())?;
        names.next()?.parse().ok()
    }
}

/// Reads keys and rules as part of a bundle of any root, for whoever does not publish yet.
///
/// # Errors
/// The [`Refusal`].
pub fn check(root: &PrivateKey, keys: &[Value], rules: &[Value]) -> Result<(), Refusal> {
    // What depends on time is for whoever publishes.
    let first = UnixTime::from_secs(1);
    let now = first.ok_or_else(|| Refusal { pointer: String::new(), problem: "no time".into() })?;
    let bundle = Bundle {
        issuer: "trial",
        sequence: 1,
        issued_at: now.as_secs(),
        expires_at: now.as_secs().saturating_add(1),
        ttl: None,
        keys,
        rules,
        next_roots: &[],
    };
    Trial::new("trial", &["trial".into()], "at+jwt", &[root.public()])?.take(&bundle.sign(root), now)
}
