//! What commands mean: a pure function from a state and a batch to a state and replies.
//!
//! Nothing here waits, fails or knows of other servers. A batch is executed on a [`Draft`]: the newest known version
//! of the database with the batch's own changes laid over it. If the commit lands, [`Root::apply`] makes the changes
//! part of the version; if another server won, the draft is dropped and no trace of it remains.
//!
//! Whether a command *is* a write shows only when it is executed: `DEL` of an absent key changes nothing and may be
//! answered like a read. `SET` always counts as a change, even to the value that is there already: it promises that a
//! version with this value was stored after it was called.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::command::{Command, Existence};
use crate::resp::Reply;
use crate::root::{self, Entries, Header, Id, Root};
use crate::zoo::planted;

/// In the words of Valkey, which clients know.
const FULL: Reply = Reply::Error(Cow::Borrowed("OOM command not allowed when used memory > 'maxmemory'."));

/// The version after `root`, while it is being computed.
pub struct Draft<'a> {
    root: &'a Root,
    /// Once the database is larger than this, it may not grow.
    limit: Option<u64>,
    changes: Changes,
    /// How many changes were made, undone ones included.
    made: u64,
    /// How many keys there are now.
    keys: usize,
    /// How large they are together: what [`Entries::size`] will be.
    size: u64,
    /// The new `swept`, if it grows.
    swept: Option<u64>,
}

/// What a draft changes, detached from the version that it was computed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Everything before was deleted.
    flushed: bool,
    /// The new values; `None` is a deletion.
    entries: BTreeMap<Bytes, Option<Bytes>>,
}

impl<'a> Draft<'a> {
    /// A version that so far changes nothing. Once it is larger than `limit`, commands that may let it grow are refused.
    ///
    /// The limit is a server's own, not the database's: servers of different limits refuse at different sizes.
    pub fn new(root: &'a Root, limit: Option<u64>) -> Draft<'a> {
        let (keys, size) = (root.recent.len(), root.recent.size());
        Draft { root, limit, changes: Changes::default(), made: 0, keys, size, swept: None }
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
            Command::Exists { keys } => Reply::count(keys.iter().filter(|key| self.get(key).is_some()).count()),
            Command::MultiGet { keys } => Reply::Array(keys.iter().map(|key| self.value(key)).collect()),
            Command::MultiSet { pairs } => {
                for (key, value) in pairs {
                    self.put(key.clone(), value.clone());
                }
                Reply::OK
            }
            Command::Size => Reply::count(self.keys),
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
        self.made += 1;
        match self.get(&key).map(|old| root::size(&key, old)) {
            Some(old) => self.size -= old,
            None => self.keys += 1,
        }
        self.size += root::size(&key, &value);
        self.changes.entries.insert(key, Some(value));
    }

    fn delete(&mut self, key: &Bytes) -> bool {
        let Some(size) = self.get(key).map(|old| root::size(key, old)) else { return false };
        self.made += 1;
        self.keys -= 1;
        self.size -= size;
        self.changes.entries.insert(key.clone(), None);
        true
    }

    fn flush(&mut self) {
        if self.keys > 0 {
            // What was changed earlier in this batch goes with the rest; that it was changed is not forgotten.
            self.made += 1;
            (self.keys, self.size) = (0, 0);
            if planted!("flush-misses-its-batch") {
                let own = self.changes.entries.iter().filter_map(|(key, value)| Some(root::size(key, value.as_ref()?)));
                (self.keys, self.size) = own.fold((0, 0), |(keys, size), entry| (keys + 1, size + entry));
                self.changes.flushed = true;
                return;
            }
            self.changes = Changes { flushed: true, entries: BTreeMap::new() };
        }
    }

    /// Raises `swept` to the generation of this draft: runs uploaded below it may be deleted once it has landed.
    pub fn sweep(&mut self) {
        self.made += 1;
        self.swept = Some(self.generation());
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
        header.swept = self.swept.unwrap_or(header.swept);
        let bytes = root::encode(&header, self.keys, self.entries());
        Finished { header, changes: self.changes, bytes }
    }

    /// The entries of the new version in ascending order: the old ones, with the changes laid over them.
    fn entries(&self) -> impl Iterator<Item = (&Bytes, &Bytes)> + Clone {
        let mut old = if self.changes.flushed { Entries::EMPTY } else { &self.root.recent }.iter().peekable();
        let mut new = self.changes.entries.iter().peekable();
        std::iter::from_fn(move || {
            loop {
                let Some((key, _)) = new.peek() else { return old.next() };
                if let Some(before) = old.next_if(|(other, _)| other < key) {
                    return Some(before);
                }
                old.next_if(|(other, _)| other == key);
                if let Some((key, Some(value))) = new.next() {
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
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;

    fn id(seed: u64) -> Id {
        Id::random(&mut StdRng::seed_from_u64(seed))
    }

    /// Generation 7 of a database that server 1 wrote.
    fn root(entries: &[(&'static str, &'static str)]) -> Root {
        let mut root = Root::unborn(id(0));
        root.header.generation = 7;
        (root.header.base, root.header.swept) = (2, 3);
        root.header.sign(id(1));
        root.recent = entries.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        root
    }

    fn set(key: &'static str, value: &'static str) -> Command {
        Command::Set { key: key.into(), value: value.into(), condition: None, get: false }
    }

    fn del(key: &'static str) -> Command {
        Command::Delete { keys: vec![key.into()] }
    }

    /// The version that server 2 makes of it, as it is stored.
    fn after(root: &Root, commands: &[Command]) -> Root {
        let mut draft = Draft::new(root, None);
        for command in commands {
            draft.execute(command);
        }
        Root::decode(&draft.finish(id(2)).bytes).expect("what is stored can be read")
    }

    #[test]
    fn a_flush_keeps_the_identity_the_writers_and_what_was_swept() {
        let flushed = after(&root(&[("a", "1"), ("b", "2")]), &[Command::Flush]);
        let writers = BTreeMap::from([(id(1), 7), (id(2), 8)]);
        assert_eq!(flushed.header, Header { id: id(0), generation: 8, writers, base: 7, swept: 3 });
        assert!(flushed.recent.is_empty());
    }

    #[test]
    fn what_follows_a_flush_in_the_same_batch_survives_it() {
        let batch = [set("a", "before"), set("b", "before"), Command::Flush, set("b", "after"), set("c", "after")];
        let flushed = after(&root(&[("a", "1")]), &batch);
        assert_eq!(flushed.recent, root(&[("b", "after"), ("c", "after")]).recent);
        assert_eq!(flushed.header.base, 7, "generation 8 lies after it");
    }

    #[test]
    fn a_flush_of_nothing_changes_nothing() {
        let (empty, full) = (root(&[]), root(&[("a", "1")]));
        let mut draft = Draft::new(&empty, None);
        assert_eq!(draft.execute(&Command::Flush), Reply::OK);
        assert_eq!(draft.made(), 0);
        assert_eq!(after(&empty, &[set("a", "1"), del("a"), Command::Flush]).header.base, 2);
        assert_eq!(after(&full, &[del("a"), Command::Flush]).header.base, 2, "the batch has emptied it already");
    }

    #[test]
    fn a_change_that_is_undone_was_made_all_the_same() {
        let root = root(&[]);
        let mut draft = Draft::new(&root, None);
        draft.execute(&set("a", "1"));
        draft.execute(&Command::Flush);
        assert_eq!(draft.made(), 2);
        assert_eq!(draft.execute(&Command::Size), Reply::Integer(0));
    }

    #[test]
    fn a_database_beyond_its_limit_only_shrinks() {
        let full = root(&[("a", "1"), ("b", "22")]);
        let limit = full.recent.size();
        let mut draft = Draft::new(&full, Some(limit));
        assert_eq!(draft.execute(&set("a", "11")), Reply::OK, "at its limit, and not yet beyond");
        assert_eq!(draft.size(), limit + 1);
        let made = draft.made();
        let nx = Command::Set { key: "a".into(), value: "".into(), condition: Some(Existence::Absent), get: true };
        let mset = Command::MultiSet { pairs: vec![("a".into(), "".into())] };
        for refused in [set("a", ""), nx, mset] {
            let refusal = "OOM command not allowed when used memory > 'maxmemory'.";
            assert_eq!(draft.execute(&refused), Reply::error(refusal), "{refused:?}");
        }
        assert_eq!((draft.made(), draft.size()), (made, limit + 1), "nothing happened");
        assert_eq!(draft.execute(&Command::Get { key: "a".into() }), Reply::bulk("11"));
        assert_eq!(draft.execute(&del("b")), Reply::Integer(1));
        assert_eq!(draft.execute(&set("c", "3")), Reply::OK);
        let mut draft = Draft::new(&full, Some(0));
        assert_eq!(draft.execute(&Command::Flush), Reply::OK);
        assert_eq!(draft.execute(&set("c", "3")), Reply::OK, "an empty database may always grow");
    }

    #[test]
    fn a_sweep_raises_swept_to_its_own_generation_and_a_flush_leaves_it_there() {
        let root = root(&[("a", "1")]);
        let mut draft = Draft::new(&root, None);
        draft.sweep();
        assert_eq!(draft.made(), 1);
        draft.execute(&Command::Flush);
        assert_eq!(draft.finish(id(2)).header.swept, 8);
    }
}
