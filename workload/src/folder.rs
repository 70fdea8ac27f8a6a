//! The folder in which `run` keeps histories for `recover` and for the next `run`.
//!
//! It holds one file for each of the newest rounds. One more file holds the open operations of all older rounds, because a
//! write of unknown outcome may take effect for as long as the database is used.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use crate::carried::Carried;
use crate::history::{self, History, HistoryError, Journal};

/// The number of rounds that the folder keeps.
const KEPT: usize = 16;

/// The file with the open operations of older rounds.
const OLDER: &str = "older.jsonl";

/// A folder of histories.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The number of the next round.
    next: u64,
}

/// A file or folder that cannot be used. Its text is the path, and its source is the reason.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system refused.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The file is not a history.
    #[error("{}", path.display())]
    NoHistory {
        /// The file.
        path: PathBuf,
        /// The mistake in it.
        source: HistoryError,
    },
}

impl Folder {
    /// Opens a folder, or creates it.
    pub fn open(path: &Path) -> Result<Folder, FolderError> {
        fs::create_dir_all(path).map_err(|source| FolderError::Io { path: path.to_owned(), source })?;
        let mut folder = Folder { path: path.to_owned(), next: 0 };
        folder.next = folder.rounds()?.last().map_or(0, |(number, _)| number + 1);
        Ok(folder)
    }

    /// Creates the file for the history of a round. It is unbuffered, so every written line survives the end of the process.
    pub fn journal(&mut self) -> Result<Journal, FolderError> {
        let path = self.path.join(format!("round-{:06}.jsonl", self.next));
        self.next += 1;
        let file = File::create_new(&path).map_err(|source| FolderError::Io { path, source })?;
        Ok(Box::new(file))
    }

    /// The histories of the newest rounds, the oldest first.
    pub fn histories(&self) -> Result<Vec<(PathBuf, History)>, FolderError> {
        let mut histories = Vec::new();
        for (_, path) in self.rounds()? {
            histories.extend(read(&path)?.map(|history| (path, history)));
        }
        Ok(histories)
    }

    /// The open operations of older rounds, whose files are gone.
    pub fn older(&self) -> Result<History, FolderError> {
        let path = self.path.join(OLDER);
        if path.exists() { Ok(read(&path)?.unwrap_or_default()) } else { Ok(History::default()) }
    }

    /// Deletes the files of the oldest rounds, and keeps their open operations.
    pub fn prune(&self) -> Result<(), FolderError> {
        let rounds = self.rounds()?;
        for (_, path) in &rounds[..rounds.len().saturating_sub(KEPT)] {
            let io = |source| FolderError::Io { path: path.clone(), source };
            let mut carried = Carried::default();
            carried.add(&self.older()?);
            carried.add(&read(path)?.unwrap_or_default());
            let left = carried.into_history();
            if !left.operations.is_empty() {
                // This file is in place before the round's own file goes. An operation in both files does no harm.
                let (new, older) = (self.path.join("older.new"), self.path.join(OLDER));
                let mut file = File::create(&new).map_err(io)?;
                history::write(&left, &mut file).and_then(|()| fs::rename(&new, &older)).map_err(io)?;
            }
            fs::remove_file(path).map_err(io)?;
        }
        Ok(())
    }

    /// The files of rounds with their numbers, in order.
    fn rounds(&self) -> Result<Vec<(u64, PathBuf)>, FolderError> {
        let io = |source| FolderError::Io { path: self.path.clone(), source };
        let mut rounds = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(io)? {
            let path = entry.map_err(io)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let number = name.strip_prefix("round-").and_then(|rest| rest.strip_suffix(".jsonl"));
            rounds.extend(number.and_then(|number| number.parse().ok()).map(|number: u64| (number, path.clone())));
        }
        rounds.sort();
        Ok(rounds)
    }
}

/// Reads a history from a file. `None` if the file holds no operation: a round that was killed before its first call
/// leaves such a file.
pub fn read(path: &Path) -> Result<Option<History>, FolderError> {
    let file = File::open(path).map_err(|source| FolderError::Io { path: path.to_owned(), source })?;
    match history::read(BufReader::new(file)) {
        Ok(history) => Ok(Some(history)),
        Err(HistoryError::Empty) => Ok(None),
        Err(source) => Err(FolderError::NoHistory { path: path.to_owned(), source }),
    }
}
