//! A run in memory: its entries as they were packed, and a table of where they stand.

use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};

use bytes::Bytes;
use hashbrown::HashTable;

use crate::root;

/// The kinds of entries.
const DELETION: u8 = 0;
const STRING: u8 = 1;

/// What keys are hashed with. Somebody who does not know it can't choose keys that all land in one place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Salt(pub u128);

impl Salt {
    /// Where a key is looked for.
    pub fn hash(self, key: &[u8]) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write_u128(self.0);
        hasher.write(key);
        hasher.finish()
    }
}

/// What a layer says about a key: its value, or `None` if it is deleted here and hides an older value.
pub type Entry = Option<Bytes>;

/// Entries in ascending order, that can also be looked up. Never changed once it is made.
pub struct Layer {
    packed: Bytes,
    places: HashTable<u32>,
    count: Count,
}

/// How much a layer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// The entries, deletions included.
    pub entries: u64,
    /// Those that have a value.
    pub keys: u64,
    /// What these count together: see [`root::size`].
    pub size: u64,
}

impl Layer {
    /// What it says about the key with this hash, if anything. The value shares the layer's memory.
    pub fn get(&self, hash: u64, key: &[u8]) -> Option<Entry> {
        Some(self.find(hash, key)?.map(|value| self.packed.slice_ref(value)))
    }

    /// The same, for whoever only looks at it.
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Option<&[u8]>> {
        let mut value = None;
        self.places.find(hash, |&place| {
            let found = self.at(place as usize).filter(|found| found.key == key);
            value = found.map(|found| found.value);
            value.is_some()
        })?;
        value
    }

    /// How much it holds.
    pub fn count(&self) -> Count {
        self.count
    }

    /// The bytes of the entries.
    pub fn packed(&self) -> &Bytes {
        &self.packed
    }

    /// The entries in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (Bytes, Entry)> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let found = self.at(at)?;
            at = found.end;
            let share = |part| self.packed.slice_ref(part);
            Some((share(found.key), found.value.map(share)))
        })
    }

    /// The entry that begins at a place; none at the end. The first begins at 0.
    pub fn at(&self, place: usize) -> Option<Found<'_>> {
        Found::read(&self.packed, place).ok().flatten()
    }
}

/// Equal entries have equal bytes.
impl PartialEq for Layer {
    fn eq(&self, other: &Layer) -> bool {
        self.packed == other.packed
    }
}

impl Eq for Layer {}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// An entry among packed ones.
pub struct Found<'a> {
    /// Its key.
    pub key: &'a [u8],
    /// Its value; `None` is a deletion.
    pub value: Option<&'a [u8]>,
    /// Where the next one begins.
    pub end: usize,
}

impl<'a> Found<'a> {
    /// Reads the entry that begins at a place; none at the end. `Err` if what stands there is not a whole entry.
    fn read(packed: &'a [u8], place: usize) -> Result<Option<Found<'a>>, &'static str> {
        let Some(mut rest) = packed.get(place..).filter(|rest| !rest.is_empty()) else { return Ok(None) };
        let key = text(&mut rest).ok_or("a key is cut short")?;
        let (&kind, after) = rest.split_first().ok_or("an entry is cut short")?;
        rest = after;
        let value = match kind {
            DELETION => None,
            STRING => Some(text(&mut rest).ok_or("a value is cut short")?),
            _ => return Err("an entry is of a kind that this server does not know"),
        };
        Ok(Some(Found { key, value, end: packed.len() - rest.len() }))
    }
}

/// Takes a length and as many bytes.
fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut length = 0_u64;
    for shift in (0..).step_by(7).take(5) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        length |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            // A length has one spelling: its last byte is not zero, unless it is the only one.
            let (text, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            *rest = after;
            return (byte > 0 || shift == 0).then_some(text);
        }
    }
    None
}

/// A layer that is being made. Entries are to be added in ascending order.
pub struct Building {
    packed: Vec<u8>,
    places: HashTable<u32>,
    /// Where the newest entry begins.
    last: Option<u32>,
    count: Count,
    salt: Salt,
}

impl Building {
    /// An empty one, with room for so much, so that it need not move while it grows.
    pub fn new(salt: Salt, bytes: usize, entries: usize) -> Building {
        Building::of_packed(salt, Vec::with_capacity(bytes), entries)
    }

    /// Takes over entries that were packed elsewhere: they are yet to be noted.
    pub(super) fn of_packed(salt: Salt, packed: Vec<u8>, entries: usize) -> Building {
        Building { packed, places: HashTable::with_capacity(entries), last: None, count: Count::default(), salt }
    }

    /// Adds an entry; `None` is a deletion.
    pub fn push(&mut self, key: &[u8], value: Option<&[u8]>) {
        let place = self.packed.len();
        self.put(key);
        self.packed.push(if value.is_some() { STRING } else { DELETION });
        if let Some(value) = value {
            self.put(value);
        }
        let noted = self.note_next(place);
        noted.expect("entries are added in ascending order, and a layer is shorter than 4 GiB");
    }

    fn put(&mut self, text: &[u8]) {
        let mut length = text.len();
        while length >= 0x80 {
            self.packed.push(length as u8 | 0x80);
            length >>= 7;
        }
        self.packed.push(length as u8);
        self.packed.extend_from_slice(text);
    }

    /// Notes the entry at a place, if one is there, and says where the next one begins.
    pub(super) fn note_next(&mut self, place: usize) -> Result<Option<usize>, &'static str> {
        let Building { packed, places, last, count, salt } = self;
        let Some(found) = Found::read(packed, place)? else { return Ok(None) };
        let noted = |place: u32| match Found::read(packed, place as usize) {
            Ok(Some(found)) => found.key,
            _ => unreachable!("an entry was noted where none stands"),
        };
        if last.is_some_and(|last| noted(last) >= found.key) {
            return Err("its keys do not ascend");
        }
        let place = u32::try_from(place).map_err(|_| "it is too long")?;
        places.insert_unique(salt.hash(found.key), place, |&other| salt.hash(noted(other)));
        *last = Some(place);
        count.entries += 1;
        if let Some(value) = found.value {
            count.keys += 1;
            count.size += root::size(found.key, value);
        }
        Ok(Some(found.end))
    }

    /// How much it holds by now.
    pub fn length(&self) -> usize {
        self.packed.len()
    }

    /// The layer.
    pub fn done(mut self) -> Layer {
        if self.packed.capacity() / 5 > self.packed.len() / 4 {
            self.packed.shrink_to_fit();
        }
        Layer { packed: self.packed.into(), places: self.places, count: self.count }
    }
}
