//! `replace`: a new token for a workspace, and an end for all older ones.

use std::process::ExitCode;

use serde_json::json;

use crate::{duration, failure::Failure, issue, key_directory::KeyDirectory, revoke, time, visible::visible};

#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Arguments {
    /// How long the old tokens stay good: now, 10m, 6h, 12h, 24h, or another duration
    #[arg(long, value_parser = grace)]
    grace: u64,
    #[command(flatten)]
    issue: issue::Arguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Some(workspace) = arguments.issue.workspace() else { return Err(Failure::new("--workspace: required")) };
    let now = time(arguments.issue.now)?.as_secs();
    // The second after this one: a token issued earlier in the same second is an old one.
    let replaced = now.saturating_add(1);
    let mut rule = json!({ "match": { "workspace": workspace }, "issued_before": replaced });
    if let (true, Some(members)) = (arguments.grace > 0, rule.as_object_mut()) {
        members.insert("from".into(), json!(replaced.saturating_add(arguments.grace)));
    }
    // Read before anything is written: a fault in the arguments must not leave a rule behind.
    let mut directory = KeyDirectory::open(arguments.issue.key())?;
    let token = arguments.issue.token(&directory.signer(now)?, replaced)?;
    revoke::add(&mut directory, &rule)?;
    arguments.issue.check(&token, &directory, replaced)?;
    directory.save()?;
    eprintln!("rule: {}", visible(&rule.to_string()));
    println!("{token}");
    eprintln!("now publish: `datakit-token publish`");
    Ok(ExitCode::SUCCESS)
}

fn grace(text: &str) -> Result<u64, String> {
    if text == "now" { Ok(0) } else { duration(text) }
}
