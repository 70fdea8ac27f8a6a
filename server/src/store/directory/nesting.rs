//! Refusing a folder inside the folder of another store, or around one. The names of the outer store's objects would lead
//! into the inner store, and their locks would exclude nobody.
//!
//! A store is known by its `db.json`. Before the first write there is none, so a server marks the folder that it opens. It
//! marks first and looks for other stores afterwards: of two servers that start at once, one sees the mark of the other.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::disk::{Disk as _, System};
use super::steps::named;

/// The object by which a store is known, and how it begins.
const DATABASE: (&str, &[u8]) = ("db.json", b"{\"format\":");

/// The empty file by which a store without a database is known. No object can have its name.
const MARK: &str = ".valthree";

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

/// Marks a folder that exists, so that the start of a server inside it or around it fails. Fails if there is one already.
pub(super) fn claim(root: &Path) -> io::Result<()> {
    if has_database(root) {
        return refuse(root);
    }
    // Another server that opens the same folder waits here, and does not rely on a mark that is about to be removed.
    let _lock = System.lock(root).map_err(named("lock", root))?;
    let mark = root.join(MARK);
    let is_new = match File::create_new(&mark) {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
        Err(error) => return Err(named("write", &mark)(error)),
    };
    let refused = refuse(root);
    if refused.is_err() && is_new {
        System.remove(&mark).map_err(named("remove", &mark))?;
    }
    refused
}

fn nested(root: &Path, how: &str, other: &Path) -> io::Error {
    let unused = match has_database(other) {
        true => String::new(),
        false => format!(". There is no database yet. If no server uses it, remove {}", other.join(MARK).display()),
    };
    let (root, other) = (root.display(), other.display());
    io::Error::other(format!(
        "{root} lies {how} the folder of another database, {other}: give each a folder of its own{unused}"
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
    folder.join(MARK).is_file() || has_database(folder)
}

fn has_database(folder: &Path) -> bool {
    let (name, beginning) = DATABASE;
    let mut found = vec![0; beginning.len()];
    let read = File::open(folder.join(name)).and_then(|mut file| file.read_exact(&mut found));
    read.is_ok() && found == beginning
}
