//! Writes the evidence of a round that the checker could not explain or decide.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use crate::check::{Budget, Verdict, Violation, check, shrink};
use crate::history::{self, History};
use crate::report;

/// Shrinks a violation and writes its evidence. Returns a text for people: the violation, and where the evidence is. A
/// violation stays one if the files cannot be written, so the text then says why.
pub fn of_violation(folder: &Path, name: &str, history: &History, violation: &Violation, budget: Budget) -> String {
    let shrunk = shrink(history, budget);
    let (shrunk, violation) = match check(&shrunk, budget) {
        Verdict::Violation(smaller) => (&shrunk, *smaller),
        // The budget did not suffice to shrink it.
        Verdict::Serializable | Verdict::Undecided(_) | Verdict::Malformed(_) => (history, violation.clone()),
    };
    let written = report::write_artifacts(folder, name, history, shrunk, &violation);
    let whereabouts = whereabouts("evidence", folder, written.map(|artifacts| artifacts.page));
    format!("{}\n{whereabouts}", report::text(shrunk, &violation))
}

/// Writes an undecided history for a later look. Returns a text that says where it is.
pub fn of_undecided(folder: &Path, name: &str, history: &History) -> String {
    let path = folder.join(format!("{name}.jsonl"));
    let written = fs::create_dir_all(folder).and_then(|()| File::create(&path));
    let written = written.and_then(|file| history::write(history, &mut BufWriter::new(file)));
    whereabouts("history", folder, written.map(|()| path))
}

fn whereabouts(thing: &str, folder: &Path, written: io::Result<PathBuf>) -> String {
    match written {
        Ok(path) => format!("the {thing} is in {}", path.display()),
        Err(error) => format!("the {thing} cannot be written to {}: {error}", folder.display()),
    }
}
