//! The key directory: private keys, revocation rules and the number of the last bundle, all in one file that is
//! replaced whole, so that a crash at any point leaves either the old state or the new one.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use datakit_token_issuer::{IssuerError, KeyRing, PrivateKey, Refusal, check, jwk_id, rule_id};
use serde_json::Value;

use crate::{
    failure::Failure,
    files::{check_directory, lock, read_secret, replace},
    key::generate,
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
    pub(crate) ring: KeyRing,
    _lock: File,
}

impl KeyDirectory {
    /// Puts one key that signs at once into a directory.
    pub(crate) fn create(path: &Path, key: &PrivateKey) -> Result<Self, Failure> {
        let lock = lock(&path.join(LOCK))?;
        let file = path.join(STATE);
        if file.exists() {
            return Err(Failure::at(&file, "expected no such file: keys are never overwritten"));
        }
        let directory = Self { path: path.into(), ring: KeyRing::new(key), _lock: lock };
        directory.save()?;
        Ok(directory)
    }

    /// Whether a directory has keys that sign.
    pub(crate) fn is_in(path: &Path) -> bool {
        path.join(STATE).exists()
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
        let ring = KeyRing::from_json(&text).map_err(|error| Failure::at(&file, error))?;
        Ok(Self { path: path.into(), ring, _lock: lock })
    }

    /// Puts the state on disk, whole or not at all.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        let text = self.ring.to_json().map_err(|_| Failure::new("the state cannot be written"))?;
        replace(&self.path.join(STATE), format!("{}\n", *text).as_bytes(), 0o600)
    }

    /// The key that signs now.
    pub(crate) fn signer(&self, now: u64) -> Result<PrivateKey, Failure> {
        self.ring.signer(now).map_err(|error| self.failure(&error))
    }

    /// Notes down that a key has signed a token which ends then.
    pub(crate) fn note(&mut self, id: &str, token_ends: Option<u64>, now: u64) -> Result<(), Failure> {
        let Some(token_ends) = token_ends else { return Ok(()) };
        self.ring.note(id, token_ends).map_err(|error| match error {
            IssuerError::OutlivesKey { key_id, ends } => {
                let longest = ends.saturating_sub(now);
                let id = visible(&key_id);
                Failure::new(format!(
                    "--ttl: expected at most {longest}s: the key {id} ends at {ends}, and its tokens with it; for longer ones wait \
                     until the next key signs (`status` shows when)"
                ))
            }
            error => self.failure(&error),
        })
    }

    /// Adds a key that signs from `from` on; those before it end `period` seconds later, or with their last tokens if
    /// those end later and `early` does not say otherwise. Keys that have ended go.
    pub(crate) fn rotate(
        &mut self,
        key: &PrivateKey,
        now: u64,
        from: u64,
        period: u64,
        early: bool,
    ) -> Result<(), Failure> {
        if self.roots().iter().any(|root| jwk_id(root) == key.id()) {
            return Err(Failure::new("--kid: expected an id that no root has"));
        }
        let rotated = if early {
            self.ring.rotate_early(key, now, from, period)
        } else {
            self.ring.rotate(key, now, from, period)
        };
        rotated.map_err(|error| match error {
            IssuerError::KeyIdInUse => Failure::new(format!("--kid: {error}")),
            IssuerError::KeyIdRevoked => Failure::new(format!("--kid: {error}; `status` shows them")),
            error => self.failure(&error),
        })?;
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
        if self.ring.keys().iter().any(|key| key.id() == kid) {
            return Ok(());
        }
        if self.roots().iter().any(|root| jwk_id(root) == kid) {
            let help = "after a leak of a root, take it out of `keys.bundle.roots` in every configuration";
            return Err(Failure::new(format!("--kid: expected a key that signs tokens, and not a root; {help}")));
        }
        Err(Failure::new("--kid: expected the id of a key in this directory; `status` shows them"))
    }

    /// Why verifiers would refuse every bundle of these keys and rules, if they would.
    pub(crate) fn check(&self) -> Result<Option<Refusal>, Failure> {
        Ok(check(&generate(None)?, &self.public()?, &self.ring.rules).err())
    }

    /// The same as an error that says what is wrong in the directory.
    pub(crate) fn refused(&self, refusal: &Refusal) -> Failure {
        let problem = &refusal.problem;
        if let Some(rule) = refusal.rule().and_then(|index| self.ring.rules.get(index)) {
            let (id, text) = (rule_id(rule), visible(&rule.to_string()));
            let help = format!("`datakit-token unrevoke DIR --id {id}` removes it");
            return Failure::new(format!("no verifier takes the rule {text}: {problem}; {help}"));
        }
        if let Some(key) = refusal.key().and_then(|index| self.ring.keys().get(index)) {
            return Failure::new(format!("no verifier takes the key {}: {}: {problem}", key.id(), refusal.pointer));
        }
        let place = if refusal.pointer.is_empty() { "the whole" } else { &refusal.pointer };
        Failure::new(format!("no verifier takes the keys and rules: {place}: {problem}"))
    }

    /// The public JWKs, each with its end.
    pub(crate) fn public(&self) -> Result<Vec<Value>, Failure> {
        self.ring.public_keys().map_err(|error| self.failure(&error))
    }

    /// What is wrong with a key that somebody has changed is wrong in the file.
    fn failure(&self, error: &IssuerError) -> Failure {
        match error {
            IssuerError::InvalidJwk(expected) => Failure::at(&self.path.join(STATE), expected),
            error => Failure::new(error.to_string()),
        }
    }
}
