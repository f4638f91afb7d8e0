//! `keygen`: a new key directory.

use std::{path::PathBuf, process::ExitCode};

use serde_json::json;

use crate::{
    decryption_keys::DecryptionKeys,
    failure::Failure,
    files::{create, make_private_directory},
    key::{generate, key_id},
    key_directory::KeyDirectory,
    time,
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Key directory; made if missing, with mode 0700
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A key that tokens are encrypted for, instead of those that sign
    #[arg(long)]
    encryption: bool,
    /// Key id; the key's thumbprint (RFC 7638) if absent
    #[arg(long, value_name = "ID", value_parser = key_id, allow_hyphen_values = true)]
    kid: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let out = &arguments.out;
    if arguments.encryption {
        let keys = DecryptionKeys::create(out, arguments.kid.as_deref(), time(None)?.as_secs())?;
        let (private, public) = (keys.private_file(), keys.public_file());
        eprintln!("{}: opens tokens, as `encryption.keys` of verifiers; keep this secret", private.display());
        eprintln!("{}: for issuers, as `--seal-for`", public.display());
        return Ok(ExitCode::SUCCESS);
    }
    make_private_directory(out)?;
    let (root_file, roots, set) = (out.join("root.jwk"), out.join("roots.json"), out.join("jwks.json"));
    for file in [&root_file, &roots, &set] {
        if file.exists() {
            return Err(Failure::at(file, "expected no such file: keys are never overwritten"));
        }
    }
    let root = generate(None)?;
    let key = generate(arguments.kid.as_deref())?;
    let directory = KeyDirectory::create(out, &key)?;
    create(&root_file, root.to_json().as_bytes(), 0o600)?;
    create(&roots, format!("{}\n", json!({ "keys": [root.public()] })).as_bytes(), 0o644)?;
    create(&set, format!("{}\n", json!({ "keys": directory.public()? })).as_bytes(), 0o644)?;
    let file = |name: &str| out.join(name).display().to_string();
    eprintln!("{}: signs tokens; keep this secret", file("keys.json"));
    eprintln!("{}: signs trust bundles; keep this secret, and elsewhere if you can", file("root.jwk"));
    eprintln!("{}, {}: for the configuration of verifiers", file("jwks.json"), file("roots.json"));
    Ok(ExitCode::SUCCESS)
}
