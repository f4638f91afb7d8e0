//! Programs from Debian's packages, below `target/`. Nothing is installed into the system, so it works for every user.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{step::Step, tally::Tally, workspace::Workspace};

/// Packages for one purpose.
pub(crate) struct Packages {
    /// The directory below `target/`, and the name for `DATAKIT_TOKEN_SKIP`.
    name: &'static str,
    what: &'static str,
    download: &'static str,
    unpack: &'static str,
    packages: &'static [&'static str],
}

/// Upstreams that read names in their own way.
pub(crate) const UPSTREAMS: Packages = Packages {
    name: "upstreams",
    what: "PHP and lighttpd come",
    download: "download PHP and lighttpd",
    unpack: "unpack PHP and lighttpd",
    packages: &["php-cli", "php-cgi", "lighttpd"],
};

/// A browser.
pub(crate) const BROWSER: Packages = Packages {
    name: "browser",
    what: "Chromium comes",
    download: "download Chromium",
    unpack: "unpack Chromium",
    packages: &["chromium"],
};

/// Another one, for the matrix.
pub(crate) const FIREFOX: Packages = Packages {
    name: "firefox",
    what: "Firefox comes",
    download: "download Firefox",
    unpack: "unpack Firefox",
    packages: &["firefox-esr"],
};

impl Packages {
    /// Where they are, as Debian lays them out.
    pub(crate) fn directory(&self, workspace: &Workspace) -> PathBuf {
        workspace.target().join(self.name)
    }

    /// Installs them if they are not there.
    pub(crate) fn ensure(&self, workspace: &Workspace, tally: &mut Tally) -> Result<()> {
        let directory = self.directory(workspace);
        let unpacked = directory.join(".unpacked");
        if unpacked.exists() {
            return Ok(());
        }
        match self.install(&directory) {
            Ok(()) => fs::write(unpacked, "").with_context(|| directory.display().to_string()),
            Err(error) => tally.skip(self.name, &format!("{} from Debian's packages: {error:#}", self.what)),
        }
    }

    fn install(&self, directory: &Path) -> Result<()> {
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
        Step::new(self.download).run(command(&download).args(self.packages))?;
        let step = Step::new(self.unpack);
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
}
