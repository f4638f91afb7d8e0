//! Node, expected on the machine, and the packages of `js/`.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::{step::Step, workspace::Workspace};

const OLDEST: u32 = 20;

/// Node itself.
pub(crate) fn command() -> Command {
    Command::new("node")
}

/// Checks Node and installs what the lock file names.
pub(crate) fn ensure(workspace: &Workspace) -> Result<()> {
    let output =
        command().arg("--version").output().context("Node 20 or newer is needed, but `node` cannot be started")?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < OLDEST) {
        bail!("Node {OLDEST} or newer is needed, found {version}");
    }
    let js = workspace.root().join("js");
    let lock = fs::read(js.join("package-lock.json")).context("js/package-lock.json")?;
    let stamp = js.join("node_modules/.installed-lock");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    Step::new("npm packages").run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&js))?;
    fs::write(stamp, lock).context("js/node_modules")
}

/// Installs what the lock file of another directory names.
pub(crate) fn install(directory: &Path, name: &'static str) -> Result<()> {
    let lock = fs::read(directory.join("package-lock.json")).with_context(|| directory.display().to_string())?;
    let stamp = directory.join("node_modules/.installed-lock");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    // Not `ci`: it refuses a lock file without the binaries of every other platform, and not every registry has those.
    // What the lock file names comes in that version and with that hash all the same.
    npm.args(["install", "--no-save", "--no-audit", "--no-fund"]).current_dir(directory);
    Step::new(name).run(&mut npm)?;
    fs::write(&stamp, lock).with_context(|| stamp.display().to_string())
}
