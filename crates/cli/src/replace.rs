//! `replace`: a new token for a credential of a workspace, and an end for its older ones.

use std::process::ExitCode;

use serde_json::json;

use crate::{duration, failure::Failure, issue, key_directory::KeyDirectory, revoke, time, visible::visible};

#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Arguments {
    /// How long the old tokens stay good: now, 10m, 6h, 12h, 24h, or another duration
    #[arg(long, value_parser = grace)]
    grace: u64,
    /// Take back every token of the workspace, whoever has it: people's too, and those without `client_id`
    #[arg(long)]
    whole_workspace: bool,
    #[command(flatten)]
    issue: issue::Arguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Some(workspace) = arguments.issue.workspace() else { return Err(Failure::new("--workspace: required")) };
    let now = time(arguments.issue.now)?.as_secs();
    // The second after this one: a token issued earlier in the same second is an old one.
    let replaced = now.saturating_add(1);
    let mut matched = json!({ "workspace": workspace });
    if let (false, Some(members)) = (arguments.whole_workspace, matched.as_object_mut()) {
        // The credential, and nobody else's tokens of the workspace.
        members.insert("client_id".into(), json!(arguments.issue.client_id()));
    }
    let mut rule = json!({ "match": matched, "issued_before": replaced });
    if let (true, Some(members)) = (arguments.grace > 0, rule.as_object_mut()) {
        members.insert("from".into(), json!(replaced.saturating_add(arguments.grace)));
    }
    // Read before anything is written: a fault in the arguments must not leave a rule behind.
    let receiver = arguments.issue.receiver()?;
    let mut directory = KeyDirectory::open(arguments.issue.key())?;
    let key = directory.signer(now)?;
    let token = arguments.issue.token(&key, replaced)?;
    directory.note(key.id(), token.ends, now)?;
    revoke::add(&mut directory, &rule)?;
    arguments.issue.check(&token.text, &directory, replaced)?;
    let sealed = receiver.seal(&token.text, now)?;
    directory.save()?;
    eprintln!("rule: {}", visible(&rule.to_string()));
    println!("{sealed}");
    eprintln!("now publish: `datakit-token publish`");
    Ok(ExitCode::SUCCESS)
}

fn grace(text: &str) -> Result<u64, String> {
    if text == "now" { Ok(0) } else { duration(text) }
}
