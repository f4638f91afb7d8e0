//! PHP and lighttpd from Debian's packages, below `target/`: upstreams that read names in their own way. Nothing is
//! installed into the system, so it works for every user.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{package::Workspace, step::Step, tally::Tally};

const PACKAGES: &[&str] = &["php-cli", "php-cgi", "lighttpd"];

/// Where they are, as Debian lays them out.
pub(crate) fn directory(workspace: &Workspace) -> PathBuf {
    workspace.target().join("upstreams")
}

/// Installs them if they are not there.
pub(crate) fn ensure(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let directory = directory(workspace);
    let unpacked = directory.join(".unpacked");
    if unpacked.exists() {
        return Ok(());
    }
    match install(&directory) {
        Ok(()) => fs::write(unpacked, "").with_context(|| directory.display().to_string()),
        Err(error) => tally.skip("upstreams", &format!("PHP and lighttpd come from Debian's packages: {error:#}")),
    }
}

fn install(directory: &Path) -> Result<()> {
    // Lists and archives of its own: those of the system are root's, and may be missing.
    let apt = directory.join("apt");
    for part in ["lists/partial", "archives/partial"] {
        fs::create_dir_all(apt.join(part)).with_context(|| apt.display().to_string())?;
    }
    let command = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.arg("-o").arg(format!("Dir::State::Lists={}", apt.join("lists").display()));
        command.arg("-o").arg(format!("Dir::Cache={}", apt.display()));
        // Root downloads as root: the user that apt would become cannot write here.
        command.args(["-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=true", "--quiet"]).args(arguments);
        command
    };
    Step::new("apt-get update").run(&mut command(&["update"]))?;
    // Of what they need, apt leaves out what the system has.
    let download = ["install", "--download-only", "--yes", "--no-remove", "--no-install-recommends"];
    Step::new("download PHP and lighttpd").run(command(&download).args(PACKAGES))?;
    let step = Step::new("unpack PHP and lighttpd");
    for entry in fs::read_dir(apt.join("archives"))? {
        let package = entry?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            let output = Command::new("dpkg").arg("-x").arg(&package).arg(directory).output().context("dpkg")?;
            if !output.status.success() {
                bail!("{}: {}", package.display(), String::from_utf8_lossy(&output.stderr));
            }
        }
    }
    fs::remove_dir_all(&apt)?;
    step.done("")
}
