//! A layer that is being made.

use super::place_index::PlaceIndex;
use super::section::Sections;
use super::{Layer, RunDamage, Salt};
use crate::row::{Row, Table, put_text, take_text};

/// The rows that are entered in the index together. Each has its place in another part of memory, and the processor waits for
/// all of them at once: that takes a fifth of the time that it would wait for one after the other.
const TOGETHER: usize = 64;

/// A layer that is being made. Rows are to be added in ascending order.
pub struct Building {
    salt: Salt,
    packed: Vec<u8>,
    sections: Sections,
    places: PlaceIndex,
    /// Rows that the index does not know yet: their hashes, and where they begin.
    unindexed: Vec<(u64, u32)>,
    /// Where the newest row begins.
    last: Option<u32>,
    rows: u64,
}

impl Building {
    /// An empty one, with room for so much, so that it need not move while it grows.
    pub fn new(salt: Salt, bytes: usize, rows: usize) -> Building {
        Building::of_packed(salt, Vec::with_capacity(bytes), rows)
    }

    /// Takes over rows that were packed elsewhere: they are yet to be noted.
    pub(super) fn of_packed(salt: Salt, packed: Vec<u8>, rows: usize) -> Building {
        let places = PlaceIndex::with_room(rows);
        Building { salt, packed, sections: Sections::default(), places, unindexed: Vec::new(), last: None, rows: 0 }
    }

    /// Adds a row; `None` is a removal. Panics unless its table and name are greater than those before, and if the layer
    /// would pass [`LONGEST`](super::LONGEST).
    pub fn push(&mut self, table: Table, name: &[u8], row: Option<&Row>) {
        let place = self.packed.len();
        put_text(name, &mut self.packed);
        Row::pack(row, &mut self.packed);
        let noted = self.note(table, place);
        noted.expect("rows are added in ascending order, and a layer is shorter than 4 GiB");
    }

    /// Adds a row that is packed already, and greater than those before. It is not found until all rows are indexed.
    pub(super) fn append(&mut self, table: Table, name: &[u8], content: &[u8]) {
        let place = self.packed.len();
        put_text(name, &mut self.packed);
        self.packed.extend_from_slice(content);
        self.list(table, u32::try_from(place).expect("merged layers are shorter than 4 GiB together"));
    }

    /// Adds a removal in the same way.
    pub(super) fn remove(&mut self, table: Table, name: &[u8]) {
        let mut content = Vec::new();
        Row::pack(None, &mut content);
        self.append(table, name, &content);
    }

    /// Adds bytes of rows that are yet to be noted.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.packed.extend_from_slice(bytes);
    }

    /// Notes the row at a place, which has to be a row of this table, and says where the next one begins.
    pub(super) fn note(&mut self, table: Table, place: usize) -> Result<usize, RunDamage> {
        let mut rest = &self.packed[place..];
        let name = take_text(&mut rest)?;
        Row::skip(&mut rest)?;
        let end = self.packed.len() - rest.len();
        // The end of a row is a place, too.
        if u32::try_from(end).is_err() {
            return Err(RunDamage::Contradiction("it is too long".into()));
        }
        let ascends = match (self.sections.last(), self.last) {
            (Some(before), Some(last)) => before < table || (before == table && self.name(last) < name),
            _ => true,
        };
        if !ascends {
            return Err(RunDamage::Contradiction("its rows do not ascend".into()));
        }
        self.list(table, place as u32);
        self.index(table, place as u32);
        Ok(end)
    }

    /// Counts the row at a place, and begins a section with it if its table is a new one.
    fn list(&mut self, table: Table, place: u32) {
        if self.sections.last() != Some(table) {
            self.sections.push(table, place);
        }
        self.last = Some(place);
        self.rows += 1;
    }

    /// Lets the row at a place be found, once the layer is done.
    fn index(&mut self, table: Table, place: u32) {
        self.unindexed.push((self.salt.hash(table, name_at(&self.packed, place)), place));
        if self.unindexed.len() == TOGETHER {
            self.index_together();
        }
    }

    /// Enters what the index does not know yet.
    fn index_together(&mut self) {
        let Building { salt, packed, sections, places, unindexed, .. } = self;
        for (hash, place) in unindexed.drain(..) {
            places.insert(hash, place, |other| {
                let table = sections.table(sections.holding(other)).expect("each row lies in a section");
                salt.hash(table, name_at(packed, other))
            });
        }
    }

    /// Makes room for all rows in the index, once it is known how many there are.
    pub(super) fn open_index(&mut self) {
        self.places = PlaceIndex::with_room(self.rows as usize);
    }

    /// Indexes some rows from a place on, and says where the next one begins.
    pub(super) fn index_some(&mut self, mut place: usize, rows: usize) -> usize {
        let mut section = self.sections.holding(place as u32);
        for _ in 0..rows {
            let mut rest = &self.packed[place..];
            if rest.is_empty() {
                break;
            }
            while self.sections.range(section).is_some_and(|range| range.end <= place as u32) {
                section += 1;
            }
            let passed = take_text(&mut rest).and_then(|_| Row::skip(&mut rest));
            passed.expect("whole rows were added");
            let end = self.packed.len() - rest.len();
            let table = self.sections.table(section).expect("each row lies in a section");
            self.index(table, place as u32);
            place = end;
        }
        place
    }

    /// The name of the row at a place where one was noted.
    pub(super) fn name(&self, place: u32) -> &[u8] {
        name_at(&self.packed, place)
    }

    /// The kind of the row at a place where one was noted: the first byte of its content.
    pub(super) fn kind(&self, place: usize) -> u8 {
        let mut rest = &self.packed[place..];
        take_text(&mut rest).expect("a row was noted here");
        rest[0]
    }

    /// How many bytes it has by now.
    pub fn length(&self) -> usize {
        self.packed.len()
    }

    /// The layer.
    pub fn done(mut self) -> Layer {
        self.index_together();
        if self.packed.capacity() / 5 > self.packed.len() / 4 {
            self.packed.shrink_to_fit();
        }
        self.sections.shrink();
        Layer { packed: self.packed.into(), sections: self.sections, places: self.places, rows: self.rows }
    }
}

fn name_at(packed: &[u8], place: u32) -> &[u8] {
    take_text(&mut &packed[place as usize..]).expect("a row was noted here")
}
