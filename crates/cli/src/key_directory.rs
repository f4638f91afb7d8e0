//! The key directory: private keys, revocation rules and the number of the last bundle, all in one file that is
//! replaced whole, so that a crash at any point leaves either the old state or the new one.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    failure::Failure,
    key::{PrivateKey, create, read_secret},
};

/// The file with everything that is secret or must survive.
const STATE: &str = "keys.json";
/// Keys that a set may have, as every verifier has it.
const MAX_KEYS: usize = 64;

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
}

impl KeyDirectory {
    /// Makes a directory with one key that signs at once.
    pub(crate) fn create(path: &Path, key: &PrivateKey) -> Result<Self, Failure> {
        let lock = lock(path)?;
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
        let lock = lock(path)?;
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

    /// Adds a key that signs from `from` on; those before it end `period` seconds later. Keys that have
    /// ended go.
    pub(crate) fn rotate(&mut self, key: &PrivateKey, now: u64, from: u64, period: u64) -> Result<(), Failure> {
        self.state.keys.retain(|key| key.ends.is_none_or(|ends| now < ends));
        if self.state.keys.len() >= MAX_KEYS {
            return Err(Failure::new("64 keys are in use already: wait until the first of them ends"));
        }
        if self.state.keys.iter().any(|other| other.id() == key.id) {
            return Err(Failure::new("--kid: expected an id that no other key has"));
        }
        for key in self.state.keys.iter_mut().filter(|key| key.ends.is_none()) {
            key.ends = Some(from.saturating_add(period));
        }
        self.state.keys.push(StoredKey::new(key, from)?);
        Ok(())
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
        Ok(Self { jwk, signs_from, ends: None })
    }

    /// The key id.
    pub(crate) fn id(&self) -> &str {
        self.jwk.get("kid").and_then(Value::as_str).unwrap_or_default()
    }

    fn private(&self) -> Result<PrivateKey, String> {
        PrivateKey::from_jwk(&self.jwk)
    }
}

/// Writes a file that others see whole or not at all: a new one, synchronised, takes its name.
pub(crate) fn replace(file: &Path, contents: &[u8], mode: u32) -> Result<(), Failure> {
    let fault = |error: std::io::Error| Failure::at(file, error);
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    // What a crash has left; its mode may be another.
    let _ = fs::remove_file(&new);
    create(&new, contents, mode)?;
    fs::rename(&new, file).map_err(fault)?;
    // The new name has to survive as well.
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    #[cfg(unix)]
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(fault)?;
    Ok(())
}

fn lock(path: &Path) -> Result<File, Failure> {
    let file = path.join("lock");
    let lock = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&file);
    let lock = lock.map_err(|error| Failure::at(&file, error))?;
    lock.lock().map_err(|error| Failure::at(&file, error))?;
    Ok(lock)
}
