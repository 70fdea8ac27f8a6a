//! The embedded store: objects are files in a folder, for one process or several on one machine.
//!
//! A put renames a file under an exclusive lock on the folder, and answers after the sync; `steps` has the order and the
//! reasons. The store remembers nothing between calls, because another process may write at any time.
//!
//! Locks and syncs are promises of the operating system. A local file system keeps them. A network file system that two
//! machines use does not.
//!
//! # Copying a folder
//!
//! Servers write and delete while somebody copies. So a plain `cp -r` may fail on a file that has just gone, or may copy a
//! `db.json` without the runs that it names. Take the lock of the folder with `flock`: nothing in the folder changes while
//! somebody holds it.
//!
//! ```text
//! flock valthree-data cp -al valthree-data snapshot    # links, in an instant; no file is ever changed in place
//! flock valthree-data cp -a valthree-data /elsewhere   # copies; servers wait meanwhile, and say TRYAGAIN if it takes long
//! ```

mod disk;
mod nesting;
mod steps;

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod tests;

use std::fs::{self, DirEntry, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rand::TryRng as _;
use rand::rngs::SysRng;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use self::disk::{Disk, System};
use self::steps::{TEMPORARY, named, reason};
use crate::store::{Condition, ETag, Got, Reason, Store, StoreError};

/// How many puts and deletes of one store may occupy a thread at once. More would only wait for the same lock.
const PUTS_AT_ONCE: usize = 1;

/// How many reads and lists of one store may occupy a thread at once: enough to overlap, and few enough that a disk that
/// hangs leaves threads for the rest of the runtime.
const READS_AT_ONCE: usize = 8;

/// A folder whose files are the objects.
///
/// A dropped future does not stop the thread that works for it. The next operation starts when that thread is done.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    /// Where this store writes a version before the version gets its name. No other store has the same name, so two
    /// stores never write one file.
    temporary: String,
    only_reads: bool,
    puts: Arc<Semaphore>,
    reads: Arc<Semaphore>,
}

impl Directory {
    /// Opens a folder, or creates it durably, and makes sure that this process can write to it and lock it. Refuses a
    /// folder inside the folder of another store, or around one. Blocks, so it is for the start.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Directory> {
        let store = Directory::new(path, false)?;
        // Before anything is created. Most mistakes end here.
        nesting::refuse(&store.root)?;
        create_durably(&store.root)?;
        store.prove_writable()?;
        nesting::claim(&store.root)?;
        Ok(store)
    }

    /// Opens a folder for somebody who only reads, and who may lack the permission to write.
    pub fn open_to_read(path: impl AsRef<Path>) -> io::Result<Directory> {
        let store = Directory::new(path, true)?;
        fs::read_dir(&store.root).map_err(named("read folder", &store.root))?;
        Ok(store)
    }

    fn new(path: impl AsRef<Path>, only_reads: bool) -> io::Result<Directory> {
        let number = SysRng.try_next_u64().map_err(io::Error::other)?;
        Ok(Directory {
            root: std::path::absolute(path)?,
            temporary: format!("{TEMPORARY}-{number:016x}"),
            only_reads,
            puts: Arc::new(Semaphore::new(PUTS_AT_ONCE)),
            reads: Arc::new(Semaphore::new(READS_AT_ONCE)),
        })
    }

    /// Runs file operations on a thread that may block, when there is a permit for them. The permit moves into the
    /// thread, so that dropping the future does not free it early.
    async fn run<T, F>(&self, permits: &Arc<Semaphore>, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Path) -> Result<T, StoreError> + Send + 'static,
    {
        let permit = Arc::clone(permits).acquire_owned().await;
        let permit =
            permit.map_err(|error| StoreError::DidNotHappen(Reason::new(error.to_string()).with_cause(error)))?;
        let root = self.root.clone();
        let work = move || {
            let result = operation(&root);
            drop(permit);
            result
        };
        let stopped = |error| {
            let text = format!("work on {} stopped: {error}", self.root.display());
            StoreError::Unclear(Reason::new(text).with_cause(error))
        };
        spawn_blocking(work).await.map_err(stopped)?
    }

    fn may_write(&self) -> Result<(), StoreError> {
        if self.only_reads {
            return Err(StoreError::DidNotHappen(format!("{} is open for reading only", self.root.display()).into()));
        }
        Ok(())
    }

    /// Writes and removes a file, so that the start fails if the server cannot write. Removes what killed processes have
    /// left. If another process holds the lock, it is writing at this moment, which is proof enough.
    fn prove_writable(&self) -> io::Result<()> {
        let root = &self.root;
        let folder = File::open(root).map_err(named("open folder", root))?;
        if !folder.metadata().map_err(named("inspect", root))?.is_dir() {
            return Err(named("use as a folder", root)(ErrorKind::NotADirectory.into()));
        }
        match folder.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(named("lock", root)(error)),
            Ok(()) => {}
        }
        let file = root.join(&self.temporary);
        System.write_new(&file, b"").map_err(named("write", &file))?;
        System.remove(&file).map_err(named("remove", &file))?;
        remove_leftovers(root);
        Ok(())
    }
}

impl Store for Directory {
    async fn get(&self, name: &str, known: Option<&ETag>) -> Result<Got, StoreError> {
        let (name, known, only_reads) = (name.to_owned(), known.cloned(), self.only_reads);
        let read = move |root: &Path| {
            let found = match only_reads {
                true => steps::look(&System, root, &name)?,
                false => steps::get(&System, root, &name, known.as_ref())?,
            };
            Ok(match found {
                None => Got::Absent,
                Some((_, etag)) if Some(&etag) == known.as_ref() => Got::Unchanged,
                Some((bytes, etag)) => Got::Object { bytes: bytes.into(), etag },
            })
        };
        self.run(&self.reads, read).await
    }

    async fn put(&self, name: &str, bytes: Bytes, condition: &Condition) -> Result<ETag, StoreError> {
        self.may_write()?;
        let (name, condition, temporary) = (name.to_owned(), condition.clone(), self.temporary.clone());
        self.run(&self.puts, move |root| steps::put(&System, root, &name, &bytes, &condition, &temporary)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let prefix = prefix.to_owned();
        let walk = move |root: &Path| {
            let mut names = Vec::new();
            collect(root, "", &mut names).map_err(|error| StoreError::DidNotHappen(reason("list", root, error)))?;
            names.retain(|name| name.starts_with(&prefix));
            names.sort();
            Ok(names)
        };
        self.run(&self.reads, walk).await
    }

    async fn delete(&self, names: &[String]) -> Result<(), StoreError> {
        self.may_write()?;
        // One after the other, so that a PUT need not wait for all of them.
        for name in names {
            let name = name.clone();
            self.run(&self.puts, move |root| steps::delete(&System, root, &name)).await?;
        }
        Ok(())
    }

    fn locate(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }
}

/// Adds the names of the objects in a folder and below it. `within` is the name of the folder with a slash, or empty for
/// the root.
fn collect(folder: &Path, within: &str, names: &mut Vec<String>) -> io::Result<()> {
    let entries = fs::read_dir(folder)?.collect::<io::Result<Vec<DirEntry>>>()?;
    for entry in entries {
        // A file whose name no object can have is no object.
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

/// Creates a folder and its parents. Syncs existing ones too, because their creator may have died before its sync; but
/// they may belong to somebody else, so a failed sync of them does not count.
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

/// Removes the temporary files of processes that were killed, in the folder and in the folders of its objects. The
/// caller holds the lock, so nobody is writing one. A file that cannot be removed does no harm.
fn remove_leftovers(root: &Path) {
    let below = fs::read_dir(root).into_iter().flatten().flatten();
    let below = below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path());
    for folder in below.chain([root.to_owned()]) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if is_file && entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}
