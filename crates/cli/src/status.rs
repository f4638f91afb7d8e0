//! `status`: what is valid until when.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use datakit_token_issuer::rule_id;
use serde_json::{Value, json};

use crate::{decryption_keys::DecryptionKeys, failure::Failure, key_directory::KeyDirectory, time, visible::visible};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Key directory
    #[arg(value_name = "DIR")]
    keys: PathBuf,
    /// Seconds since 1970; the machine's clock if absent
    #[arg(long, value_name = "SECS")]
    now: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let now = time(arguments.now)?.as_secs();
    if DecryptionKeys::are_in(&arguments.keys) {
        show_decryption_keys(&arguments.keys, now)?;
        if !KeyDirectory::is_in(&arguments.keys) {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let directory = KeyDirectory::open(&arguments.keys)?;
    let signer = directory.signer(now).ok().map(|key| key.id().to_owned());
    for key in directory.ring.keys() {
        let state = match key.ends() {
            Some(ends) if now >= ends => "ended",
            _ if key.signs_from() > now => "waits",
            _ if signer.as_deref() == Some(key.id()) => "signs",
            _ => "verifies",
        };
        let line = json!({ "key": key.id(), "state": state, "signs_from": key.signs_from(), "ends": key.ends(), "last_token": key.last_token() });
        println!("{}", visible(&line.to_string()));
    }
    for rule in &directory.ring.rules {
        let from = rule.get("from").and_then(Value::as_u64).unwrap_or(0);
        let state = if now >= from { "in force" } else { "waits" };
        let line = json!({ "rule": rule, "id": rule_id(rule), "state": state });
        println!("{}", visible(&line.to_string()));
    }
    println!("{}", json!({ "bundle": directory.ring.sequence }));
    Ok(ExitCode::SUCCESS)
}

fn show_decryption_keys(directory: &Path, now: u64) -> Result<(), Failure> {
    let keys = DecryptionKeys::open(directory)?;
    for (id, encrypts_from, ends) in keys.ring.keys() {
        let state = match ends {
            Some(ends) if now >= ends => "ended",
            _ if encrypts_from > now => "waits",
            _ => "opens",
        };
        let line = json!({ "decryption_key": id, "state": state, "encrypts_from": encrypts_from, "ends": ends });
        println!("{}", visible(&line.to_string()));
    }
    Ok(())
}
