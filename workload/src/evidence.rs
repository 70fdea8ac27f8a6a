//! What is left behind of a round that was not explained.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use crate::check::{Budget, Verdict, Violation, check, shrink};
use crate::history::{self, History};
use crate::report;

/// Shrinks a history that is a violation, and writes the evidence. Returns what is to be said of it, and of where it is;
/// that it can't be written makes it no less a violation.
pub fn of_violation(folder: &Path, name: &str, history: &History, violation: &Violation, budget: Budget) -> String {
    let shrunk = shrink(history, budget);
    let (shrunk, violation) = match check(&shrunk, budget) {
        Verdict::Violation(smaller) => (&shrunk, *smaller),
        _ => (history, violation.clone()), // it could not be shrunk within the budget
    };
    let written = report::write_artifacts(folder, name, history, shrunk, &violation);
    let place = place("evidence", folder, written.map(|artifacts| artifacts.page));
    format!("{}\n{place}", report::text(shrunk, &violation))
}

/// Writes a history for a later look, and says where it is.
pub fn of_undecided(folder: &Path, name: &str, history: &History) -> String {
    let path = folder.join(format!("{name}.jsonl"));
    let written = fs::create_dir_all(folder).and_then(|()| File::create(&path));
    let written = written.and_then(|file| history::write(history, &mut BufWriter::new(file)));
    place("history", folder, written.map(|()| path))
}

fn place(what: &str, folder: &Path, written: io::Result<PathBuf>) -> String {
    match written {
        Ok(path) => format!("the {what} is in {}", path.display()),
        Err(error) => format!("the {what} cannot be written to {}: {error}", folder.display()),
    }
}
