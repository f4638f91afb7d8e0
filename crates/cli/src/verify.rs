//! `verify`: a bare token.

use std::{path::PathBuf, process::ExitCode};

use datakit_token::{Reason, report_verify};

use crate::{exit, failure::Failure, read_config, read_token, time, visible::visible};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration, the same document that Envoy and JavaScript read
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Seconds since 1970; the machine's clock if absent
    #[arg(long, value_name = "SECS")]
    now: Option<u64>,
    /// The token; standard input if absent
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// What is wrong, for people: on standard error, so that the verdict stays one line.
pub(crate) fn say(reason: Reason, hint: Option<String>) {
    let hint = hint.map_or_else(String::new, |hint| format!(": {hint}"));
    eprintln!("{}", visible(&format!("{}{hint}", reason.text())));
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let verifier = read_config(&arguments.config)?;
    let now = time(arguments.now)?;
    let token = read_token(arguments.token_file.as_deref())?;
    let outcome = verifier.verify(&token, now);
    println!("{}", visible(&report_verify(&outcome)));
    if let Err(refusal) = &outcome {
        say(refusal.reason(), verifier.hint(&token, refusal.reason()));
    }
    Ok(exit(outcome.is_ok()))
}
