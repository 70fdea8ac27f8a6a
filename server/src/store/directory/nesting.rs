//! Refusing a folder inside the folder of another store, or around one. The names of the outer store's objects would lead
//! into the inner store, and their locks would exclude nobody.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The object by which a store is known, and how it begins.
const DATABASE: (&str, &[u8]) = ("db.json", b"{\"format\":");

/// How deep to look for a store below a folder. Objects lie in folders one level deep.
const DEPTH: usize = 3;

/// How many folders to look at, in case that somebody means to keep a database in the root of a disk.
const FOLDERS: usize = 1000;

/// Fails if the folder, which need not exist, lies inside another store's folder or around one.
pub(super) fn refuse(root: &Path) -> io::Result<()> {
    // Links may lead into another store.
    let real = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    if let Some(outer) = real.ancestors().skip(1).find(|folder| is_store(folder)) {
        return Err(nested(root, "inside", outer));
    }
    match store_below(real) {
        Some(inner) => Err(nested(root, "around", &inner)),
        None => Ok(()),
    }
}

fn nested(root: &Path, how: &str, other: &Path) -> io::Error {
    let (root, other) = (root.display(), other.display());
    io::Error::other(format!(
        "{root} lies {how} the folder of another database, {other}: give each a folder of its own"
    ))
}

fn store_below(root: PathBuf) -> Option<PathBuf> {
    let (mut level, mut looked_at) = (vec![root], 0);
    for _ in 0..DEPTH {
        let folders = level.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
        let folders = folders.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let folders: Vec<PathBuf> = folders.map(|entry| entry.path()).take(FOLDERS - looked_at).collect();
        looked_at += folders.len();
        if let Some(store) = folders.iter().find(|folder| is_store(folder)) {
            return Some(store.clone());
        }
        level = folders;
    }
    None
}

fn is_store(folder: &Path) -> bool {
    let (name, beginning) = DATABASE;
    let mut found = vec![0; beginning.len()];
    let read = File::open(folder.join(OsStr::new(name))).and_then(|mut file| file.read_exact(&mut found));
    read.is_ok() && found == beginning
}
