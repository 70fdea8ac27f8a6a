//! A version while it is being computed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bytes::Bytes;

use super::changes::{Added, Merged};
use super::database::Database;
use crate::command::{Command, Existence};
use crate::resp::Reply;
use crate::root::{self, Run};
use crate::zoo::planted;

/// In the words of Valkey, which clients know.
const FULL: Reply = Reply::Error(Cow::Borrowed("OOM command not allowed when used memory > 'maxmemory'."));

/// The version after `database`, while it is being computed.
pub struct Draft<'a> {
    pub(super) database: &'a Database,
    /// Once the database is larger than this, it may not grow.
    limit: Option<u64>,
    /// How many changes were made, undone ones included.
    pub(super) made: u64,
    /// Everything before was deleted.
    pub(super) flushed: bool,
    /// The new values; `None` is a deletion.
    pub(super) entries: BTreeMap<Bytes, Option<Bytes>>,
    /// How many keys there are now.
    pub(super) keys: u64,
    /// How large they are together: what [`Database::size`] will be.
    pub(super) size: u64,
    /// The runs as they will be named, and which of them are new.
    pub(super) runs: Vec<Run>,
    pub(super) added: Vec<Added>,
    pub(super) merged: Vec<Merged>,
    /// Runs uploaded below this generation may not be named any more.
    pub(super) swept: u64,
}

impl<'a> Draft<'a> {
    /// A version that so far changes nothing. Once it is larger than `limit`, commands that may let it grow are refused.
    ///
    /// The limit is a server's own, not the database's: servers of different limits refuse at different sizes.
    pub fn new(database: &'a Database, limit: Option<u64>) -> Draft<'a> {
        let root = &database.root;
        Draft {
            database,
            limit,
            made: 0,
            flushed: false,
            entries: BTreeMap::new(),
            keys: root.keys,
            size: database.size(),
            runs: root.runs.clone(),
            added: Vec::new(),
            merged: Vec::new(),
            swept: root.header.swept,
        }
    }

    /// The bytes of all keys and values, and [`root::OVERHEAD`] for each entry.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many changes were made so far. A command that leaves it as it was changed nothing.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// Executes one command and answers it as if the draft were already stored.
    pub fn execute(&mut self, command: &Command) -> Reply {
        // Like Valkey, look at the size before the command only: one command may overshoot, by as much as it brings.
        if command.may_grow() && self.limit.is_some_and(|limit| self.size > limit) {
            return FULL;
        }
        match command {
            Command::Get { .. } if planted!("canary") => Reply::Null,
            Command::Get { key } => self.value(key),
            Command::Set { key, value, condition, get } => self.set(key, value, *condition, *get),
            Command::Delete { keys } => Reply::count(keys.iter().filter(|key| self.delete(key)).count()),
            Command::Exists { keys } => Reply::count(keys.iter().filter(|key| self.find(key).is_some()).count()),
            Command::MultiGet { keys } => Reply::Array(keys.iter().map(|key| self.value(key)).collect()),
            Command::MultiSet { pairs } => {
                for (key, value) in pairs {
                    self.put(key.clone(), value.clone());
                }
                Reply::OK
            }
            Command::Size => Reply::Integer(self.keys.cast_signed()),
            Command::Flush => {
                self.flush();
                Reply::OK
            }
        }
    }

    fn set(&mut self, key: &Bytes, value: &Bytes, condition: Option<Existence>, get: bool) -> Reply {
        let meant = match condition {
            None => true,
            Some(Existence::Absent) => self.find(key).is_none(),
            Some(Existence::Present) => self.find(key).is_some(),
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
        self.get(key).map_or(Reply::Null, Reply::Bulk)
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Bytes> {
        match self.entries.get(key) {
            Some(change) => change.clone(),
            None if self.flushed => None,
            None => self.database.get(key),
        }
    }

    /// The same, for whoever only looks at it.
    pub(super) fn find(&self, key: &[u8]) -> Option<&[u8]> {
        match self.entries.get(key) {
            Some(change) => change.as_deref(),
            None if self.flushed => None,
            None => self.database.find(key),
        }
    }

    fn put(&mut self, key: Bytes, value: Bytes) {
        self.made += 1;
        self.size += root::size(&key, &value);
        // Looked up once: most of a batch are these.
        let old = match self.entries.entry(key) {
            Entry::Occupied(mut change) => {
                let old = change.insert(Some(value));
                old.map(|old| root::size(change.key(), &old))
            }
            Entry::Vacant(place) => {
                let database = if self.flushed { None } else { Some(self.database) };
                let old = database.and_then(|database| database.find(place.key()));
                let old = old.map(|old| root::size(place.key(), old));
                place.insert(Some(value));
                old
            }
        };
        match old {
            Some(old) => self.size -= old,
            None => self.keys += 1,
        }
    }

    fn delete(&mut self, key: &Bytes) -> bool {
        let Some(size) = self.find(key).map(|old| root::size(key, old)) else { return false };
        self.made += 1;
        self.keys -= 1;
        self.size -= size;
        self.entries.insert(key.clone(), None);
        true
    }

    /// Forgets everything, however much it is: what the runs hold is not even looked at.
    fn flush(&mut self) {
        if planted!("flush-misses-runs") {
            let recent: Vec<Bytes> =
                self.database.root.recent.iter().map(|(key, _)| key).chain(self.entries.keys()).cloned().collect();
            return recent.iter().for_each(|key| _ = self.delete(key));
        }
        if self.keys > 0 {
            // What was changed earlier in this batch goes with the rest; that it was changed is not forgotten.
            self.made += 1;
            self.flushed = true;
            (self.keys, self.size) = (0, 0);
            if planted!("flush-misses-its-batch") {
                let own = self.entries.iter().filter_map(|(key, value)| Some(root::size(key, value.as_ref()?)));
                (self.keys, self.size) = own.fold((0, 0), |(keys, size), entry| (keys + 1, size + entry));
            } else {
                self.entries.clear();
            }
            self.runs.clear();
            self.added.clear();
            self.merged.clear();
        }
    }
}
