//! The few things that a store asks of a disk. Each is about one system call, so that a test can crash between any two.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// A file system with a page cache: a write is visible at once, and durable after the matching sync.
pub(super) trait Disk {
    /// Excludes other holders in this process and others until it is dropped or its process dies.
    type Lock;
    /// A file just written and still open.
    type File;

    /// Waits for the exclusive lock of a folder.
    fn lock(&self, folder: &Path) -> io::Result<Self::Lock>;
    /// Reads a whole file.
    fn read(&self, file: &Path) -> io::Result<Vec<u8>>;
    /// Creates a folder if there is none; its parent must exist.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;
    /// Writes a file that shares nothing with an earlier file of its name.
    fn write_new(&self, file: &Path, bytes: &[u8]) -> io::Result<Self::File>;
    /// Makes the content of a file durable, under whatever name.
    fn sync_file(&self, file: &Self::File) -> io::Result<()>;
    /// Renames a file in one step. It replaces a file of that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, file: &Path) -> io::Result<()>;
}

/// The disk of the operating system.
#[derive(Clone, Copy, Debug)]
pub(super) struct System;

impl Disk for System {
    type Lock = File;
    type File = File;

    /// Locks the folder itself: somebody could delete a lock file that is held, and then two processes would hold it. The
    /// folder is opened anew each time, because the lock belongs to the open file and not to the process.
    fn lock(&self, folder: &Path) -> io::Result<File> {
        let handle = File::open(folder)?;
        loop {
            match handle.lock() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(|()| handle),
            }
        }
    }

    fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
        fs::read(file)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        match fs::create_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    }

    /// Removes a leftover instead of truncating it. An fsync of its pages may have failed, and a second one would report
    /// them as written although they are lost. A new file has only new pages.
    fn write_new(&self, file: &Path, bytes: &[u8]) -> io::Result<File> {
        let create = || OpenOptions::new().write(true).create_new(true).open(file);
        let mut handle = match create() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(file)?;
                create()?
            }
            result => result?,
        };
        handle.write_all(bytes)?;
        Ok(handle)
    }

    fn sync_file(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        fs::remove_file(file)
    }
}
