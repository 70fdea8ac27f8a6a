//! What commands mean: a pure function from a state and a batch to a state and replies.
//!
//! Nothing here waits, fails or knows of other servers. A batch is executed on a [`Draft`]: the newest known version
//! of the database with the batch's own changes laid over it. If the commit lands, [`Root::apply`] makes the changes
//! part of the version; if another server won, the draft is dropped and no trace of it remains.
//!
//! Whether a command *is* a write shows only when it is executed: `DEL` of an absent key changes nothing and may be
//! answered like a read. `SET` always counts as a change, even to the value that is there already: it promises that a
//! version with this value was stored after it was called.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::command::{Command, Existence};
use crate::resp::Reply;
use crate::root::{self, Header, Id, Root};

/// The version after `root`, while it is being computed.
pub struct Draft<'a> {
    root: &'a Root,
    changes: Changes,
}

/// What a draft changes, detached from the version that it was computed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// How many changes were made, undone ones included.
    made: u64,
    /// Everything before was deleted.
    flushed: bool,
    /// The new values; `None` is a deletion.
    entries: BTreeMap<Bytes, Option<Bytes>>,
    /// How many keys come to the database, less those that leave. After a flush, the number of keys.
    keys: i64,
    /// The new `swept`, if it grows.
    swept: Option<u64>,
}

impl<'a> Draft<'a> {
    /// A version that so far changes nothing.
    pub fn new(root: &'a Root) -> Draft<'a> {
        Draft { root, changes: Changes::default() }
    }

    /// How many changes were made so far. A command that leaves it as it was changed nothing.
    pub fn made(&self) -> u64 {
        self.changes.made
    }

    /// Executes one command and answers it as if the draft were already stored.
    pub fn execute(&mut self, command: &Command) -> Reply {
        match command {
            Command::Get { key } => self.value(key),
            Command::Set { key, value, condition, get } => self.set(key, value, *condition, *get),
            Command::Delete { keys } => count(keys.iter().filter(|key| self.delete(key)).count()),
            Command::Exists { keys } => count(keys.iter().filter(|key| self.get(key).is_some()).count()),
            Command::MultiGet { keys } => Reply::Array(keys.iter().map(|key| self.value(key)).collect()),
            Command::MultiSet { pairs } => {
                for (key, value) in pairs {
                    self.put(key.clone(), value.clone());
                }
                Reply::OK
            }
            Command::Size => count(self.keys()),
            Command::Flush => {
                self.flush();
                Reply::OK
            }
        }
    }

    fn set(&mut self, key: &Bytes, value: &Bytes, condition: Option<Existence>, get: bool) -> Reply {
        let present = self.get(key).is_some();
        let meant = match condition {
            None => true,
            Some(Existence::Absent) => !present,
            Some(Existence::Present) => present,
        };
        // The old value is the answer whether or not the new one is taken.
        let reply = match (get, meant) {
            (true, _) => self.value(key),
            (false, true) => Reply::OK,
            (false, false) => Reply::Null,
        };
        if meant {
            self.put(key.clone(), value.clone());
        }
        reply
    }

    fn value(&self, key: &Bytes) -> Reply {
        self.get(key).map_or(Reply::Null, |value| Reply::Bulk(value.clone()))
    }

    fn get(&self, key: &Bytes) -> Option<&Bytes> {
        match self.changes.entries.get(key) {
            Some(change) => change.as_ref(),
            None if self.changes.flushed => None,
            None => self.root.recent.get(key),
        }
    }

    fn put(&mut self, key: Bytes, value: Bytes) {
        self.changes.made += 1;
        if self.get(&key).is_none() {
            self.changes.keys += 1;
        }
        self.changes.entries.insert(key, Some(value));
    }

    fn delete(&mut self, key: &Bytes) -> bool {
        if self.get(key).is_none() {
            return false;
        }
        self.changes.made += 1;
        self.changes.keys -= 1;
        self.changes.entries.insert(key.clone(), None);
        true
    }

    fn flush(&mut self) {
        if self.keys() > 0 {
            // What was changed earlier in this batch goes with the rest; that it was changed is not forgotten.
            let Changes { made, swept, .. } = std::mem::take(&mut self.changes);
            self.changes = Changes { made: made + 1, flushed: true, swept, ..Changes::default() };
        }
    }

    fn keys(&self) -> usize {
        let before = if self.changes.flushed { 0 } else { self.root.recent.len() };
        usize::try_from(before as i64 + self.changes.keys).expect("only present keys are deleted")
    }

    /// Raises `swept` to the generation of this draft: runs uploaded below it may be deleted once it has landed.
    pub fn sweep(&mut self) {
        self.changes.made += 1;
        self.changes.swept = Some(self.generation());
    }

    fn generation(&self) -> u64 {
        // A commit every nanosecond would take five centuries to get there.
        self.root.header.generation.checked_add(1).expect("generations do not run out")
    }

    /// The draft as bytes, signed by `server`, and the changes to apply once these bytes have been stored.
    pub fn finish(self, server: Id) -> Finished {
        let mut header = self.root.header.clone();
        header.generation = self.generation();
        header.sign(server);
        if self.changes.flushed {
            // What follows the flush in the same batch lies after `base`.
            header.base = self.root.header.generation;
        }
        header.swept = self.changes.swept.unwrap_or(header.swept);
        let bytes = root::encode(&header, self.keys(), self.entries());
        Finished { header, changes: self.changes, bytes }
    }

    /// The entries of the new version in ascending order: the old ones, with the changes laid over them.
    fn entries(&self) -> impl Iterator<Item = (&Bytes, &Bytes)> {
        let nothing = const { &BTreeMap::new() };
        let mut old = if self.changes.flushed { nothing } else { &self.root.recent }.iter().peekable();
        let mut new = self.changes.entries.iter().peekable();
        std::iter::from_fn(move || {
            loop {
                let Some((key, change)) = new.peek() else { return old.next() };
                if let Some(before) = old.next_if(|(other, _)| other < key) {
                    return Some(before);
                }
                old.next_if(|(other, _)| other == key);
                let (key, change) = (*key, change.as_ref());
                new.next();
                if let Some(value) = change {
                    return Some((key, value));
                }
            }
        })
    }
}

/// A draft that is ready to be stored.
pub struct Finished {
    /// Its header.
    pub header: Header,
    /// What it changes.
    pub changes: Changes,
    /// Its bytes.
    pub bytes: Bytes,
}

impl Root {
    /// Becomes the version that was finished on this one.
    pub fn apply(&mut self, header: Header, changes: Changes) {
        debug_assert_eq!(
            header.generation,
            self.header.generation + 1,
            "changes belong to the version they were computed on"
        );
        self.header = header;
        if changes.flushed {
            self.recent.clear();
        }
        for (key, change) in changes.entries {
            match change {
                Some(value) => self.recent.insert(key, value),
                None => self.recent.remove(&key),
            };
        }
    }
}

fn count(n: usize) -> Reply {
    Reply::Integer(n as i64)
}
