//! The order of the steps on the disk. The correctness of the store is this order.
//!
//! A put locks, compares, writes a temporary file, syncs it, renames it, syncs the folders, and then answers:
//!
//! | died before | left behind |
//! |---|---|
//! | the sync of the file | the old version; maybe a torn temporary file, which the next start removes |
//! | the rename | the old version; maybe a whole temporary file |
//! | the sync of the folders | the old or the new version; until the machine stops everybody sees the new one |
//! | the answer | the new version |
//!
//! Readers take no lock: a rename is one step, so the file that a reader opens is one whole version. But that version may
//! be from the third row, and its writer may be dead or not at its sync yet. So a read syncs the folders itself before it
//! shows a version to anyone. The same holds for an absence, which may be the work of a delete that died before its sync.
//!
//! A failed sync of a folder may have lost the names for good although a second sync succeeds. File systems with a
//! journal protect from that: they refuse writes and syncs once they cannot write their own records.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::disk::Disk;
use crate::store::{Condition, ETag, Reason, StoreError};

/// How the names of the files begin that hold a version before it gets its name. They lie in the folder of the object.
/// Each store uses one name, because only the holder of the lock writes. The parts of object names never begin with a
/// dot.
pub(super) const TEMPORARY: &str = ".unfinished";

/// The path of an object's file, which is always below the root.
pub(super) fn place(root: &Path, name: &str) -> Result<PathBuf, StoreError> {
    let own = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0']);
    if name.split('/').all(own) {
        Ok(root.join(name))
    } else {
        Err(StoreError::DidNotHappen(format!("{name:?} cannot be the name of an object").into()))
    }
}

/// Reads an object, and makes durable what it has read unless the caller has it already: `known` was durable when the
/// caller got it.
pub(super) fn get<D: Disk>(
    disk: &D,
    root: &Path,
    name: &str,
    known: Option<&ETag>,
) -> Result<Option<(Vec<u8>, ETag)>, StoreError> {
    let (file, found) = (place(root, name)?, look(disk, root, name)?);
    if found.is_none() || found.as_ref().map(|(_, etag)| etag) != known {
        sync_folders(disk, root, &file).map_err(StoreError::DidNotHappen)?;
    }
    Ok(found)
}

/// Reads an object without making it durable, for somebody who neither writes nor answers clients.
pub(super) fn look<D: Disk>(disk: &D, root: &Path, name: &str) -> Result<Option<(Vec<u8>, ETag)>, StoreError> {
    let file = place(root, name)?;
    current(disk, &file).map_err(|error| match file.is_dir() {
        true => StoreError::Obstructed("is a folder".into()),
        false => error,
    })
}

/// Replaces or creates an object if the condition holds. Writes it to a file called `temporary` first.
pub(super) fn put<D: Disk>(
    disk: &D,
    root: &Path,
    name: &str,
    bytes: &[u8],
    condition: &Condition,
    temporary: &str,
) -> Result<ETag, StoreError> {
    let file = place(root, name)?;
    let etag = ETag::of(bytes); // before the lock, because it takes a while for a large object
    let _lock = disk.lock(root).map_err(did_not_happen("lock", root))?;
    compare(&file, current(disk, &file)?.map(|(_, etag)| etag), condition)?;

    let above: Vec<&Path> = folders(root, &file).collect();
    for folder in above.iter().rev().filter(|folder| **folder != root) {
        disk.create_folder(folder).map_err(did_not_happen("create folder", folder))?;
    }
    let temporary = file.with_file_name(temporary);
    write_and_rename(disk, &temporary, &file, bytes).inspect_err(|error| {
        // A half-written file would keep a full disk full. If this fails, the next put tries again.
        if let StoreError::DidNotHappen(_) = error {
            let _ = disk.remove(&temporary);
        }
    })?;
    sync_folders(disk, root, &file).map_err(StoreError::Unclear)?;
    Ok(etag)
}

/// Removes an object durably. The lock keeps the removal from falling between the comparison and the rename of a put.
pub(super) fn delete<D: Disk>(disk: &D, root: &Path, name: &str) -> Result<(), StoreError> {
    let file = place(root, name)?;
    let _lock = disk.lock(root).map_err(did_not_happen("lock", root))?;
    match disk.remove(&file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(sorted("remove", &file, error));
        }
        // Somebody may have removed it and died before the sync.
        _ => {}
    }
    sync_folders(disk, root, &file).map_err(StoreError::Unclear)
}

fn write_and_rename<D: Disk>(disk: &D, temporary: &Path, file: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let written = disk.write_new(temporary, bytes).map_err(did_not_happen("write", temporary))?;
    disk.sync_file(&written).map_err(did_not_happen("sync", temporary))?;
    disk.rename(temporary, file).map_err(|error| sorted("rename to", file, error))
}

/// A failed rename or removal, which may have happened unless the error is a refusal.
fn sorted(operation: &str, file: &Path, error: io::Error) -> StoreError {
    let refused = is_refusal(&error);
    let reason = reason(operation, file, error);
    if refused { StoreError::DidNotHappen(reason) } else { StoreError::Unclear(reason) }
}

/// Whether a failed rename or removal left the old name as it was. POSIX promises that for every error but an I/O error.
/// A network file system may send a rename twice and report the failure of the second, so only errors that mean "not
/// allowed" or "no room" count here.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::IsADirectory
            | ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
    )
}

fn compare(file: &Path, current: Option<ETag>, condition: &Condition) -> Result<(), StoreError> {
    let file = file.display();
    match (condition, current) {
        (Condition::Absent, None) => Ok(()),
        (Condition::Match(wanted), Some(found)) if *wanted == found => Ok(()),
        (Condition::Absent, Some(ETag(found))) => {
            Err(StoreError::Conflict(format!("{file} should be absent, but is version {found}").into()))
        }
        (Condition::Match(ETag(wanted)), Some(ETag(found))) => {
            Err(StoreError::Conflict(format!("{file} should be version {wanted}, but is {found}").into()))
        }
        (Condition::Match(ETag(wanted)), None) => {
            Err(StoreError::Conflict(format!("{file} should be version {wanted}, but is absent").into()))
        }
    }
}

fn current<D: Disk>(disk: &D, file: &Path) -> Result<Option<(Vec<u8>, ETag)>, StoreError> {
    match disk.read(file) {
        Ok(bytes) => {
            let etag = ETag::of(&bytes);
            Ok(Some((bytes, etag)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(did_not_happen("read", file)(error)),
    }
}

/// Syncs every folder from the object's up to the root: the creator of a folder may have died before its sync. Nothing
/// removes a folder, so a missing one holds nothing that a crash could bring back.
fn sync_folders<D: Disk>(disk: &D, root: &Path, file: &Path) -> Result<(), Reason> {
    for folder in folders(root, file) {
        match disk.sync_folder(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound && folder != root => {}
            result => result.map_err(|error| reason("sync folder", folder, error))?,
        }
    }
    Ok(())
}

/// The folders that lead to a file, the innermost first and the root last.
fn folders<'a>(root: &'a Path, file: &'a Path) -> impl Iterator<Item = &'a Path> {
    file.ancestors().skip(1).take_while(move |folder| folder.starts_with(root))
}

fn did_not_happen(operation: &str, path: &Path) -> impl Fn(io::Error) -> StoreError {
    move |error| StoreError::DidNotHappen(reason(operation, path, error))
}

/// What failed, with the error of the operating system as the cause.
pub(super) fn reason(operation: &str, path: &Path, error: io::Error) -> Reason {
    Reason::of_system(describe(operation, path, &error), error)
}

/// Says in an error what was being done to which path.
pub(super) fn named(operation: &str, path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), describe(operation, path, &error))
}

/// Names the operation and the path, which errors of the operating system leave out.
fn describe(operation: &str, path: &Path, error: &io::Error) -> String {
    format!("cannot {operation} {}: {error}", path.display())
}
