//! The entries of the database, and how much they are.

use std::collections::BTreeMap;

use bytes::Bytes;

/// What an entry counts beyond the bytes of its key and its value: a million empty ones take memory, too, and room in
/// `db.json`. About what the map and the two handles take; a constant, so that every server counts alike.
pub const OVERHEAD: u64 = 96;

/// What becomes of the entries of some keys, in the order of the keys: a value, a deletion, or none any more.
pub type Places = Vec<(Bytes, Option<Option<Bytes>>)>;

/// The newest entries, in the order in which they are written: equal entries have equal bytes. A value of `None` is a
/// deletion that hides an older value in a run.
///
/// They lie side by side, since each commit writes all of them again and changes many at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    sorted: Vec<(Bytes, Option<Bytes>)>,
    size: u64,
}

impl Entries {
    /// None.
    pub const EMPTY: &'static Entries = &Entries { sorted: Vec::new(), size: 0 };

    /// The bytes of all keys and values, and [`OVERHEAD`] for each entry.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// All of them, in the order of their keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Bytes, &Option<Bytes>)> + Clone {
        self.sorted.iter().map(|(key, value)| (key, value))
    }

    /// The one at a place in this order.
    pub fn at(&self, place: usize) -> (&Bytes, &Option<Bytes>) {
        let (key, value) = &self.sorted[place];
        (key, value)
    }

    /// What they say of a key, if anything.
    pub fn get(&self, key: &[u8]) -> Option<&Option<Bytes>> {
        let place = self.sorted.binary_search_by(|(other, _)| other[..].cmp(key)).ok()?;
        Some(&self.sorted[place].1)
    }

    /// Puts some in the place of what is said of their keys so far.
    pub fn replace(&mut self, places: Places) {
        let room = self.len() + places.len();
        let mut old = std::mem::replace(&mut self.sorted, Vec::with_capacity(room)).into_iter().peekable();
        for (key, place) in places {
            while let Some(before) = old.next_if(|(other, _)| *other < key) {
                self.sorted.push(before);
            }
            if let Some((key, value)) = old.next_if(|(other, _)| *other == key) {
                self.size -= size_of(&key, value.as_ref());
            }
            if let Some(value) = place {
                self.size += size_of(&key, value.as_ref());
                self.sorted.push((key, value));
            }
        }
        self.sorted.extend(old);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Entries::default();
    }
}

/// What an entry counts.
pub fn size(key: &[u8], value: &[u8]) -> u64 {
    key.len() as u64 + value.len() as u64 + OVERHEAD
}

fn size_of(key: &Bytes, value: Option<&Bytes>) -> u64 {
    size(key, value.map_or(&[], |value| &value[..]))
}

impl From<BTreeMap<Bytes, Option<Bytes>>> for Entries {
    fn from(map: BTreeMap<Bytes, Option<Bytes>>) -> Entries {
        let size = map.iter().map(|(key, value)| size_of(key, value.as_ref())).sum();
        Entries { sorted: map.into_iter().collect(), size }
    }
}

impl FromIterator<(Bytes, Bytes)> for Entries {
    fn from_iter<I: IntoIterator<Item = (Bytes, Bytes)>>(entries: I) -> Entries {
        entries.into_iter().map(|(key, value)| (key, Some(value))).collect::<BTreeMap<_, _>>().into()
    }
}
