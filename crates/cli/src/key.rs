//! Keys from the system's randomness, and on disk.

use std::path::Path;

use datakit_token_issuer::{PrivateKey, check_key_id};
use zeroize::Zeroizing;

use crate::{failure::Failure, files::read_secret};

/// Makes a key from the system's randomness; without an id it gets its thumbprint (RFC 7638).
pub(crate) fn generate(id: Option<&str>) -> Result<PrivateKey, Failure> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).map_err(|error| Failure::new(format!("no randomness: {error}")))?;
    PrivateKey::from_seed(&seed, id).map_err(|error| Failure::new(format!("--kid: {error}")))
}

/// Reads a private JWK that is its user's own.
pub(crate) fn read(file: &Path) -> Result<PrivateKey, Failure> {
    PrivateKey::from_json(&read_secret(file)?).map_err(|error| Failure::at(file, error))
}

/// An argument: an id that every verifier takes.
pub(crate) fn key_id(text: &str) -> Result<String, String> {
    check_key_id(text).map(String::from).map_err(|error| error.to_string())
}
