//! A folder of histories: what `run` leaves for `recover`, and for the next `run`.
//!
//! It holds the newest rounds, a file each. What older rounds have left in the air is in one more file: a write of
//! unknown outcome must be remembered for as long as the database is used.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use crate::carried::Carried;
use crate::history::{self, Broken, History, Journal};

/// How many rounds are kept.
const KEPT: usize = 16;

/// The file of what is older.
const OLDER: &str = "older.jsonl";

/// A folder of histories.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    next: u64,
}

/// Why a folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system said no.
    #[error("{}: {error}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// One of its files is no history.
    #[error("{}: {broken}", path.display())]
    Broken {
        /// Which.
        path: PathBuf,
        /// Why.
        broken: Broken,
    },
}

impl Folder {
    /// Opens a folder, or makes one.
    pub fn open(path: &Path) -> Result<Folder, FolderError> {
        fs::create_dir_all(path).map_err(|error| FolderError::Io { path: path.to_owned(), error })?;
        let mut folder = Folder { path: path.to_owned(), next: 0 };
        folder.next = folder.rounds()?.last().map_or(0, |(number, _)| number + 1);
        Ok(folder)
    }

    /// A new file for the history of a round. Nothing is buffered: what was written survives the end of the process.
    pub fn journal(&mut self) -> Result<Journal, FolderError> {
        let path = self.path.join(format!("round-{:06}.jsonl", self.next));
        self.next += 1;
        let file = File::create_new(&path).map_err(|error| FolderError::Io { path, error })?;
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

    /// What rounds that are no longer here have left open.
    pub fn older(&self) -> Result<History, FolderError> {
        let path = self.path.join(OLDER);
        if path.exists() { Ok(read(&path)?.unwrap_or_default()) } else { Ok(History::default()) }
    }

    /// Forgets the oldest rounds, all but what they left open.
    pub fn prune(&self) -> Result<(), FolderError> {
        let rounds = self.rounds()?;
        for (_, path) in &rounds[..rounds.len().saturating_sub(KEPT)] {
            let io = |error| FolderError::Io { path: path.clone(), error };
            let mut carried = Carried::default();
            carried.add(&self.older()?);
            carried.add(&read(path)?.unwrap_or_default());
            let left = carried.into_history();
            if !left.operations.is_empty() {
                // In place before the round goes: to remember something twice does no harm.
                let (new, place) = (self.path.join("older.new"), self.path.join(OLDER));
                let mut file = File::create(&new).map_err(io)?;
                history::write(&left, &mut file).and_then(|()| fs::rename(&new, &place)).map_err(io)?;
            }
            fs::remove_file(path).map_err(io)?;
        }
        Ok(())
    }

    fn rounds(&self) -> Result<Vec<(u64, PathBuf)>, FolderError> {
        let io = |error| FolderError::Io { path: self.path.clone(), error };
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

/// Reads a history from a file. A round that was killed before its first call has none.
pub fn read(path: &Path) -> Result<Option<History>, FolderError> {
    let file = File::open(path).map_err(|error| FolderError::Io { path: path.to_owned(), error })?;
    match history::read(BufReader::new(file)) {
        Ok(history) => Ok(Some(history)),
        Err(Broken::Empty) => Ok(None),
        Err(broken) => Err(FolderError::Broken { path: path.to_owned(), broken }),
    }
}
