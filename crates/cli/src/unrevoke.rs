//! `unrevoke`: a revocation rule goes.

use std::{path::PathBuf, process::ExitCode};

use datakit_token_issuer::rule_id;

use crate::{failure::Failure, key_directory::KeyDirectory, rule::RuleArguments, visible::visible};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Key directory
    #[arg(value_name = "DIR")]
    keys: PathBuf,
    /// The rule with this id, as `status` shows it; else the rule that `revoke` made of the same arguments
    #[arg(
        long,
        group = "what",
        conflicts_with_all = ["jti", "sub", "kid", "claims", "issued_before", "from"]
    )]
    id: Option<String>,
    #[command(flatten)]
    rule: RuleArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let id = match &arguments.id {
        Some(id) => id.clone(),
        None => rule_id(&arguments.rule.rule()?),
    };
    let mut directory = KeyDirectory::open(&arguments.keys)?;
    let removed: Vec<_> = directory.ring.rules.extract_if(.., |rule| rule_id(rule) == id).collect();
    let Some(rule) = removed.first() else {
        return Err(Failure::new("no such rule: `status` shows those that there are, each with its id for `--id`"));
    };
    directory.save()?;
    eprintln!("removed: {}", visible(&rule.to_string()));
    eprintln!("now publish: `datakit-token publish`");
    Ok(ExitCode::SUCCESS)
}
