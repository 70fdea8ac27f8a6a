//! A version of the database with all its entries in memory.

use bytes::Bytes;
use hashbrown::HashTable;

use super::finish::Changes;
use super::runs::Runs;
use crate::root::{self, Damage, Header, Id, Root};
use crate::run::Salt;

/// The newest known version: `db.json`, and the runs that it names.
///
/// - A key has the value that `recent` gives it, or else the runs.
/// - A deletion stands in `recent` if and only if it hides a value in the runs.
/// - Nothing here could not be read back: to lose it costs a reload.
#[derive(Clone, Debug)]
pub struct Database {
    /// What `db.json` says.
    pub root: Root,
    /// What the runs say that it names.
    pub runs: Runs,
    /// How large everything is together.
    size: u64,
    /// Where the newest entries stand, because a batch looks for thousands of keys there.
    places: HashTable<u32>,
}

impl Database {
    /// The database before its first version, to be called `id` if this server creates it.
    pub fn unborn(id: Id, salt: Salt) -> Database {
        Database { root: Root::unborn(id), runs: Runs::none(0, salt), size: 0, places: HashTable::new() }
    }

    /// A version that was read, over its runs.
    pub fn new(root: Root, runs: Runs) -> Result<Database, Damage> {
        let (mut keys, mut size) = (runs.keys(), runs.size());
        for (key, value) in root.recent.iter() {
            let below = runs.get(key);
            if value.is_none() && below.is_none() {
                return Err(Damage::Contradiction("it deletes a key from its runs that they do not have".into()));
            }
            keys = keys + u64::from(value.is_some()) - u64::from(below.is_some());
            let counts = |value: &Bytes| root::size(key, value);
            size = size + value.as_ref().map_or(0, counts) - below.as_ref().map_or(0, counts);
        }
        if keys != root.keys {
            return Err(Damage::Contradiction(format!("it counts {} keys and holds {keys}", root.keys)));
        }
        let mut database = Database { root, runs, size, places: HashTable::new() };
        database.note_places();
        Ok(database)
    }

    fn note_places(&mut self) {
        let (recent, salt) = (&self.root.recent, self.runs.salt());
        let hash = |place: &u32| salt.hash(recent.at(*place as usize).0);
        self.places.clear();
        self.places.reserve(recent.len(), hash);
        // There are far fewer than could be counted so: a commit writes all of them.
        for place in 0..recent.len() as u32 {
            self.places.insert_unique(hash(&place), place, hash);
        }
    }

    /// What the newest entries say of the key with this hash, if anything.
    fn recent(&self, hash: u64, key: &[u8]) -> Option<&Option<Bytes>> {
        let entry = |place: u32| self.root.recent.at(place as usize);
        let place = self.places.find(hash, |&place| entry(place).0 == key)?;
        Some(entry(*place).1)
    }

    /// The bytes of all keys and values, and [`root::OVERHEAD`] for each.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<Bytes> {
        let hash = self.runs.salt().hash(key);
        match self.recent(hash, key) {
            Some(value) => value.clone(),
            None => self.runs.get(key),
        }
    }

    /// The same, for whoever only looks at it.
    pub fn find(&self, key: &[u8]) -> Option<&[u8]> {
        let hash = self.runs.salt().hash(key);
        match self.recent(hash, key) {
            Some(value) => value.as_deref(),
            None => self.runs.find(hash, key),
        }
    }

    /// Becomes the version that was finished on this one.
    pub fn apply(&mut self, header: Header, changes: Changes) {
        debug_assert_eq!(
            header.generation,
            self.root.header.generation + 1,
            "changes belong to the version they were computed on"
        );
        if changes.flushed {
            self.root.recent.clear();
            self.runs = Runs::none(header.base, self.runs.salt());
        }
        self.root.recent.replace(changes.places);
        self.note_places();
        for added in changes.added {
            added.lay_over(&mut self.runs);
        }
        for merged in changes.merged {
            self.runs.replace(merged.stretch());
        }
        self.root.header = header;
        self.root.runs = changes.runs;
        self.root.keys = changes.keys;
        self.size = changes.size;
    }

    /// All entries in ascending order. Takes as long as there are entries.
    pub fn entries(&self) -> Vec<(Bytes, Bytes)> {
        let mut all = std::collections::BTreeMap::new();
        for stretch in self.runs.layers() {
            all.extend(stretch.layer.iter());
        }
        all.extend(self.root.recent.iter().map(|(key, value)| (key.clone(), value.clone())));
        all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}
