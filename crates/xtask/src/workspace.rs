//! The checkout, where its outputs go, and cargo in it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::stamp::Stamp;

/// The checkout and its target directory.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Finds the checkout that cargo has been started in. Not the one that this program was built from: whoever copies
    /// a checkout with its target directory would build and test the original.
    pub(crate) fn open() -> Result<Self> {
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .context("start this as `cargo xtask`: cargo says where the checkout is")?;
        let root = Path::new(&package).join("../..").canonicalize().context("the checkout")?;
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |target| root.join(target));
        fs::create_dir_all(root.join("target/dist")).context("target/dist")?;
        Ok(Self { root, target })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    pub(crate) fn dist(&self) -> PathBuf {
        self.root.join("target/dist")
    }

    /// What a step was made from.
    pub(crate) fn stamp(&self, step: &str, inputs: &[&Path]) -> Result<Stamp> {
        Stamp::of(self.dist().join(format!(".{step}.stamp")), inputs)
    }

    /// Cargo in the checkout, with the versions of the lock file and no others.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = self.unlocked_cargo();
        command.arg(subcommand);
        // What formats reads no lock file.
        if subcommand != "fmt" {
            command.arg("--locked");
        }
        command
    }

    /// Cargo that may choose versions.
    pub(crate) fn unlocked_cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root);
        command
    }
}

/// Copies a directory with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), &to).with_context(|| to.display().to_string())?;
        }
    }
    Ok(())
}
