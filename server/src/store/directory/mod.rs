//! The embedded store: objects are files in a folder, for one process or several on one machine.
//!
//! A put is a rename under an exclusive lock on the folder, and answered after the sync; `steps.rs` has the order and
//! the reasons. The store remembers nothing between calls, because another process may write at any time.
//!
//! Locks and syncs are promises of the operating system: a local file system keeps them, a network file system used
//! from two machines does not.

mod disk;
mod steps;

#[cfg(test)]
mod crashes;

use std::fs::{self, DirEntry, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use self::disk::{Disk, System};
use self::steps::{TEMPORARY, describe};
use crate::store::{Condition, ETag, Got, Store, StoreError};

/// Puts and deletes of one store that may occupy a thread at once. More would only wait for the same lock.
const PUTS_AT_ONCE: usize = 1;

/// Reads and lists of one store that may occupy a thread at once: enough to overlap, few enough that a disk that hangs
/// does not swallow the runtime's threads.
const READS_AT_ONCE: usize = 8;

/// A folder whose files are the objects.
///
/// A dropped future does not stop the thread that works for it; its place is only given to the next operation when it
/// is through.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    puts: Arc<Semaphore>,
    reads: Arc<Semaphore>,
}

impl Directory {
    /// Opens a folder, or creates it durably, and makes sure that it can be written to and locked. Blocks, so it
    /// is for the start.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Directory> {
        let root = std::path::absolute(path)?;
        create_durably(&root)?;
        prove_writable(&root)?;
        Ok(Directory {
            root,
            puts: Arc::new(Semaphore::new(PUTS_AT_ONCE)),
            reads: Arc::new(Semaphore::new(READS_AT_ONCE)),
        })
    }

    /// Runs file operations on a thread that may block, when there is a place for them. The place moves into the
    /// thread, so that dropping the future does not free it early.
    async fn run<T, F>(&self, places: &Arc<Semaphore>, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Path) -> Result<T, StoreError> + Send + 'static,
    {
        let place = Arc::clone(places).acquire_owned().await;
        let place = place.map_err(|error| StoreError::DidNotHappen(error.to_string()))?;
        let root = self.root.clone();
        let work = move || {
            let result = operation(&root);
            drop(place);
            result
        };
        let stopped = |error| StoreError::Unclear(format!("work on {} stopped: {error}", self.root.display()));
        spawn_blocking(work).await.map_err(stopped)?
    }
}

impl Store for Directory {
    async fn get(&self, name: &str, known: Option<&ETag>) -> Result<Got, StoreError> {
        let (name, known) = (name.to_owned(), known.cloned());
        let read = move |root: &Path| {
            let found = steps::get(&System, root, &name, known.as_ref())?;
            Ok(match found {
                None => Got::Absent,
                Some((_, etag)) if Some(&etag) == known.as_ref() => Got::Unchanged,
                Some((bytes, etag)) => Got::Object { bytes: bytes.into(), etag },
            })
        };
        self.run(&self.reads, read).await
    }

    async fn put(&self, name: &str, bytes: Bytes, condition: &Condition) -> Result<ETag, StoreError> {
        let (name, condition) = (name.to_owned(), condition.clone());
        self.run(&self.puts, move |root| steps::put(&System, root, &name, &bytes, &condition)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let prefix = prefix.to_owned();
        let walk = move |root: &Path| {
            let mut names = Vec::new();
            collect(root, "", &mut names).map_err(|error| StoreError::DidNotHappen(describe("list", root, &error)))?;
            names.retain(|name| name.starts_with(&prefix));
            names.sort();
            Ok(names)
        };
        self.run(&self.reads, walk).await
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.run(&self.puts, move |root| steps::delete(&System, root, &name)).await
    }

    fn locate(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }
}

/// Adds the names of the objects in a folder and below. `within` is the folder's own name, with a slash, or nothing.
fn collect(folder: &Path, within: &str, names: &mut Vec<String>) -> io::Result<()> {
    let entries = fs::read_dir(folder)?.collect::<io::Result<Vec<DirEntry>>>()?;
    for entry in entries {
        // What has a name that no object can have is not ours to list.
        let Some(part) = entry.file_name().to_str().filter(|part| !part.starts_with('.')).map(str::to_owned) else {
            continue;
        };
        let kind = entry.file_type()?;
        let name = format!("{within}{part}");
        if kind.is_dir() {
            collect(&entry.path(), &format!("{name}/"), names)?;
        } else if kind.is_file() {
            names.push(name);
        }
    }
    Ok(())
}

/// Creates a folder and those above it. An existing one is synced too, for its creator may have died before that; but
/// it may belong to somebody else, so there a failure does not count.
fn create_durably(folder: &Path) -> io::Result<()> {
    let Some(parent) = folder.parent() else {
        return Ok(());
    };
    create_durably(parent)?;
    if folder.is_dir() {
        let _ = System.sync_folder(parent);
        return Ok(());
    }
    System.create_folder(folder).map_err(named("create folder", folder))?;
    System.sync_folder(parent).map_err(named("sync folder", parent))
}

/// Writes and removes a file, so that a store which cannot be written to is found at the start. If another process
/// holds the lock it is writing at this moment, which is proof enough.
fn prove_writable(root: &Path) -> io::Result<()> {
    let folder = File::open(root).map_err(named("open folder", root))?;
    if !folder.metadata().map_err(named("inspect", root))?.is_dir() {
        return Err(named("use as a folder", root)(ErrorKind::NotADirectory.into()));
    }
    match folder.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(named("lock", root)(error)),
        Ok(()) => {}
    }
    let file = root.join(TEMPORARY);
    System.write_new(&file, b"").map_err(named("write", &file))?;
    System.remove(&file).map_err(named("remove", &file))
}

fn named(operation: &str, path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), describe(operation, path, &error))
}
