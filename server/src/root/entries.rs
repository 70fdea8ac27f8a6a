//! The entries of the database, and how much they are.

use std::collections::BTreeMap;
use std::ops::Deref;

use bytes::Bytes;

/// What an entry counts beyond the bytes of its key and its value: a million empty ones take memory, too, and room in
/// `db.json`. About what the map and the two handles take; a constant, so that every server counts alike.
pub const OVERHEAD: u64 = 96;

/// Keys and values in the order in which they are written: equal entries have equal bytes.
///
/// To be read like a map; what changes it keeps the size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    map: BTreeMap<Bytes, Bytes>,
    size: u64,
}

impl Entries {
    /// None.
    pub const EMPTY: &'static Entries = &Entries { map: BTreeMap::new(), size: 0 };

    /// The bytes of all keys and values, and [`OVERHEAD`] for each entry.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Sets a key.
    pub fn insert(&mut self, key: Bytes, value: Bytes) {
        self.size += size(&key, &value);
        let length = key.len();
        if let Some(old) = self.map.insert(key, value) {
            self.size -= size_of_lengths(length, old.len());
        }
    }

    /// Removes a key, if it is there.
    pub fn remove(&mut self, key: &Bytes) {
        if let Some(old) = self.map.remove(key) {
            self.size -= size(key, &old);
        }
    }

    /// Removes all.
    pub fn clear(&mut self) {
        *self = Entries::default();
    }
}

/// What an entry counts.
pub fn size(key: &[u8], value: &[u8]) -> u64 {
    size_of_lengths(key.len(), value.len())
}

fn size_of_lengths(key: usize, value: usize) -> u64 {
    key as u64 + value as u64 + OVERHEAD
}

impl Deref for Entries {
    type Target = BTreeMap<Bytes, Bytes>;

    fn deref(&self) -> &BTreeMap<Bytes, Bytes> {
        &self.map
    }
}

impl From<BTreeMap<Bytes, Bytes>> for Entries {
    fn from(map: BTreeMap<Bytes, Bytes>) -> Entries {
        let size = map.iter().map(|(key, value)| size(key, value)).sum();
        Entries { map, size }
    }
}

impl FromIterator<(Bytes, Bytes)> for Entries {
    fn from_iter<I: IntoIterator<Item = (Bytes, Bytes)>>(entries: I) -> Entries {
        entries.into_iter().collect::<BTreeMap<_, _>>().into()
    }
}
