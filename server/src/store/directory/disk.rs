//! The few things that a store asks of a disk, each one system call's worth, so that a test can crash between any two.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// A file system with a page cache: what was written is visible at once, and durable only after the matching sync.
pub(super) trait Disk {
    /// Excludes other holders, of this process and others, until it is dropped or its process dies.
    type Lock;
    /// A file just written and still open.
    type File;

    /// Waits for the exclusive lock of a folder.
    fn lock(&self, folder: &Path) -> io::Result<Self::Lock>;
    /// Reads a whole file.
    fn read(&self, file: &Path) -> io::Result<Vec<u8>>;
    /// Creates a folder if there is none; its parent must exist.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;
    /// Writes a file that shares nothing with whatever had its name before.
    fn write_new(&self, file: &Path, bytes: &[u8]) -> io::Result<Self::File>;
    /// Makes the content of a file durable, under whatever name.
    fn sync_file(&self, file: &Self::File) -> io::Result<()>;
    /// Gives a file another name in one step, in the place of what had it.
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

    /// Locks the folder itself: a lock file could be deleted while it is held, and then two would hold it. The folder
    /// is opened anew each time because the lock belongs to the open file, not to the process.
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

    /// A leftover is removed, not truncated. Its pages may be those of a failed fsync, which a second fsync would
    /// report as written although they are lost; a new file has only new pages.
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
