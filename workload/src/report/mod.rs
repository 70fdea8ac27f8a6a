//! The evidence of a violation, for people to look at and be convinced by.
//!
//! | file | holds |
//! |---|---|
//! | `NAME.jsonl` | the whole history |
//! | `NAME.shrunk.jsonl` | the few operations that prove the violation |
//! | `NAME.html` | a page about those operations |
//!
//! The page shows a lane for each client, the order that explains the beginning, step by step with the state of the keys,
//! and the operation that no order explains. It is one file, needs no network, and can be read without its script.
//! [`text`] gives the most important part in a terminal.
//!
//! Everything in a history may come from a broken server, so the page treats it as data and never as markup. `visible`
//! spells out characters that move a cursor or change the direction of writing. The page escapes the rest, and its
//! Content Security Policy lets no other script run than its own.

mod order;
mod page;
mod picture;
mod text;
mod visible;

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

pub use self::page::page;
pub use self::text::text;
use crate::check::Violation;
use crate::history::{self, History};

/// The files of the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifacts {
    /// The whole history.
    pub history: PathBuf,
    /// The operations that prove the violation.
    pub shrunk: PathBuf,
    /// The page about them.
    pub page: PathBuf,
}

/// Writes the evidence into a folder. Creates the folder if it is missing, and replaces files of the same names.
///
/// `shrunk` holds some of the operations of `history`, with the same numbers and moments. `violation` is about `shrunk`. The
/// whole history is written first, because it cannot be had again.
pub fn write_artifacts(
    folder: &Path,
    name: &str,
    history: &History,
    shrunk: &History,
    violation: &Violation,
) -> io::Result<Artifacts> {
    fs::create_dir_all(folder)?;
    let artifacts = Artifacts {
        history: folder.join(format!("{name}.jsonl")),
        shrunk: folder.join(format!("{name}.shrunk.jsonl")),
        page: folder.join(format!("{name}.html")),
    };
    history::write(history, &mut BufWriter::new(File::create(&artifacts.history)?))?;
    history::write(shrunk, &mut BufWriter::new(File::create(&artifacts.shrunk)?))?;
    fs::write(&artifacts.page, page(history, shrunk, violation))?;
    Ok(artifacts)
}
