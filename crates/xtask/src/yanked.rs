//! Whether a locked version has been withdrawn: the registry says it, so it can be asked where the host of the
//! advisories cannot.

use std::{fmt::Write, fs};

use anyhow::{Context, Result};

use crate::{step::Step, workspace::Workspace};

/// Cargo chooses no yanked version unless a lock file has it: it must find each locked one without a lock file.
pub(crate) fn check(workspace: &Workspace, lock: &str) -> Result<()> {
    let text = fs::read_to_string(workspace.root().join(lock)).with_context(|| lock.to_owned())?;
    let project = workspace.target().join("yanked");
    fs::create_dir_all(project.join("src")).context("target/yanked")?;
    fs::write(project.join("src/lib.rs"), "")?;
    fs::write(project.join("Cargo.toml"), manifest(&text))?;
    let _ = fs::remove_file(project.join("Cargo.lock"));
    let mut resolve = workspace.unlocked_cargo();
    resolve.args(["generate-lockfile", "--quiet", "--manifest-path"]).arg(project.join("Cargo.toml"));
    Step::new("locked versions in the registry").run(&mut resolve)
}

/// A package that needs exactly what a lock file has from a registry.
fn manifest(lock: &str) -> String {
    let mut manifest = String::from("[package]\nname = \"yanked\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n");
    for (number, package) in lock.split("[[package]]").skip(1).enumerate() {
        let value = |name: &str| package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
        if let (Some(name), Some(version), Some(_)) = (value("name"), value("version"), value("source")) {
            let version = version.trim_matches('"');
            let _ = writeln!(
                manifest,
                "p{number} = {{ package = {name}, version = \"={version}\", default-features = false }}"
            );
        }
    }
    manifest
}

#[cfg(test)]
mod tests {
    use super::manifest;

    #[test]
    fn locked_versions_are_asked_for_exactly() {
        let lock = "version = 4\n\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\ndependencies = [\n \"other\",\n]\n\n\
            [[package]]\nname = \"other\"\nversion = \"2.0.1+build\"\nsource = \"registry+https://example.com\"\nchecksum = \"00\"\n";
        let manifest = manifest(lock);
        assert!(manifest.ends_with(
            "[dependencies]\np1 = { package = \"other\", version = \"=2.0.1+build\", default-features = false }\n"
        ));
    }
}
