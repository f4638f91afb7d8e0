//! `keygen`: a new key pair.

use std::{fs, path::PathBuf, process::ExitCode};

use serde_json::json;

use crate::{
    failure::Failure,
    key::{PrivateKey, create},
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Directory for private.jwk and jwks.json; made if missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Key id; the key's thumbprint (RFC 7638) if absent
    #[arg(long, value_name = "ID")]
    kid: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    if arguments.kid.as_deref().is_some_and(|id| id.is_empty() || id.len() > 256) {
        return Err(Failure::new("--kid: expected 1 to 256 bytes"));
    }
    fs::create_dir_all(&arguments.out).map_err(|error| Failure::at(&arguments.out, error))?;
    let key = PrivateKey::generate(arguments.kid.clone())?;
    let (private, public) = (arguments.out.join("private.jwk"), arguments.out.join("jwks.json"));
    if public.exists() {
        return Err(Failure::at(&public, "expected no such file: a key set is never overwritten"));
    }
    key.write(&private)?;
    create(&public, format!("{}\n", json!({ "keys": [key.public()] })).as_bytes(), 0o644)?;
    eprintln!("{}: keep this secret\n{}: publish this", private.display(), public.display());
    Ok(ExitCode::SUCCESS)
}
