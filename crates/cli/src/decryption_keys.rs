//! The keys that tokens are encrypted for, in a key directory: the private ones, as configurations have them, in one
//! file that is replaced whole, and the public ones for issuers.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use datakit_token_issuer::{DecryptionRing, IssuerError};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    failure::Failure,
    files::{check_directory, lock, make_private_directory, read_secret, replace},
};

const PRIVATE: &str = "decryption-keys.json";
const PUBLIC: &str = "encryption-jwks.json";
const LOCK: &str = "lock";

/// The keys of an open directory; nobody else changes them while this exists.
pub(crate) struct DecryptionKeys {
    path: PathBuf,
    pub(crate) ring: DecryptionRing,
    _lock: File,
}

impl DecryptionKeys {
    /// Puts one key into a directory.
    pub(crate) fn create(path: &Path, id: Option<&str>, now: u64) -> Result<Self, Failure> {
        make_private_directory(path)?;
        let lock = lock(&path.join(LOCK))?;
        for name in [PRIVATE, PUBLIC] {
            let file = path.join(name);
            if file.exists() {
                return Err(Failure::at(&file, "expected no such file: keys are never overwritten"));
            }
        }
        let ring = DecryptionRing::new(&*seed()?, id).map_err(|error| key_failure(&error))?;
        let keys = Self { path: path.into(), ring, _lock: lock };
        keys.save(now)?;
        Ok(keys)
    }

    /// Opens a directory, and waits for whoever has it open.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let file = path.join(PRIVATE);
        if !file.exists() {
            let problem = "no such file: `datakit-token keygen --encryption --out DIR` makes it";
            return Err(Failure::at(&file, problem));
        }
        check_directory(path)?;
        let lock = lock(&path.join(LOCK))?;
        let ring = DecryptionRing::from_json(&read_secret(&file)?).map_err(|error| Failure::at(&file, error))?;
        Ok(Self { path: path.into(), ring, _lock: lock })
    }

    /// Whether a directory has such keys.
    pub(crate) fn are_in(path: &Path) -> bool {
        path.join(PRIVATE).exists()
    }

    /// Adds a key that tokens are encrypted for from `from` on, and gives its id; those before it end `period` seconds
    /// later.
    pub(crate) fn rotate(&mut self, id: Option<&str>, now: u64, from: u64, period: u64) -> Result<String, Failure> {
        self.ring.rotate(&*seed()?, id, now, from, period).map_err(|error| key_failure(&error))
    }

    /// Puts the keys on disk: the private ones first, so that no issuer encrypts for a key that is not there.
    pub(crate) fn save(&self, now: u64) -> Result<(), Failure> {
        replace(&self.private_file(), self.ring.to_json().as_bytes(), 0o600)?;
        let public = format!("{:#}\n", json!({ "keys": self.ring.public_keys(now) }));
        replace(&self.public_file(), public.as_bytes(), 0o644)
    }

    pub(crate) fn private_file(&self) -> PathBuf {
        self.path.join(PRIVATE)
    }

    pub(crate) fn public_file(&self) -> PathBuf {
        self.path.join(PUBLIC)
    }
}

fn seed() -> Result<Zeroizing<[u8; 32]>, Failure> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).map_err(|error| Failure::new(format!("no randomness: {error}")))?;
    Ok(seed)
}

fn key_failure(error: &IssuerError) -> Failure {
    match error {
        IssuerError::KeyIdInUse | IssuerError::InvalidKeyId => Failure::new(format!("--kid: {error}")),
        error => Failure::new(error.to_string()),
    }
}
