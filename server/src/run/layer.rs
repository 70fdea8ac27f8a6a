//! A run in memory.
//!
//! A layer holds rows in one buffer, in the order of their tables and names, as they stand in a run but without the
//! headings of tables. The rows of a table stand together and share its id: see [`Sections`]. A [`PlaceIndex`] finds a row
//! by its name. Beyond name and value, a row takes a kind, two lengths, and 6.1 bytes of the index; its table takes 16.

use std::fmt;

use bytes::Bytes;

use super::place_index::PlaceIndex;
use super::section::Sections;
use crate::row::{Mention, Row, Table, take_text};

/// Rows in ascending order, that can also be looked up. Never changed once it is made.
pub struct Layer {
    pub(super) packed: Bytes,
    pub(super) sections: Sections,
    pub(super) places: PlaceIndex,
    pub(super) rows: u64,
}

/// How much a layer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// The rows, with the removals.
    pub rows: u64,
    /// The bytes of their names and contents, as they are packed.
    pub bytes: u64,
}

/// Where a row of a layer begins. The default is the first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowPlace {
    at: u32,
    section: u32,
}

/// A row of a layer.
#[derive(Clone, Copy)]
pub struct Found<'a> {
    /// Its table.
    pub table: Table,
    /// Its name.
    pub name: &'a [u8],
    /// Its content as it is packed.
    pub(super) content: &'a [u8],
    /// Where the next row begins.
    pub next: RowPlace,
    /// The memory of the layer.
    memory: &'a Bytes,
}

impl Layer {
    /// What it says about the row with this hash. The row shares the layer's memory.
    pub fn get(&self, hash: u64, table: Table, name: &[u8]) -> Mention {
        let mut content = None;
        self.places.find(hash, |place| {
            let mut rest = self.packed.get(place as usize..).unwrap_or_default();
            let same = take_text(&mut rest).is_ok_and(|found| found == name) && self.sections.holds(table, place);
            content = same.then_some(rest);
            same
        });
        content.map_or(Mention::Nothing, |content| unpack(&self.packed, content).into())
    }

    /// Whether it says anything about the row with this hash.
    pub fn says(&self, hash: u64, table: Table, name: &[u8]) -> bool {
        let is_it = |place: u32| {
            let mut rest = self.packed.get(place as usize..).unwrap_or_default();
            take_text(&mut rest).is_ok_and(|found| found == name) && self.sections.holds(table, place)
        };
        self.places.find(hash, is_it).is_some()
    }

    /// Whether it has rows of a table.
    pub fn has(&self, table: Table) -> bool {
        self.sections.find(table).is_some()
    }

    /// The rows of a table in the order of their names.
    pub fn rows(&self, table: Table) -> impl Iterator<Item = (Bytes, Option<Row>)> {
        let first = self.first_of(table).and_then(|first| self.at(first));
        let found = std::iter::successors(first, |found| self.at(found.next));
        found.take_while(move |found| found.table == table).map(|found| (found.shared_name(), found.row()))
    }

    /// Where the rows of a table begin.
    pub fn first_of(&self, table: Table) -> Option<RowPlace> {
        let section = self.sections.find(table)?;
        Some(RowPlace { at: self.sections.range(section)?.start, section: section as u32 })
    }

    /// All rows in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (Table, Bytes, Option<Row>)> {
        let found = std::iter::successors(self.at(RowPlace::default()), |found| self.at(found.next));
        found.map(|found| (found.table, found.shared_name(), found.row()))
    }

    /// The row that begins at a place; none at the end.
    pub fn at(&self, place: RowPlace) -> Option<Found<'_>> {
        let section = place.section as usize;
        let table = self.sections.table(section)?;
        let whole = self.packed.get(place.at as usize..).filter(|rest| !rest.is_empty())?;
        let (name, content, length) = split(whole)?;
        let at = place.at + length as u32;
        let passed = self.sections.range(section).is_some_and(|range| !range.contains(&at));
        let next = RowPlace { at, section: place.section + u32::from(passed) };
        Some(Found { table, name, content, next, memory: &self.packed })
    }

    /// The first row of the table after that of a place.
    pub fn after_table(&self, place: RowPlace) -> RowPlace {
        let section = place.section + 1;
        let range = self.sections.range(section as usize);
        RowPlace { at: range.map_or(self.packed.len() as u32, |range| range.start), section }
    }

    /// The tables that it has rows of, in ascending order.
    pub fn tables(&self) -> impl Iterator<Item = Table> {
        self.sections.tables()
    }

    /// How much it holds.
    pub fn count(&self) -> Count {
        Count { rows: self.rows, bytes: self.packed_len() }
    }

    /// The bytes of its rows.
    pub fn packed_len(&self) -> u64 {
        self.packed.len() as u64
    }

    /// The bytes of memory that it takes.
    pub fn memory(&self) -> u64 {
        (self.packed.len() + self.places.memory() + self.sections.memory()) as u64
    }

    /// The bytes of the rows from a place up to another.
    pub(super) fn between(&self, from: RowPlace, to: RowPlace) -> &[u8] {
        &self.packed[from.at as usize..to.at as usize]
    }
}

impl Found<'_> {
    /// Its content; `None` is a removal. It shares the layer's memory.
    pub fn row(&self) -> Option<Row> {
        unpack(self.memory, self.content)
    }

    /// Whether it is a row that never ends, as far as its kind tells. Most rows are.
    pub fn is_lasting(&self) -> bool {
        self.content.first().is_some_and(|kind| Row::is_lasting(*kind))
    }

    /// Whether it names collections, or hides a row that may: a removal does.
    pub fn concerns_collections(&self) -> bool {
        self.content.first().is_some_and(|kind| Row::names_collections(*kind) || Row::is_removal(*kind))
    }

    /// Its name. It shares the layer's memory.
    pub fn shared_name(&self) -> Bytes {
        self.memory.slice_ref(self.name)
    }
}

fn unpack(memory: &Bytes, mut content: &[u8]) -> Option<Row> {
    Row::unpack(memory, &mut content).expect("a layer checks each row when it is made")
}

/// The name and the content of the row at the front of some bytes, and its length. `None` if no whole row stands there.
pub(super) fn split(whole: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let mut rest = whole;
    let name = take_text(&mut rest).ok()?;
    let content = rest;
    Row::skip(&mut rest).ok()?;
    Some((name, &content[..content.len() - rest.len()], whole.len() - rest.len()))
}

/// Equal rows have equal bytes.
impl PartialEq for Layer {
    fn eq(&self, other: &Layer) -> bool {
        self.packed == other.packed && self.sections == other.sections
    }
}

impl Eq for Layer {}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(table, name, row)| ((table, name), row))).finish()
    }
}
