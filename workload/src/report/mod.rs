//! The evidence that a violation comes with: something that a person can look at, and be convinced by.
//!
//! A violation is written as three files. `NAME.jsonl` is the whole history, `NAME.shrunk.jsonl` the few operations that
//! suffice to show that it can't be explained, and `NAME.html` a page about those: a lane for each client, the order
//! that explains the beginning, step by step with the state of the keys, and the operation that nothing explains. The
//! page is one file that needs no network, and what it shows can be read without its script too. [`text`] says the most
//! important part of it in a terminal.
//!
//! Everything in a history may come from a server that is broken in unknown ways. So it is data, never markup: what
//! could move a cursor or turn the direction of writing is spelled out (`visible`), the page escapes all the rest, and a
//! policy in it lets no other script run than its own.

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

/// Where the evidence is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifacts {
    /// The whole history.
    pub history: PathBuf,
    /// The operations that suffice.
    pub shrunk: PathBuf,
    /// The page about them.
    pub page: PathBuf,
}

/// Writes the evidence into a folder, which is created if there is none; files of the same name are replaced.
///
/// `shrunk` is some of the operations of `history`, with the names and moments that they have there, and `violation` is
/// what is wrong with it. What can't be had again, the whole history, is written first.
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
