//! One line for each long step; the output of a step is shown when it fails.

use std::{io::Write, process::Command, time::Instant};

use anyhow::{Context, Result, bail};

/// A step under way.
pub(crate) struct Step {
    name: &'static str,
    start: Instant,
}

impl Step {
    /// Says what begins.
    pub(crate) fn new(name: &'static str) -> Self {
        eprint!("==> {name} ... ");
        let _ = std::io::stderr().flush();
        Self { name, start: Instant::now() }
    }

    /// Runs the command of the step, quietly while all is well.
    pub(crate) fn run(self, command: &mut Command) -> Result<()> {
        let output =
            command.output().with_context(|| format!("{}: cannot start {:?}", self.name, command.get_program()))?;
        if !output.status.success() {
            eprintln!("failed");
            eprintln!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            bail!("{}: {:?} ended with {}", self.name, command.get_program(), output.status);
        }
        self.done("")
    }

    /// Ends a step that runs no command of its own.
    pub(crate) fn done(self, remark: &str) -> Result<()> {
        let separator = if remark.is_empty() { "" } else { ", " };
        eprintln!("{:.1} s{separator}{remark}", self.start.elapsed().as_secs_f64());
        Ok(())
    }
}

/// Runs a command with its own output.
pub(crate) fn run_loud(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    if !status.success() {
        bail!("{:?} ended with {status}", command.get_program());
    }
    Ok(())
}
