//! `decide`: a whole request.

use std::{fs, path::PathBuf, process::ExitCode};

use datakit_token::{Decision, OwnedRequest, report_decide};

use crate::{exit, failure::Failure, read_config, time, verify::say, visible::visible};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration, the same document that Envoy and JavaScript read
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The request: {"method","path","headers":[[name,value]...]}
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// Seconds since 1970; the machine's clock if absent
    #[arg(long, value_name = "SECS")]
    now: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let verifier = read_config(&arguments.config)?;
    let now = time(arguments.now)?;
    let file = &arguments.request;
    let text = fs::read(file).map_err(|error| Failure::at(file, error))?;
    let request = OwnedRequest::from_json(&text).map_err(|error| Failure::at(file, error))?;
    let request = request.as_request();
    let decision = verifier.decide(&request, now);
    println!("{}", visible(&report_decide(&request, &decision)));
    if let Decision::Deny(denial) | Decision::Observe(denial, _) = &decision {
        say(denial.reason(), verifier.hint_request(&request, denial.reason()));
    }
    Ok(exit(!matches!(decision, Decision::Deny(_))))
}
