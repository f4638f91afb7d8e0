//! `publish`: the key set and the trust bundle, ready for any static web server.

use std::{fs, path::PathBuf, process::ExitCode};

use serde_json::json;

use crate::{
    failure::Failure,
    key::PrivateKey,
    key_directory::{KeyDirectory, replace},
    lifetime, time,
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Key directory
    #[arg(value_name = "DIR")]
    keys: PathBuf,
    /// iss of the tokens, and of the bundle
    #[arg(long)]
    issuer: String,
    /// Directory for jwks.json and bundle.jwt; made if missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The root key; DIR/root.jwk if absent
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// Key ids of further roots that stay in office
    #[arg(long = "next-root", value_name = "ID")]
    next_roots: Vec<String>,
    /// How long the bundle may be used
    #[arg(long, default_value = "1d", value_parser = lifetime)]
    valid_for: u64,
    /// How often verifiers should ask
    #[arg(long, value_parser = lifetime)]
    ttl: Option<u64>,
    /// Seconds since 1970; the machine's clock if absent
    #[arg(long, value_name = "SECS")]
    now: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let now = time(arguments.now)?.as_secs();
    let root = PrivateKey::read(arguments.root.as_ref().unwrap_or(&arguments.keys.join("root.jwk")))?;
    fs::create_dir_all(&arguments.out).map_err(|error| Failure::at(&arguments.out, error))?;
    let mut directory = KeyDirectory::open(&arguments.keys)?;
    // On disk before the bundle is: a number that was ever used is never used for other bytes.
    directory.state.sequence = directory.state.sequence.saturating_add(1);
    directory.save()?;
    let keys = directory.public()?;
    let mut roots = vec![root.id.clone()];
    roots.extend(arguments.next_roots.iter().cloned());
    let mut members = json!({
        "iss": arguments.issuer, "seq": directory.state.sequence, "iat": now, "exp": now.saturating_add(arguments.valid_for),
        "keys": keys, "rules": directory.state.rules, "roots": roots,
    });
    if let (Some(ttl), Some(members)) = (arguments.ttl, members.as_object_mut()) {
        members.insert("ttl".into(), json!(ttl));
    }
    let header = json!({ "alg": "EdDSA", "typ": "keybundle+jwt", "kid": root.id });
    let bundle = root.sign(&header, members.to_string().as_bytes());
    let (set_file, bundle_file) = (arguments.out.join("jwks.json"), arguments.out.join("bundle.jwt"));
    replace(&set_file, format!("{}\n", json!({ "keys": keys })).as_bytes(), 0o644)?;
    replace(&bundle_file, bundle.as_bytes(), 0o644)?;
    let (keys, rules) = (keys.len(), directory.state.rules.len());
    eprintln!("{}: {keys} keys", set_file.display());
    eprintln!("{}: number {}, {keys} keys, {rules} rules", bundle_file.display(), directory.state.sequence);
    Ok(ExitCode::SUCCESS)
}
