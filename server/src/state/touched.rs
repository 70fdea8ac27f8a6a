//! Which keys the last generations touched: what a watched key is judged by.
//!
//! EXEC has to refuse if a watched key was touched since WATCH, on whichever server. To look at the entries of `recent`, and
//! at the runs below them, is not enough. A fold takes entries away, a squash makes one of many, and a merge forgets that a
//! key came and went. Neither a run nor the entry of a squash says in which generation a row was written. So every server
//! remembers the touches by itself, generation by generation, as it follows the versions. It knows them after a fold or a
//! squash as before, if it has followed every generation. What it did not see it does not guess: a note that is older than
//! this window is refused.
//!
//! - A write touches its key even if it stores what was there before. A command that changes nothing touches nothing.
//! - The removal of an expired key touches nothing, because the key was gone before.
//! - SWAPDB, FLUSHDB and FLUSHALL write no key rows, so they are not here: see [`super::watched`].

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use crate::root::Entry;
use crate::row::{Made, Table};
use crate::run::Salt;

/// How many generations the window has. A server that commits ten times a second fills it in 100 seconds, and clients
/// watch keys for milliseconds.
const GENERATIONS: usize = 1_000;

/// How many touches the window has, at about 32 bytes each. A commit that touches more than these ends the window before it.
const TOUCHES: usize = 1 << 19;

/// Hashes what is a salted hash already.
#[derive(Clone, Copy, Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 ^= hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The keys that the last generations touched.
#[derive(Clone, Debug)]
pub struct Touched {
    salt: Salt,
    /// It knows what was touched after this generation,
    after: u64,
    /// up to this one.
    upto: u64,
    /// The hashes of the keys that each of these generations touched, the oldest first.
    generations: VecDeque<Box<[u64]>>,
    /// How many there are.
    touches: usize,
    /// The last generation that touched the keys with a hash.
    last: HashMap<u64, u64, BuildHasherDefault<Hashed>>,
}

impl Touched {
    /// Knows nothing of the generations up to this one.
    pub fn after(generation: u64, salt: Salt) -> Touched {
        Touched {
            salt,
            after: generation,
            upto: generation,
            generations: VecDeque::new(),
            touches: 0,
            last: HashMap::default(),
        }
    }

    /// Adds what the entry of the next generation says. These are the hashes of the keys among its own rows. An entry further
    /// on begins the window anew: nobody knows what was touched in between.
    pub fn note(&mut self, entry: &Entry, keys: Vec<u64>) {
        let (is_joint, generation) = (entry.is_joint(), entry.generation());
        // An entry that stands for several generations does not tell what came and went.
        if is_joint || generation != self.upto + 1 {
            *self = Touched::after(if is_joint { generation } else { generation - 1 }, self.salt);
        }
        if is_joint {
            return;
        }
        let mut hashes = keys;
        hashes.extend(entry.uploaded().iter().filter_map(|(table, key, _)| match table {
            Table::Keys(database) => Some(self.hash(*database, key)),
            Table::Elements(_) => None,
        }));
        self.last.extend(hashes.iter().map(|hash| (*hash, generation)));
        self.touches += hashes.len();
        self.generations.push_back(hashes.into());
        self.upto = generation;
        while self.generations.len() > GENERATIONS || self.touches > TOUCHES {
            self.forget_oldest();
        }
    }

    /// Knows nothing before this generation, unless it has followed every generation up to it.
    pub fn reach(&mut self, generation: u64) {
        if self.upto != generation {
            *self = Touched::after(generation, self.salt);
        }
    }

    fn forget_oldest(&mut self) {
        let Some(hashes) = self.generations.pop_front() else { return };
        self.after += 1;
        self.touches -= hashes.len();
        for hash in hashes {
            if self.last.get(&hash) == Some(&self.after) {
                self.last.remove(&hash);
            }
        }
    }

    /// Whether it knows every touch after this generation.
    pub fn remembers(&self, generation: u64) -> bool {
        generation >= self.after
    }

    /// Whether a key was touched after this generation. Two keys may have one hash, so it may say so without need.
    pub fn is_touched_after(&self, generation: u64, database: Made, key: &[u8]) -> bool {
        self.last.get(&self.hash(database, key)).is_some_and(|last| *last > generation)
    }

    fn hash(&self, database: Made, key: &[u8]) -> u64 {
        self.salt.hash(Table::Keys(database), key)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::id::Id;
    use crate::root::EntryParts;
    use crate::row::Row;

    const NUMBER: Made = Made { generation: 0, ordinal: 0 };

    fn entry(generation: u64, keys: &[&str]) -> Entry {
        let row =
            |key: &&str| (Table::Keys(NUMBER), Bytes::copy_from_slice(key.as_bytes()), Some(Row::Value("1".into())));
        Entry::new(EntryParts { rows: keys.iter().map(row).collect(), ..EntryParts::new(generation, Id::default()) })
    }

    /// The window after these entries. It began after generation 10.
    fn window(entries: impl IntoIterator<Item = Entry>) -> Touched {
        let mut touched = Touched::after(10, Salt(3));
        for entry in entries {
            let rows = entry.parts().rows.iter();
            let keys = rows.map(|(table, key, _)| Salt(3).hash(*table, key)).collect();
            touched.note(&entry, keys);
        }
        touched
    }

    #[test]
    fn a_key_was_touched_by_the_generations_that_wrote_it() {
        let touched = window([entry(11, &["a"]), entry(12, &["b"]), entry(13, &["a", "c"])]);
        for (generation, key, expected) in
            [(10, "a", true), (12, "a", true), (13, "a", false), (11, "b", true), (12, "b", false), (10, "d", false)]
        {
            assert_eq!(
                touched.is_touched_after(generation, NUMBER, key.as_bytes()),
                expected,
                "{key} after {generation}"
            );
        }
        assert!(touched.remembers(10) && !touched.remembers(9));
        assert!(!touched.is_touched_after(10, Made { generation: 3, ordinal: 0 }, b"a"), "a key of another database");
    }

    #[test]
    fn the_removal_of_an_expired_key_is_no_touch() {
        let expired = vec![(NUMBER, Bytes::from("a"))];
        let touched = window([Entry::new(EntryParts { expired, ..EntryParts::new(11, Id::default()) })]);
        assert!(touched.remembers(10) && !touched.is_touched_after(10, NUMBER, b"a"));
    }

    #[test]
    fn a_gap_begins_the_window_anew() {
        let mut touched = window([entry(11, &["a"]), entry(15, &["b"])]);
        assert!(!touched.remembers(13) && touched.remembers(14) && touched.is_touched_after(14, NUMBER, b"b"));
        touched.reach(15);
        assert!(touched.remembers(14));
        touched.reach(20);
        assert!(!touched.remembers(19) && touched.remembers(20));
    }

    #[test]
    fn an_entry_of_several_generations_does_not_tell_what_came_and_went() {
        let touched = window([Entry::new(EntryParts { from: 11, ..EntryParts::new(14, Id::default()) })]);
        assert!(!touched.remembers(13) && touched.remembers(14));
    }

    #[test]
    fn old_generations_are_forgotten() {
        let most = GENERATIONS as u64;
        let touched = window((11..=10 + most + 5).map(|generation| entry(generation, &["a"])));
        assert!(!touched.remembers(14) && touched.remembers(15));
        assert_eq!((touched.generations.len(), touched.touches, touched.last.len()), (GENERATIONS, GENERATIONS, 1));
        let touched = window(
            (11..=10 + most + 5).map(|generation| entry(generation, if generation == 11 { &["a"] } else { &[] })),
        );
        assert!(touched.last.is_empty(), "nothing is left of what is forgotten");
    }

    #[test]
    fn a_commit_that_touches_too_many_keys_is_not_kept() {
        let keys: Vec<String> = (0..=TOUCHES).map(|key| format!("{key:09}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let touched = window([entry(11, &["a"]), entry(12, &keys), entry(13, &["b"])]);
        assert!(!touched.remembers(11) && touched.remembers(12) && touched.touches == 1);
        assert!(touched.is_touched_after(12, NUMBER, b"b") && !touched.is_touched_after(12, NUMBER, b"a"));
    }
}
