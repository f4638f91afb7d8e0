//! The key directory: private keys, revocation rules and the number of the last bundle, all in one file that is
//! replaced whole, so that a crash at any point leaves either the old state or the new one.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use datakit_token::MAX_KEYS;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    failure::Failure,
    files::{check_directory, lock, read_secret, replace},
    key::PrivateKey,
    rule::{rule_id, rule_key_id},
    trial::{self, Refusal},
    visible::visible,
};

/// The file with everything that is secret or must survive.
const STATE: &str = "keys.json";
const LOCK: &str = "lock";
/// The public roots, for configurations.
const ROOTS: &str = "roots.json";

/// An open directory; nobody else changes it while this exists.
pub(crate) struct KeyDirectory {
    path: PathBuf,
    pub(crate) state: State,
    _lock: File,
}

/// What `keys.json` has.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    version: u8,
    /// Of the last bundle.
    pub(crate) sequence: u64,
    pub(crate) keys: Vec<StoredKey>,
    pub(crate) rules: Vec<Value>,
}

/// A key and its time.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredKey {
    /// The private JWK.
    jwk: Value,
    /// It is published at once, and signs from this second on.
    pub(crate) signs_from: u64,
    /// Its tokens are good until here; it has a successor then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ends: Option<u64>,
    /// The latest `exp` that it has signed, as far as this has been noted down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_token: Option<u64>,
}

impl KeyDirectory {
    /// Puts one key that signs at once into a directory.
    pub(crate) fn create(path: &Path, key: &PrivateKey) -> Result<Self, Failure> {
        let lock = lock(&path.join(LOCK))?;
        let file = path.join(STATE);
        if file.exists() {
            return Err(Failure::at(&file, "expected no such file: keys are never overwritten"));
        }
        let keys = vec![StoredKey::new(key, 0)?];
        let directory =
            Self { path: path.into(), state: State { version: 1, sequence: 0, keys, rules: Vec::new() }, _lock: lock };
        directory.save()?;
        Ok(directory)
    }

    /// Opens a directory, and waits for whoever has it open.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let file = path.join(STATE);
        if !file.exists() {
            return Err(Failure::at(&file, "no such file: `datakit-token keygen --out DIR` makes a key directory"));
        }
        check_directory(path)?;
        let lock = lock(&path.join(LOCK))?;
        let text = read_secret(&file)?;
        // The message may quote the file, which is secret.
        let state: State = serde_json::from_slice(&text).map_err(|error| {
            Failure::at(&file, format!("expected what keygen writes: line {}, column {}", error.line(), error.column()))
        })?;
        if state.version != 1 {
            return Err(Failure::at(&file, "/version: expected 1"));
        }
        Ok(Self { path: path.into(), state, _lock: lock })
    }

    /// Puts the state on disk, whole or not at all.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(&self.state).map(Zeroizing::new);
        let text = text.map_err(|_| Failure::new("the state cannot be written"))?;
        replace(&self.path.join(STATE), format!("{}\n", *text).as_bytes(), 0o600)
    }

    /// The key that signs now: the last whose time has come.
    pub(crate) fn signer(&self, now: u64) -> Result<PrivateKey, Failure> {
        let keys = self.state.keys.iter().filter(|key| key.signs_from <= now && key.ends.is_none_or(|ends| now < ends));
        let key = keys.max_by_key(|key| key.signs_from).ok_or_else(|| Failure::new("no key signs at this time"))?;
        key.private().map_err(|what| Failure::at(&self.path.join(STATE), what))
    }

    /// Notes down that a key has signed a token which ends then. A token that would outlive its key is refused: it would die
    /// early, with a reason that nobody expects.
    pub(crate) fn note(&mut self, id: &str, token_ends: Option<u64>, now: u64) -> Result<(), Failure> {
        let (Some(token_ends), Some(key)) = (token_ends, self.state.keys.iter_mut().find(|key| key.id() == id)) else {
            return Ok(());
        };
        if let Some(ends) = key.ends.filter(|ends| token_ends > *ends) {
            let longest = ends.saturating_sub(now);
            let id = visible(key.id());
            return Err(Failure::new(format!(
                "--ttl: expected at most {longest}s: the key {id} ends at {ends}, and its tokens with it; for longer ones wait until \
                 the next key signs (`status` shows when)"
            )));
        }
        key.last_token = key.last_token.max(Some(token_ends));
        Ok(())
    }

    /// Adds a key that signs from `from` on; those before it end `period` seconds later, or with their last tokens if those end
    /// later and `early` does not say otherwise. Keys that have ended go.
    pub(crate) fn rotate(
        &mut self,
        key: &PrivateKey,
        now: u64,
        from: u64,
        period: u64,
        early: bool,
    ) -> Result<(), Failure> {
        self.state.keys.retain(|key| key.ends.is_none_or(|ends| now < ends));
        if self.state.keys.len() >= MAX_KEYS {
            return Err(Failure::new("64 keys are in use already: wait until the first of them ends"));
        }
        if self.state.keys.iter().any(|other| other.id() == key.id) {
            return Err(Failure::new("--kid: expected an id that no other key has"));
        }
        if self.roots().iter().any(|root| id(root) == key.id) {
            return Err(Failure::new("--kid: expected an id that no root has"));
        }
        if self.state.rules.iter().any(|rule| rule_key_id(rule) == Some(&key.id)) {
            return Err(Failure::new("--kid: expected an id that no rule revokes; `status` shows them"));
        }
        for key in self.state.keys.iter_mut().filter(|key| key.ends.is_none()) {
            let ends = from.saturating_add(period);
            key.ends = Some(key.last_token.filter(|_| !early).unwrap_or(0).max(ends));
        }
        self.state.keys.push(StoredKey::new(key, from)?);
        self.check()?.map_or(Ok(()), |refusal| Err(self.refused(&refusal)))
    }

    /// The public roots that `keygen` has written, or whoever changed them since; none without such a file.
    pub(crate) fn roots(&self) -> Vec<Value> {
        let text = fs::read(self.path.join(ROOTS)).unwrap_or_default();
        let set: Value = serde_json::from_slice(&text).unwrap_or_default();
        set.get("keys").and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// Tokens of a key that is not in use pass nowhere: a rule on it would only hide that another id was meant.
    pub(crate) fn check_key_id(&self, kid: &str) -> Result<(), Failure> {
        if self.state.keys.iter().any(|key| key.id() == kid) {
            return Ok(());
        }
        if self.roots().iter().any(|root| id(root) == kid) {
            let help = "after a leak of a root, take it out of `keys.bundle.roots` in every configuration";
            return Err(Failure::new(format!("--kid: expected a key that signs tokens, and not a root; {help}")));
        }
        Err(Failure::new("--kid: expected the id of a key in this directory; `status` shows them"))
    }

    /// Why verifiers would refuse every bundle of these keys and rules, if they would.
    pub(crate) fn check(&self) -> Result<Option<Refusal>, Failure> {
        Ok(trial::check(&PrivateKey::generate(None)?, &self.public()?, &self.state.rules).err())
    }

    /// The same as an error that says what is wrong in the directory.
    pub(crate) fn refused(&self, refusal: &Refusal) -> Failure {
        let problem = &refusal.problem;
        if let Some(rule) = refusal.rule().and_then(|index| self.state.rules.get(index)) {
            let (id, text) = (rule_id(rule), visible(&rule.to_string()));
            let help = format!("`datakit-token unrevoke DIR --id {id}` removes it");
            return Failure::new(format!("no verifier takes the rule {text}: {problem}; {help}"));
        }
        if let Some(key) = refusal.key().and_then(|index| self.state.keys.get(index)) {
            return Failure::new(format!("no verifier takes the key {}: {}: {problem}", key.id(), refusal.pointer));
        }
        let place = if refusal.pointer.is_empty() { "the whole" } else { &refusal.pointer };
        Failure::new(format!("no verifier takes the keys and rules: {place}: {problem}"))
    }

    /// The public JWKs, each with its end.
    pub(crate) fn public(&self) -> Result<Vec<Value>, Failure> {
        let public = |stored: &StoredKey| {
            let mut jwk = stored.private().map(|key| key.public())?;
            if let (Some(ends), Some(members)) = (stored.ends, jwk.as_object_mut()) {
                members.insert("exp".into(), json!(ends));
            }
            Ok(jwk)
        };
        let keys: Result<Vec<_>, String> = self.state.keys.iter().map(public).collect();
        keys.map_err(|what| Failure::at(&self.path.join(STATE), what))
    }
}

impl StoredKey {
    fn new(key: &PrivateKey, signs_from: u64) -> Result<Self, Failure> {
        let jwk = serde_json::from_str(&key.private()).map_err(|_| Failure::new("the key cannot be written"))?;
        Ok(Self { jwk, signs_from, ends: None, last_token: None })
    }

    /// The key id.
    pub(crate) fn id(&self) -> &str {
        id(&self.jwk)
    }

    fn private(&self) -> Result<PrivateKey, String> {
        PrivateKey::from_jwk(&self.jwk)
    }
}

/// The key id of a JWK.
fn id(jwk: &Value) -> &str {
    jwk.get("kid").and_then(Value::as_str).unwrap_or_default()
}
