//! The entries of the database, and how much they are.

use std::collections::BTreeMap;
use std::ops::Deref;

use bytes::Bytes;

/// What an entry counts beyond the bytes of its key and its value: a million empty ones take memory, too, and room in
/// `db.json`. About what the map and the two handles take; a constant, so that every server counts alike.
pub const OVERHEAD: u64 = 96;

/// The newest entries, in the order in which they are written: equal entries have equal bytes. A value of `None` is a
/// deletion that hides an older value in a run.
///
/// To be read like a map; what changes it keeps the size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    map: BTreeMap<Bytes, Option<Bytes>>,
    size: u64,
}

impl Entries {
    /// None.
    pub const EMPTY: &'static Entries = &Entries { map: BTreeMap::new(), size: 0 };

    /// The bytes of all keys and values, and [`OVERHEAD`] for each entry.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Sets a key, or notes that it is deleted.
    pub fn insert(&mut self, key: Bytes, value: Option<Bytes>) {
        self.size += size_of(&key, value.as_ref());
        let length = key.len();
        if let Some(old) = self.map.insert(key, value) {
            self.size -= size_of_lengths(length, old.map_or(0, |old| old.len()));
        }
    }

    /// Forgets a key, if it is there.
    pub fn remove(&mut self, key: &Bytes) {
        if let Some(old) = self.map.remove(key) {
            self.size -= size_of(key, old.as_ref());
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Entries::default();
    }

    /// The value of a key, if it has one here.
    pub fn value(&self, key: &[u8]) -> Option<&Bytes> {
        self.map.get(key)?.as_ref()
    }
}

/// What an entry counts.
pub fn size(key: &[u8], value: &[u8]) -> u64 {
    size_of_lengths(key.len(), value.len())
}

fn size_of(key: &Bytes, value: Option<&Bytes>) -> u64 {
    size_of_lengths(key.len(), value.map_or(0, Bytes::len))
}

fn size_of_lengths(key: usize, value: usize) -> u64 {
    key as u64 + value as u64 + OVERHEAD
}

impl Deref for Entries {
    type Target = BTreeMap<Bytes, Option<Bytes>>;

    fn deref(&self) -> &BTreeMap<Bytes, Option<Bytes>> {
        &self.map
    }
}

impl From<BTreeMap<Bytes, Option<Bytes>>> for Entries {
    fn from(map: BTreeMap<Bytes, Option<Bytes>>) -> Entries {
        let size = map.iter().map(|(key, value)| size_of(key, value.as_ref())).sum();
        Entries { map, size }
    }
}

impl FromIterator<(Bytes, Bytes)> for Entries {
    fn from_iter<I: IntoIterator<Item = (Bytes, Bytes)>>(entries: I) -> Entries {
        entries.into_iter().map(|(key, value)| (key, Some(value))).collect::<BTreeMap<_, _>>().into()
    }
}
