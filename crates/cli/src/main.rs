//! The command `datakit-token`: make and rotate keys, issue, replace and revoke, publish, inspect, verify and decide.
//!
//! Exit status: 0 done or allowed, 1 denied, 2 usage, file or configuration error.

mod decide;
mod decryption_keys;
mod failure;
mod files;
mod inspect;
mod issue;
mod key;
mod key_directory;
mod keygen;
mod publish;
mod replace;
mod revoke;
mod rotate;
mod rule;
mod status;
mod unrevoke;
mod verify;
mod visible;

use std::{
    fs,
    io::{self, Read},
    path::Path,
    process::ExitCode,
    time::SystemTime,
};

use clap::{Parser, Subcommand};
use datakit_token::{MAX_TIME, UnixTime, Verifier, VerifierBuilder, parse_duration};
use datakit_token_sealed::Unsealer;

use crate::{failure::Failure, visible::visible};

#[derive(Parser)]
#[command(name = "datakit-token", version, about = "Signed access tokens: keys, tokens, revocation, verdicts")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a key directory: keys.json and root.jwk (mode 0600), jwks.json and roots.json; with --encryption instead
    /// decryption-keys.json (mode 0600) and encryption-jwks.json
    Keygen(keygen::Arguments),
    /// Add the next key; the old one gets its end
    Rotate(rotate::Arguments),
    /// Add a revocation rule
    Revoke(revoke::Arguments),
    /// Remove a revocation rule: the tokens that it refused may pass again
    Unrevoke(unrevoke::Arguments),
    /// Print a new token for a workspace; older ones end after a grace period
    Replace(Box<replace::Arguments>),
    /// Write jwks.json and bundle.jwt for a web server
    Publish(publish::Arguments),
    /// Show what is valid until when
    Status(status::Arguments),
    /// Print a signed token
    Issue(Box<issue::Arguments>),
    /// Show what a token says, WITHOUT VERIFYING IT
    Inspect(inspect::Arguments),
    /// Verify a bare token; rules do not apply
    Verify(verify::Arguments),
    /// Decide about a whole request
    Decide(decide::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Keygen(arguments) => keygen::run(&arguments),
        Command::Rotate(arguments) => rotate::run(&arguments),
        Command::Revoke(arguments) => revoke::run(&arguments),
        Command::Unrevoke(arguments) => unrevoke::run(&arguments),
        Command::Replace(arguments) => replace::run(&arguments),
        Command::Publish(arguments) => publish::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Issue(arguments) => issue::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Decide(arguments) => decide::run(&arguments),
    };
    result.unwrap_or_else(|failure| {
        eprintln!("error: {}", visible(&failure.to_string()));
        ExitCode::from(2)
    })
}

/// The configuration in a file; what is hardly meant goes to standard error.
fn read_config(file: &Path) -> Result<Verifier, Failure> {
    let config = fs::read(file).map_err(|error| Failure::at(file, error))?;
    let variable = |name: &str| std::env::var(name).ok();
    let builder = VerifierBuilder::from_json(&config).map_err(|error| Failure::at(file, error))?;
    let builder = builder.with_unsealer(Unsealer::new());
    let verifier = builder.build_with(&variable).map_err(|error| Failure::at(file, error))?;
    for warning in verifier.warnings() {
        eprintln!("warning: {}: {warning}", file.display());
    }
    Ok(verifier)
}

/// The token in a file or on standard input, without the newline that ends its line.
fn read_token(file: Option<&Path>) -> Result<Vec<u8>, Failure> {
    let mut token = Vec::new();
    match file {
        Some(file) => token = fs::read(file).map_err(|error| Failure::at(file, error))?,
        None => {
            io::stdin().read_to_end(&mut token).map_err(|error| Failure::new(format!("standard input: {error}")))?;
        }
    }
    if token.last() == Some(&b'\n') {
        token.pop();
    }
    if token.is_empty() {
        return Err(Failure::new("expected a token, found nothing"));
    }
    Ok(token)
}

/// The time given, or that of the machine.
fn time(now: Option<u64>) -> Result<UnixTime, Failure> {
    let clock = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    UnixTime::from_secs(now.unwrap_or_else(clock))
        .ok_or_else(|| Failure::new(format!("the time: expected seconds since 1970, from 1 to {MAX_TIME}")))
}

/// A report's exit status.
fn exit(allowed: bool) -> ExitCode {
    if allowed { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// A point in time that verifiers read.
fn seconds(text: &str) -> Result<u64, String> {
    let seconds = text.parse().ok().filter(|seconds| *seconds <= MAX_TIME);
    seconds.ok_or_else(|| format!("expected whole seconds since 1970, at most {MAX_TIME}"))
}

/// A duration: `30s`, `10m`, `6h`, `1d`.
fn duration(text: &str) -> Result<u64, String> {
    parse_duration(text).ok_or_else(|| "expected a duration such as `30s`, `10m`, `6h` or `1d`".into())
}

/// A duration of at least a second.
fn lifetime(text: &str) -> Result<u64, String> {
    duration(text).and_then(|time| if time > 0 { Ok(time) } else { Err("expected more than nothing".into()) })
}
