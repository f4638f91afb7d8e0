//! Licences, sources and advisories of all that comes into the products and the programs beside them.

use std::{path::Path, process::Command};

use anyhow::{Result, bail};

use crate::{
    step::{self, Step},
    tally::Tally,
    workspace::Workspace,
    yanked,
};

const VERSION: &str = "0.20.2";

/// The lock files of the repository, by the manifests beside them.
const MANIFESTS: &[&str] = &["Cargo.toml", "tests/consumer/Cargo.toml", "tests/fuzz/Cargo.toml"];

/// Runs `cargo deny check`; builds it first if it is not below `target/`.
pub(crate) fn check(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let tools = workspace.root().join("target/tools");
    let program = tools.join("bin/cargo-deny");
    if !program.exists() {
        let mut install = workspace.cargo("install");
        install.args(["--quiet", "--version", VERSION, "cargo-deny", "--root"]).arg(&tools);
        Step::new("install cargo-deny (minutes)").run(&mut install)?;
    }
    for manifest in MANIFESTS {
        println!("{manifest}");
        let parts = ["--log-level", "error", "check", "licenses", "bans", "sources"];
        step::run_loud(deny(workspace, &program, manifest).args(parts))?;
        tally.pass();
    }
    for manifest in MANIFESTS {
        // Yanked versions as well.
        let output = deny(workspace, &program, manifest).args(["check", "advisories"]).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            println!("{manifest}: advisories ok");
            tally.pass();
        } else if said.contains("failed to fetch advisory database") {
            tally.skip("advisories", "the RustSec database cannot be reached from here")?;
            // Only the advisories are left out: the registry knows what has been yanked.
            yanked::check(workspace, &manifest.replace(".toml", ".lock"))?;
            tally.pass();
        } else {
            bail!("cargo deny check advisories, {manifest}:\n{said}");
        }
    }
    Ok(())
}

fn deny(workspace: &Workspace, program: &Path, manifest: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace.root()).args(["--locked", "--config", "deny.toml", "--manifest-path", manifest]);
    command
}
