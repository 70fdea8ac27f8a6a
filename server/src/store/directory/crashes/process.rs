//! Processes that take one step at a time.
//!
//! The steps are those of the product. To advance a process, the test runs it anew with the answers that it got so far; the
//! first step without an answer is the next one. So a process is plain data, which the exploration copies when it forks.

use std::cell::{Cell, RefCell};
use std::io;
use std::path::Path;

use super::ROOT;
use super::model::{Answer, FileId, Step, Value};
use crate::store::directory::{disk, steps};
use crate::store::{Condition, ETag, StoreError};

/// What a process does: one read; one read and a compare-and-swap that adds a letter; or one removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Program {
    Get,
    Append(u8),
    Delete,
}

/// What a process was told in the end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Read(Option<Vec<u8>>),
    Stored(Vec<u8>),
    Deleted,
    Conflict,
    DidNotHappen,
    Unclear,
}

impl Outcome {
    fn of(error: StoreError) -> Outcome {
        match error {
            StoreError::Conflict(_) => Outcome::Conflict,
            StoreError::DidNotHappen(_) => Outcome::DidNotHappen,
            StoreError::Unclear(_) => Outcome::Unclear,
            StoreError::Obstructed(_) => unreachable!("only reads are obstructed"),
        }
    }
}

impl Program {
    fn run<D: disk::Disk>(self, disk: &D, name: &str) -> Outcome {
        let root = Path::new(ROOT);
        if self == Program::Delete {
            return steps::delete(disk, root, name).map_or_else(Outcome::of, |()| Outcome::Deleted);
        }
        let (letter, seen) = match (self, steps::get(disk, root, name, None)) {
            (_, Err(_)) => return Outcome::DidNotHappen,
            (Program::Append(letter), Ok(seen)) => (letter, seen),
            (_, Ok(seen)) => return Outcome::Read(seen.map(|(bytes, _)| bytes)),
        };
        let (mut bytes, condition) = match seen {
            None => (Vec::new(), Condition::Absent),
            Some((bytes, etag)) => (bytes, Condition::Match(etag)),
        };
        bytes.push(letter);
        match steps::put(disk, root, name, &bytes, &condition, steps::TEMPORARY) {
            Ok(etag) => {
                assert_eq!(etag, ETag::of(&bytes));
                Outcome::Stored(bytes)
            }
            Err(error) => Outcome::of(error),
        }
    }

    /// What the program does after these answers.
    pub(super) fn next(self, name: &str, past: &[Answer]) -> Next {
        let replay = Replay { past, used: Cell::new(0), asked: RefCell::new(None) };
        let outcome = self.run(&replay, name);
        match replay.asked.into_inner() {
            Some(step) => Next::Step(step),
            None => Next::Done(outcome),
        }
    }
}

/// What a process does next.
pub(super) enum Next {
    Step(Step),
    Done(Outcome),
}

/// A disk that repeats the answers of the past, and notes the first step beyond them.
struct Replay<'a> {
    past: &'a [Answer],
    used: Cell<usize>,
    asked: RefCell<Option<Step>>,
}

impl Replay<'_> {
    fn ask(&self, step: Step) -> io::Result<Value> {
        if let Some(answer) = self.past.get(self.used.replace(self.used.get() + 1)) {
            return answer.clone().map_err(io::Error::from);
        }
        self.asked.borrow_mut().get_or_insert(step);
        Err(io::ErrorKind::Interrupted.into())
    }
}

impl disk::Disk for Replay<'_> {
    type Lock = ();
    type File = FileId;

    fn lock(&self, _: &Path) -> io::Result<()> {
        self.ask(Step::Lock).map(drop)
    }
    fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
        match self.ask(Step::Read(file.into()))? {
            Value::Bytes(bytes) => Ok(bytes),
            other => panic!("a read gave {other:?}"),
        }
    }
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.ask(Step::CreateFolder(folder.into())).map(drop)
    }
    fn write_new(&self, file: &Path, bytes: &[u8]) -> io::Result<FileId> {
        match self.ask(Step::WriteNew(file.into(), bytes.into()))? {
            Value::File(id) => Ok(id),
            other => panic!("a write gave {other:?}"),
        }
    }
    fn sync_file(&self, file: &FileId) -> io::Result<()> {
        self.ask(Step::SyncFile(*file)).map(drop)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.ask(Step::Rename(from.into(), to.into())).map(drop)
    }
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.ask(Step::SyncFolder(folder.into())).map(drop)
    }
    fn remove(&self, file: &Path) -> io::Result<()> {
        self.ask(Step::Remove(file.into())).map(drop)
    }
}

/// What became of a process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Life {
    Running,
    Killed,
    Done(Outcome),
}

/// A process: what it does, and the answers of the disk so far.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Process {
    pub(super) program: Program,
    pub(super) past: Vec<Answer>,
    pub(super) life: Life,
}
