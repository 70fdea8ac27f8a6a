//! The order of the steps on the disk, which is the whole of the store's correctness.
//!
//! A put locks, compares, writes a temporary file, syncs it, renames it, syncs the folders, and only then answers:
//!
//! | died before | left behind |
//! |---|---|
//! | the sync of the file | the old version; maybe a torn temporary file, which the next put replaces |
//! | the rename | the old version; maybe a whole temporary file |
//! | the sync of the folders | the old or the new version, and until the machine stops everybody sees the new one |
//! | the answer | the new version |
//!
//! Readers take no lock: a rename is one step, so the file they open is one version, whole. But the version may be from
//! the third row, its writer dead or not there yet, so a read syncs the folders itself before it shows a version to
//! anyone. The same goes for absence, which may be the work of a delete that died before its sync.
//!
//! A sync of a folder that failed may have lost the names for good while a second one succeeds. What protects from that
//! is that file systems with a journal stop taking writes, and syncs, once they cannot write their own records.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::disk::Disk;
use crate::store::{Condition, ETag, StoreError};

/// Where the next version is written before it gets its name, in the folder of the object. One name is enough, as only
/// the holder of the lock writes it. The parts of object names never begin with a dot.
pub(super) const TEMPORARY: &str = ".unfinished";

/// Turns the name of an object into the path of its file, which is always below the root.
pub(super) fn place(root: &Path, name: &str) -> Result<PathBuf, StoreError> {
    let own = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0']);
    if name.split('/').all(own) {
        Ok(root.join(name))
    } else {
        Err(StoreError::DidNotHappen(format!("{name:?} cannot be the name of an object")))
    }
}

/// Reads an object and makes durable what it read, unless the caller has it already.
///
/// `known` was durable when the caller got it, so to see it again needs no sync.
pub(super) fn get<D: Disk>(
    disk: &D,
    root: &Path,
    name: &str,
    known: Option<&ETag>,
) -> Result<Option<(Vec<u8>, ETag)>, StoreError> {
    let file = place(root, name)?;
    let found = current(disk, &file).map_err(|error| match file.is_dir() {
        true => StoreError::Obstructed("is a folder".into()),
        false => error,
    })?;
    if found.is_none() || found.as_ref().map(|(_, etag)| etag) != known {
        sync_folders(disk, root, &file).map_err(StoreError::DidNotHappen)?;
    }
    Ok(found)
}

/// Replaces or creates an object if the condition holds.
pub(super) fn put<D: Disk>(
    disk: &D,
    root: &Path,
    name: &str,
    bytes: &[u8],
    condition: &Condition,
) -> Result<ETag, StoreError> {
    let file = place(root, name)?;
    let etag = ETag::of(bytes); // It takes a while for a large object, and nobody has to wait for it yet.
    let _lock = disk.lock(root).map_err(did_not_happen("lock", root))?;
    compare(&file, current(disk, &file)?.map(|(_, etag)| etag), condition)?;

    let above: Vec<&Path> = folders(root, &file).collect();
    for folder in above.iter().rev().filter(|folder| **folder != root) {
        disk.create_folder(folder).map_err(did_not_happen("create folder", folder))?;
    }
    let temporary = file.with_file_name(TEMPORARY);
    write_and_rename(disk, &temporary, &file, bytes).inspect_err(|error| {
        // On a full disk a half-written file would keep it full. If it can't be removed, the next put will try.
        if let StoreError::DidNotHappen(_) = error {
            let _ = disk.remove(&temporary);
        }
    })?;
    sync_folders(disk, root, &file).map_err(StoreError::Unclear)?;
    Ok(etag)
}

/// Removes an object, durably. The lock keeps it from falling between a put's look at the object and its rename.
pub(super) fn delete<D: Disk>(disk: &D, root: &Path, name: &str) -> Result<(), StoreError> {
    let file = place(root, name)?;
    let _lock = disk.lock(root).map_err(did_not_happen("lock", root))?;
    match disk.remove(&file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            let text = describe("remove", &file, &error);
            return Err(if is_refusal(&error) { StoreError::DidNotHappen(text) } else { StoreError::Unclear(text) });
        }
        // Somebody may have removed it and died before the sync.
        _ => {}
    }
    sync_folders(disk, root, &file).map_err(StoreError::Unclear)
}

fn write_and_rename<D: Disk>(disk: &D, temporary: &Path, file: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let written = disk.write_new(temporary, bytes).map_err(did_not_happen("write", temporary))?;
    disk.sync_file(&written).map_err(did_not_happen("sync", temporary))?;
    disk.rename(temporary, file).map_err(|error| {
        let text = describe("rename to", file, &error);
        if is_refusal(&error) { StoreError::DidNotHappen(text) } else { StoreError::Unclear(text) }
    })
}

/// Tells whether a failed rename or removal left the old name as it was. POSIX promises that for everything but an I/O error, but
/// a network file system may send a rename twice and report the failure of the second, so only errors that mean "not
/// allowed" or "no room" count.
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
            Err(StoreError::Conflict(format!("{file} should be absent, but is version {found}")))
        }
        (Condition::Match(ETag(wanted)), Some(ETag(found))) => {
            Err(StoreError::Conflict(format!("{file} should be version {wanted}, but is {found}")))
        }
        (Condition::Match(ETag(wanted)), None) => {
            Err(StoreError::Conflict(format!("{file} should be version {wanted}, but is absent")))
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

/// Syncs every folder from the object's up to the root, since whoever created one may have died before it was durable.
/// Nothing removes a folder, so one that is not there yet holds nothing that a crash could bring back.
fn sync_folders<D: Disk>(disk: &D, root: &Path, file: &Path) -> Result<(), String> {
    for folder in folders(root, file) {
        match disk.sync_folder(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound && folder != root => {}
            result => result.map_err(|error| describe("sync folder", folder, &error))?,
        }
    }
    Ok(())
}

/// The folders that lead to a file, the innermost first and the root last.
fn folders<'a>(root: &'a Path, file: &'a Path) -> impl Iterator<Item = &'a Path> {
    file.ancestors().skip(1).take_while(move |folder| folder.starts_with(root))
}

fn did_not_happen(operation: &str, path: &Path) -> impl Fn(io::Error) -> StoreError {
    move |error| StoreError::DidNotHappen(describe(operation, path, &error))
}

/// Names the operation and the path, which errors of the operating system leave out.
pub(super) fn describe(operation: &str, path: &Path, error: &io::Error) -> String {
    format!("cannot {operation} {}: {error}", path.display())
}
