//! The tree without `crates/sealed`: whoever opens no encrypted tokens gets the module that there would be if nobody
//! could.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::{
    step::Step,
    wasm_target::WasmTarget,
    workspace::{Workspace, copy},
};

/// What the npm module is made of.
const CRATES: &[&str] = &["encoding", "token", "npm"];

/// Builds the npm module from a copy of the tree that has nothing of `crates/sealed`, and compares the bytes.
pub(crate) fn check(workspace: &Workspace, wasm: &WasmTarget, module: &Path) -> Result<()> {
    let root = workspace.target().join("without-sealed");
    // What was built there stays: most runs have nothing to build anew.
    let _ = fs::remove_dir_all(root.join("crates"));
    for name in CRATES {
        copy(&workspace.root().join("crates").join(name), &root.join("crates").join(name))?;
    }
    copy(&workspace.root().join(".cargo"), &root.join(".cargo"))?;
    fs::copy(workspace.root().join("Cargo.lock"), root.join("Cargo.lock"))?;
    let manifest = fs::read_to_string(workspace.root().join("Cargo.toml"))?;
    let (_, rest) = manifest.split_once("[workspace.package]").context("Cargo.toml: no [workspace.package]")?;
    let head = "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n\n[workspace.package]";
    fs::write(root.join("Cargo.toml"), format!("{head}{}", without(rest)))?;
    let manifest = root.join("crates/npm/Cargo.toml");
    let text = fs::read_to_string(&manifest)?;
    fs::write(&manifest, without(&text))?;

    let reduced = Workspace { target: root.join("target"), root };
    // The lock file loses what is not there; nothing in it becomes another version.
    let mut lock = reduced.unlocked_cargo();
    Step::new("lock file without crates/sealed").run(lock.args(["update", "--workspace", "--offline", "--quiet"]))?;
    let built = wasm.build(&reduced, "npm module without crates/sealed", "datakit-token-npm", "npm", "")?;
    if fs::read(&built)? != fs::read(module)? {
        bail!("{} is another module than {}, which opens no encrypted tokens", module.display(), built.display());
    }
    Ok(())
}

/// A manifest without the lines that name the crate; how it would be compiled, if it were there, may stay.
fn without(manifest: &str) -> String {
    let lines = manifest.lines().filter(|line| line.starts_with('[') || !line.contains("datakit-token-sealed"));
    lines.map(|line| format!("{line}\n")).collect()
}
