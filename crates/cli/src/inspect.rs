//! `inspect`: what a token says, unverified.

use std::{path::PathBuf, process::ExitCode};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

use crate::{failure::Failure, read_token, visible::visible};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The token; standard input if absent
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let token = read_token(arguments.token_file.as_deref())?;
    let malformed = || Failure::new("the token: expected three segments of base64url, the first two of them JSON");
    let text = str::from_utf8(&token).map_err(|_| malformed())?;
    let mut segments = text.split('.');
    let mut segment =
        || -> Option<Value> { serde_json::from_slice(&Base64UrlUnpadded::decode_vec(segments.next()?).ok()?).ok() };
    let header = segment().ok_or_else(malformed)?;
    if text.split('.').count() == 5 {
        eprintln!(
            "ENCRYPTED: its claims are for the receiver alone, who has the key; anybody may have written the header."
        );
        println!("{}", visible(&json!({ "verified": false, "encrypted": true, "header": header }).to_string()));
        return Ok(ExitCode::SUCCESS);
    }
    let claims = segment().ok_or_else(malformed)?;
    eprintln!("NOT VERIFIED: anybody may have written this token. Use `datakit-token verify` before you believe it.");
    let shown = json!({ "verified": false, "header": header, "claims": claims });
    println!("{}", visible(&shown.to_string()));
    Ok(ExitCode::SUCCESS)
}
