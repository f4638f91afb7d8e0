//! `revoke`: a revocation rule.

use std::{path::PathBuf, process::ExitCode};

use serde_json::Value;

use crate::{failure::Failure, key_directory::KeyDirectory, rule::RuleArguments, visible::visible};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Key directory
    #[arg(value_name = "DIR")]
    keys: PathBuf,
    #[command(flatten)]
    rule: RuleArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let rule = arguments.rule.rule()?;
    let mut directory = KeyDirectory::open(&arguments.keys)?;
    if let Some(kid) = &arguments.rule.kid {
        directory.check_key_id(kid)?;
    }
    add(&mut directory, &rule)?;
    directory.save()?;
    eprintln!("rule: {}", visible(&rule.to_string()));
    eprintln!("now publish: `datakit-token publish`");
    Ok(ExitCode::SUCCESS)
}

/// Adds a rule, once, and none that verifiers refuse: they would refuse all others with it.
pub(crate) fn add(directory: &mut KeyDirectory, rule: &Value) -> Result<(), Failure> {
    if directory.ring.rules.contains(rule) {
        return Ok(());
    }
    let place = directory.ring.rules.len();
    directory.ring.rules.push(rule.clone());
    let Some(refusal) = directory.check()? else { return Ok(()) };
    if refusal.rule() != Some(place) {
        return Err(directory.refused(&refusal));
    }
    // The core speaks of the rule's members.
    let problem = &refusal.problem;
    let options =
        [("`match`", "--claim, --jti, --sub: "), ("`header`", "--kid: "), ("`issued_before`", "--grace, --from: ")];
    let option = options.into_iter().find(|(member, _)| problem.starts_with(member)).map_or("", |(_, option)| option);
    Err(Failure::new(format!("{option}no verifier takes the rule {rule}: {problem}")))
}
