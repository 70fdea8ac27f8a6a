//! A disk that knows what is durable, and can lose the rest in every way in which a crash of the machine can.
//!
//! It is crueler than any real disk. Any subset of the changes to a folder since its last sync may survive, in any
//! combination with empty, torn or whole contents of the files that were not synced.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// One request to the disk. Between two of them a process can die, or the machine can crash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Lock,
    Read(PathBuf),
    CreateFolder(PathBuf),
    WriteNew(PathBuf, Vec<u8>),
    SyncFile(FileId),
    Rename(PathBuf, PathBuf),
    SyncFolder(PathBuf),
    Remove(PathBuf),
}

/// What a step returns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    Nothing,
    Bytes(Vec<u8>),
    File(FileId),
}

pub(super) type Answer = Result<Value, ErrorKind>;

/// How a step fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// Refused for lack of room. A file that was being written is half there. A file that was being synced is lost,
    /// although the next sync will claim otherwise.
    Full,
    /// An I/O error, before anything was done.
    BrokenBefore,
    /// An I/O error, although the step was done.
    BrokenAfter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    File(FileId),
    Folder,
}

type Names = BTreeMap<PathBuf, Node>;

/// The new nodes of some names, or none where a name goes, all in one step.
type Change = Vec<(PathBuf, Option<Node>)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Content {
    Durable,
    Cached,
    /// A sync failed. The page counts as clean now, so no later sync will write it.
    Lost,
}

/// Names and contents: as everybody sees them, and as they would be after a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Disk {
    files: Vec<(Vec<u8>, Content)>,
    durable: Names,
    /// Changes since the folder's last sync, in order. Each becomes durable as a whole or not at all.
    pending: Vec<(PathBuf, Change)>,
}

impl Disk {
    /// A disk on which all of this is durable.
    pub(super) fn with(folders: &[&str], files: &[(&str, &str)]) -> Disk {
        let mut disk = Disk::default();
        for folder in folders {
            disk.durable.insert(PathBuf::from(folder), Node::Folder);
        }
        for (path, bytes) in files {
            disk.durable.insert(PathBuf::from(path), Node::File(FileId(disk.files.len())));
            disk.files.push((bytes.as_bytes().to_vec(), Content::Durable));
        }
        disk
    }

    /// The content of a file, as everybody sees it now.
    pub(super) fn content(&self, path: &Path) -> Option<&[u8]> {
        match self.visible().get(path) {
            Some(Node::File(FileId(index))) => Some(&self.files[*index].0),
            _ => None,
        }
    }

    pub(super) fn perform(&mut self, step: &Step, fault: Option<Fault>) -> Answer {
        match fault {
            None => self.apply(step),
            Some(Fault::BrokenBefore) => Err(ErrorKind::Other),
            Some(Fault::BrokenAfter) => self.apply(step).and(Err(ErrorKind::Other)),
            Some(Fault::Full) => {
                match step {
                    Step::WriteNew(path, bytes) => {
                        let half = bytes[..bytes.len() / 2].to_vec();
                        self.apply(&Step::WriteNew(path.clone(), half))?;
                    }
                    Step::SyncFile(FileId(index)) => self.files[*index].1 = Content::Lost,
                    _ => {}
                }
                Err(ErrorKind::StorageFull)
            }
        }
    }

    fn apply(&mut self, step: &Step) -> Answer {
        let visible = self.visible();
        match step {
            Step::Lock => {}
            Step::Read(path) => match visible.get(path) {
                Some(Node::File(FileId(index))) => {
                    return Ok(Value::Bytes(self.files[*index].0.clone()));
                }
                Some(Node::Folder) => return Err(ErrorKind::IsADirectory),
                None => return Err(ErrorKind::NotFound),
            },
            Step::CreateFolder(path) => {
                if !visible.contains_key(path) {
                    self.change(path, vec![(path.clone(), Some(Node::Folder))])?;
                }
            }
            Step::WriteNew(path, bytes) => {
                let id = FileId(self.files.len());
                self.files.push((bytes.clone(), Content::Cached));
                self.change(path, vec![(path.clone(), Some(Node::File(id)))])?;
                return Ok(Value::File(id));
            }
            Step::SyncFile(FileId(index)) => {
                let content = &mut self.files[*index].1;
                if *content == Content::Cached {
                    *content = Content::Durable;
                }
            }
            Step::Rename(from, to) => {
                let node = *visible.get(from).ok_or(ErrorKind::NotFound)?;
                self.change(to, vec![(from.clone(), None), (to.clone(), Some(node))])?;
            }
            Step::Remove(path) => {
                visible.get(path).ok_or(ErrorKind::NotFound)?;
                self.change(path, vec![(path.clone(), None)])?;
            }
            Step::SyncFolder(folder) => {
                let pending = std::mem::take(&mut self.pending);
                let (synced, left): (Vec<_>, Vec<_>) = pending.into_iter().partition(|(changed, _)| changed == folder);
                self.pending = left;
                for (_, change) in synced {
                    rename_in(&mut self.durable, &change);
                }
            }
        }
        Ok(Value::Nothing)
    }

    fn change(&mut self, path: &Path, change: Vec<(PathBuf, Option<Node>)>) -> Result<(), ErrorKind> {
        let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
        if self.visible().get(folder) != Some(&Node::Folder) {
            return Err(ErrorKind::NotFound);
        }
        self.pending.push((folder.to_owned(), change));
        Ok(())
    }

    fn visible(&self) -> Names {
        let mut names = self.durable.clone();
        for (_, change) in &self.pending {
            rename_in(&mut names, change);
        }
        names
    }

    /// Every disk that may be found after a crash at this moment.
    pub(super) fn survivors(&self) -> BTreeSet<Disk> {
        let mut found = BTreeSet::new();
        for subset in 0..1_u32 << self.pending.len() {
            let mut names = self.durable.clone();
            for (index, (_, change)) in self.pending.iter().enumerate() {
                if subset & (1 << index) != 0 {
                    rename_in(&mut names, change);
                }
            }
            // A lost folder takes its files with it.
            while let Some(orphan) = orphan(&names) {
                names.remove(&orphan);
            }
            found.extend(with_contents(&names, &self.files));
        }
        found
    }
}

fn rename_in(names: &mut Names, change: &[(PathBuf, Option<Node>)]) {
    for (path, node) in change {
        match node {
            Some(node) => names.insert(path.clone(), *node),
            None => names.remove(path),
        };
    }
}

fn orphan(names: &Names) -> Option<PathBuf> {
    let is_orphan = |path: &&PathBuf| {
        path.parent().is_some_and(|parent| parent != Path::new("") && names.get(parent) != Some(&Node::Folder))
    };
    names.keys().find(is_orphan).cloned()
}

/// The disks with these names and every content that each of the files may have.
fn with_contents(names: &Names, files: &[(Vec<u8>, Content)]) -> Vec<Disk> {
    let mut disks = vec![Disk::default()];
    for (path, node) in names {
        let contents = match node {
            Node::Folder => {
                for disk in &mut disks {
                    disk.durable.insert(path.clone(), Node::Folder);
                }
                continue;
            }
            Node::File(FileId(index)) => possible_contents(&files[*index]),
        };
        let with = |disk: &Disk, bytes: &Vec<u8>| {
            let mut disk = disk.clone();
            disk.durable.insert(path.clone(), Node::File(FileId(disk.files.len())));
            disk.files.push((bytes.clone(), Content::Durable));
            disk
        };
        disks = disks.iter().flat_map(|disk| contents.iter().map(move |bytes| with(disk, bytes))).collect();
    }
    disks
}

fn possible_contents((bytes, content): &(Vec<u8>, Content)) -> Vec<Vec<u8>> {
    match content {
        Content::Durable => vec![bytes.clone()],
        Content::Cached | Content::Lost => {
            let torn = bytes.iter().enumerate().map(|(index, byte)| if index % 2 == 0 { *byte } else { 0 });
            vec![Vec::new(), torn.collect(), bytes.clone()]
        }
    }
}
