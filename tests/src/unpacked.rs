//! Programs that `cargo xtask` unpacked from Debian's packages, and what the system has of them.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Packages for one purpose.
#[derive(Debug)]
pub struct Unpacked {
    roots: [PathBuf; 2],
}

impl Unpacked {
    /// Those in the directory that a variable names: `DATAKIT_TOKEN_UPSTREAMS` or `DATAKIT_TOKEN_BROWSER`.
    ///
    /// # Errors
    /// If it is not set.
    pub fn find(variable: &str) -> Result<Self, String> {
        let unpacked = env::var(variable).map_err(|_| {
            format!("{variable} is not set: run `cargo xtask test`, which installs what it names and sets it")
        })?;
        Ok(Self { roots: [unpacked.into(), "/".into()] })
    }

    /// Whether they are to be left out.
    #[must_use]
    pub fn is_skipped(name: &str) -> bool {
        env::var("DATAKIT_TOKEN_SKIP").is_ok_and(|names| names.split(',').any(|known| known.trim() == name))
    }

    /// A program below `usr/`, whose name may end in a version.
    ///
    /// # Errors
    /// If there is none.
    pub fn binary(&self, directory: &str, name: &str) -> Result<PathBuf, String> {
        let is_it = |path: &Path| {
            let rest = path.file_name().and_then(|file| file.to_str()?.strip_prefix(name));
            path.is_file() && rest.is_some_and(|rest| rest.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit()))
        };
        let directories = self.roots.iter().map(|root| root.join("usr").join(directory));
        let mut files = directories.flat_map(|directory| list(&directory));
        files.find(|file| is_it(file)).ok_or_else(|| format!("no {name} in {}", self.roots[0].display()))
    }

    /// The same, ready to start.
    ///
    /// # Errors
    /// If there is none.
    pub fn command(&self, directory: &str, name: &str) -> Result<Command, String> {
        let mut command = Command::new(self.binary(directory, name)?);
        // lighttpd hands this on to CGI programs.
        command.env("LD_LIBRARY_PATH", self.libraries()?);
        Ok(command)
    }

    /// Where libraries are: the value of `LD_LIBRARY_PATH`.
    ///
    /// # Errors
    /// If a path has a colon.
    pub fn libraries(&self) -> Result<String, String> {
        let parts = ["usr/lib", "lib"].map(|part| self.roots[0].join(part));
        // In a directory with the name of the architecture, and one of them in one of its own there.
        let mut libraries: Vec<_> = parts.iter().flat_map(|part| list(part)).filter(|path| path.is_dir()).collect();
        let deeper: Vec<_> =
            libraries.iter().map(|path| path.join("pulseaudio")).filter(|path| path.is_dir()).collect();
        libraries.extend(deeper);
        libraries.extend(parts);
        let libraries = env::join_paths(libraries).map_err(|error| error.to_string())?;
        libraries.into_string().map_err(|_| "a path that is not UTF-8".into())
    }

    /// The directory of this name below `usr/lib`.
    ///
    /// # Errors
    /// If there is none.
    pub fn library(&self, name: &str) -> Result<PathBuf, String> {
        let mut directories = self.roots.iter().map(|root| root.join("usr/lib").join(name));
        directories
            .find(|directory| directory.is_dir())
            .ok_or_else(|| format!("no {name} in {}", self.roots[0].display()))
    }
}

fn list(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}
