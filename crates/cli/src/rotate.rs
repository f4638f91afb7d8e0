//! `rotate`: the next key.

use std::{path::PathBuf, process::ExitCode};

use crate::{
    duration,
    failure::Failure,
    key::{generate, key_id},
    key_directory::KeyDirectory,
    time,
    visible::visible,
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Key directory
    #[arg(value_name = "DIR")]
    keys: PathBuf,
    /// How long the new key is published before it signs: longer than the refresh of every verifier
    #[arg(long, default_value = "10m", value_parser = duration)]
    lead: u64,
    /// How long tokens of the old key stay good after the new one has taken over
    #[arg(long, default_value = "1d", value_parser = duration)]
    security_period: u64,
    /// End the old key after the security period even if tokens that it has signed live longer
    #[arg(long)]
    end_tokens_early: bool,
    /// Key id; the key's thumbprint (RFC 7638) if absent
    #[arg(long, value_name = "ID", value_parser = key_id, allow_hyphen_values = true)]
    kid: Option<String>,
    /// Seconds since 1970; the machine's clock if absent
    #[arg(long, value_name = "SECS")]
    now: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let now = time(arguments.now)?.as_secs();
    let key = generate(arguments.kid.as_deref())?;
    let mut directory = KeyDirectory::open(&arguments.keys)?;
    let from = now.saturating_add(arguments.lead);
    directory.rotate(&key, now, from, arguments.security_period, arguments.end_tokens_early)?;
    directory.save()?;
    eprintln!("key {}: signs from {from} on", visible(key.id()));
    let planned = from.saturating_add(arguments.security_period);
    for old in directory.ring.keys() {
        let Some(ends) = old.ends() else { continue };
        let why = match old.last_token() {
            Some(last) if ends > planned && last == ends => ", with its last token",
            Some(last) if last > ends => ", before its last token",
            _ => "",
        };
        eprintln!("key {}: good until {ends}{why}", visible(old.id()));
    }
    eprintln!("now publish: `datakit-token publish`");
    Ok(ExitCode::SUCCESS)
}
