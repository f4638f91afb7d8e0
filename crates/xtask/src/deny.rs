//! Licences, sources and advisories of all that comes into the products.

use std::process::Command;

use anyhow::{Result, bail};

use crate::{
    package::Workspace,
    step::{self, Step},
};

const VERSION: &str = "0.20.2";

/// Runs `cargo deny check`; builds it first if it is not below `target/`.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let tools = workspace.root().join("target/tools");
    let program = tools.join("bin/cargo-deny");
    if !program.exists() {
        let mut install = workspace.cargo();
        install.args(["install", "--quiet", "--locked", "--version", VERSION, "cargo-deny", "--root"]).arg(&tools);
        Step::new("install cargo-deny (minutes)").run(&mut install)?;
    }
    let deny = || {
        let mut command = Command::new(&program);
        command.current_dir(workspace.root());
        command
    };
    step::run_loud(deny().args(["--log-level", "error", "check", "licenses", "bans", "sources"]))?;
    let output = deny().args(["check", "advisories"]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        println!("advisories ok");
    } else if said.contains("failed to fetch advisory database") {
        println!("SKIPPED: advisories: the RustSec database cannot be reached from here (1 skipped)");
    } else {
        bail!("cargo deny check advisories:\n{said}");
    }
    Ok(())
}
