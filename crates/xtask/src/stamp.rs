//! Whether an output is still what its inputs make, so that a step that would change nothing is left out.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context, Result};

/// The state of a step's inputs: path, length and time of each file.
pub(crate) struct Stamp {
    file: PathBuf,
    state: String,
}

impl Stamp {
    /// Reads the inputs; a directory counts with all below it, without `node_modules` and `dist`.
    pub(crate) fn of(file: PathBuf, inputs: &[&Path]) -> Result<Self> {
        let mut state = String::new();
        for input in inputs {
            describe(input, &mut state)?;
        }
        Ok(Self { file, state })
    }

    /// Whether the last run saw the same inputs and its output is there.
    pub(crate) fn is_current(&self, output: &Path) -> bool {
        output.exists() && fs::read_to_string(&self.file).is_ok_and(|state| state == self.state)
    }

    /// Remembers the inputs, after the step.
    pub(crate) fn keep(self) -> Result<()> {
        fs::write(&self.file, self.state).with_context(|| self.file.display().to_string())
    }
}

fn describe(path: &Path, state: &mut String) -> Result<()> {
    let name = path.file_name().unwrap_or_default();
    if name == "node_modules" || name == "dist" {
        return Ok(());
    }
    let metadata = fs::metadata(path).with_context(|| path.display().to_string())?;
    if metadata.is_dir() {
        let mut entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| describe(entry, state));
    }
    let time = metadata.modified()?.duration_since(SystemTime::UNIX_EPOCH)?.as_nanos();
    writeln!(state, "{} {} {time}", path.display(), metadata.len())?;
    Ok(())
}
