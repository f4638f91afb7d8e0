//! Packages of PyPI in virtual environments below `target/`, as files of requirements with hashes name them.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{step::Step, workspace::Workspace};

/// The virtual environment `target/NAME` with the packages of `crates/xtask/FILE`, made if it is not there.
pub(crate) fn ensure(workspace: &Workspace, step: &'static str, name: &str, file: &str) -> Result<PathBuf> {
    let directory = workspace.target().join(name);
    let requirements = workspace.root().join("crates/xtask").join(file);
    let wanted = fs::read(&requirements).with_context(|| requirements.display().to_string())?;
    let installed = directory.join(".installed-requirements");
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(directory);
    }
    Step::new("virtual environment").run(Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
    let mut pip = Command::new(directory.join("bin/pip"));
    // Wheels with these hashes, and nothing else: no source that runs at once, no dependency that is not named.
    pip.args(["install", "--quiet", "--force-reinstall", "--require-hashes", "--only-binary", ":all:", "--no-deps"]);
    Step::new(step).run(pip.arg("--requirement").arg(requirements))?;
    fs::write(&installed, wanted).with_context(|| installed.display().to_string())?;
    Ok(directory)
}
