//! What is left behind of a round that was not explained.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use crate::check::{Budget, Verdict, Violation, check, shrink};
use crate::history::{self, History};
use crate::report::{self, Artifacts};

/// Shrinks a history that is a violation, and writes the evidence. Returns it with a text for the terminal.
pub fn of_violation(
    folder: &Path,
    name: &str,
    history: &History,
    violation: &Violation,
    budget: Budget,
) -> io::Result<(Artifacts, String)> {
    let shrunk = shrink(history, budget);
    let (shrunk, violation) = match check(&shrunk, budget) {
        Verdict::Violation(smaller) => (&shrunk, *smaller),
        _ => (history, violation.clone()), // it could not be shrunk within the budget
    };
    let artifacts = report::write_artifacts(folder, name, history, shrunk, &violation)?;
    Ok((artifacts, report::text(shrunk, &violation)))
}

/// Writes a history for a later look.
pub fn of_undecided(folder: &Path, name: &str, history: &History) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("{name}.jsonl"));
    history::write(history, &mut BufWriter::new(File::create(&path)?))?;
    Ok(path)
}
