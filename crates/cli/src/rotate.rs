//! `rotate`: the next key.

use std::{path::PathBuf, process::ExitCode};

use crate::{
    decryption_keys::DecryptionKeys,
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
    /// The key that tokens are encrypted for, instead of the one that signs
    #[arg(long, conflicts_with = "end_tokens_early")]
    encryption: bool,
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
    if arguments.encryption {
        return rotate_encryption(arguments, now);
    }
    if !KeyDirectory::is_in(&arguments.keys) && DecryptionKeys::are_in(&arguments.keys) {
        return Err(Failure::new("DIR has keys that tokens are encrypted for, and none that signs: use --encryption"));
    }
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

fn rotate_encryption(arguments: &Arguments, now: u64) -> Result<ExitCode, Failure> {
    let mut keys = DecryptionKeys::open(&arguments.keys)?;
    let from = now.saturating_add(arguments.lead);
    let id = keys.rotate(arguments.kid.as_deref(), now, from, arguments.security_period)?;
    keys.save(now)?;
    eprintln!("key {}: opens at once; issuers encrypt for it from {from} on", visible(&id));
    for (id, _, ends) in keys.ring.keys() {
        let Some(ends) = ends else { continue };
        eprintln!("key {}: opens until {ends}", visible(id));
    }
    let (private, public) = (keys.private_file(), keys.public_file());
    eprintln!("now give verifiers {}, and after that issuers {}", private.display(), public.display());
    Ok(ExitCode::SUCCESS)
}
