//! Lists: items at positions.
//!
//! The head says where the first and the last item stand. Only what stands between them counts: **nothing is ever looked up
//! outside of first..last**. A pop of an item on the grid (see [`grid`]) changes the head and leaves the row, so that a
//! queue does not write each item twice. Merges drop such rows sooner or later, on each server at another time, so what is
//! found there differs from server to server.
//!
//! For this to be safe, whatever comes between the ends must have been written since:
//!
//! | who | does |
//! |---|---|
//! | a push | goes to the next grid position beyond the end, and so writes every grid position that it passes |
//! | an insert | goes between two items, to where nothing is; it moves no end |
//! | a spread | moves items within a window between the ends, and writes removals where they stood |
//! | a pop, a trim | writes a removal of each item off the grid; nothing for those on the grid |
//!
//! So a row outside of the ends that is not a removal is on the grid, and a push overwrites it before it can be seen.
//!
//! Where positions are used up, or the whole list is too dense, the items move to the grid positions of a new collection.

pub mod grid;
mod positions;
mod room;

use std::ops::Range;

use bytes::Bytes;

pub use grid::Side;

use self::grid::{GRID, Grid};
use self::positions::Positions;
use super::collection::{self, Collection, Kind};
use crate::resp::Reply;
use crate::row::{self, Row, Shape};
use crate::state::{By, Draft, rank_of_position};
use crate::zoo::planted;

/// A list while a command works on it. Changes of the head are kept by [`List::keep`].
#[derive(Clone, Debug)]
pub struct List {
    collection: Collection,
    grid: Grid,
}

/// An item that a search has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundItem {
    /// How many items are before it.
    pub index: u64,
    position: i64,
}

/// The list under a key. An error if the key is of another type.
pub fn open(draft: &Draft<'_>, key: &[u8]) -> Result<Option<List>, Reply> {
    let collection = collection::open(draft, key, Kind::List)?;
    Ok(collection.map(|collection| List { collection, grid: GRID }))
}

impl List {
    /// An empty list.
    pub fn new(draft: &mut Draft<'_>) -> List {
        List::on(draft, GRID)
    }

    fn on(draft: &mut Draft<'_>, grid: Grid) -> List {
        let shape = Shape::List { length: 0, first: 0, last: 0 };
        List { collection: Collection::new(draft, shape), grid }
    }

    /// How many items there are.
    pub fn len(&self) -> u64 {
        self.numbers().0
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The index that a client means, if there is an item: negative ones count from the end.
    pub fn index(&self, index: i64) -> Option<u64> {
        let length = self.len();
        let index = if index < 0 { length.checked_sub(index.unsigned_abs())? } else { index.cast_unsigned() };
        (index < length).then_some(index)
    }

    /// The indexes that a client means by a first and a last one.
    pub fn span(&self, start: i64, stop: i64) -> Range<u64> {
        let length = self.len();
        let from_end = |index: i64| length.checked_sub(index.unsigned_abs());
        let start = if start < 0 { from_end(start).unwrap_or(0) } else { start.cast_unsigned() };
        let end = if stop < 0 { from_end(stop).map_or(0, |stop| stop + 1) } else { stop.cast_unsigned() + 1 };
        let end = end.min(length);
        start.min(end)..end
    }

    // Reading.

    /// The item at an index.
    pub fn get(&self, draft: &Draft<'_>, index: u64) -> Option<Bytes> {
        (index < self.len()).then(|| self.item(draft, self.position(draft, index)))
    }

    /// Some of the items.
    pub fn range(&self, draft: &Draft<'_>, range: Range<u64>) -> Vec<Bytes> {
        let positions = self.positions(draft);
        let range = range.start..range.end.min(self.len());
        positions.range(range).map(|position| self.item(draft, position)).collect()
    }

    /// Searches for a value from one side among the first `among` items there, until it has found it `enough` times.
    pub fn find(&self, draft: &Draft<'_>, value: &[u8], from: Side, among: u64, enough: u64) -> Vec<FoundItem> {
        let (length, ..) = self.numbers();
        let among = among.min(length);
        let positions = self.positions(draft);
        let equal = |position: &i64| self.item(draft, *position) == value;
        let enough = usize::try_from(enough).unwrap_or(usize::MAX);
        match from {
            Side::Left => {
                let all = (0..among).zip(positions.range(0..among));
                let found = all.filter(|(_, position)| equal(position)).take(enough);
                found.map(|(index, position)| FoundItem { index, position }).collect()
            }
            Side::Right => {
                let all = (length - among..length).rev().zip(positions.backwards(length.saturating_sub(1)));
                let found = all.filter(|(_, position)| equal(position)).take(enough);
                found.map(|(index, position)| FoundItem { index, position }).collect()
            }
        }
    }

    // Changes.

    /// Adds an item at an end.
    pub fn push(&mut self, draft: &mut Draft<'_>, side: Side, value: Bytes) {
        let (length, first, last) = self.numbers();
        let position = match (length, side) {
            (0, _) => Some(0),
            (_, Side::Left) => self.grid.beyond(first, side),
            (_, Side::Right) => self.grid.beyond(last, side),
        };
        let Some(position) = position else {
            self.relocate(draft);
            return self.push(draft, side, value);
        };
        self.collection.add(draft, name(position), Row::Value(value));
        let (first, last) = match (length, side) {
            (0, _) => (position, position),
            (_, Side::Left) => (position, last),
            (_, Side::Right) => (first, position),
        };
        self.set_numbers(length + 1, first, last);
    }

    /// Takes the item at an end.
    pub fn pop(&mut self, draft: &mut Draft<'_>, side: Side) -> Option<Bytes> {
        let (length, first, last) = self.numbers();
        let next = length.checked_sub(1)?;
        let (position, first, last) = match side {
            _ if next == 0 => (first, 0, 0),
            Side::Left => (first, self.position(draft, 1), last),
            Side::Right => (last, first, self.position(draft, next - 1)),
        };
        let item = self.item(draft, position);
        self.resize(weight(position, &item), 0);
        self.leave(draft, position);
        self.set_numbers(next, first, last);
        Some(item)
    }

    /// Puts a value in the place of the item at an index. Returns whether there is one.
    pub fn set(&mut self, draft: &mut Draft<'_>, index: u64, value: Bytes) -> bool {
        let exists = index < self.len();
        if exists {
            let position = self.position(draft, index);
            self.collection.replace(draft, name(position), Some(Row::Value(value)));
        }
        exists
    }

    /// Adds an item that will have this index, which is at most the length.
    pub fn insert(&mut self, draft: &mut Draft<'_>, index: u64, value: Bytes) {
        let (length, first, last) = self.numbers();
        if index == 0 {
            return self.push(draft, Side::Left, value);
        }
        if index >= length {
            return self.push(draft, Side::Right, value);
        }
        let positions = self.positions(draft);
        if positions.are_lacking() {
            return;
        }
        let spot = positions.spot(index);
        // Whoever holds an order while it changes has its nodes copied.
        drop(positions);
        let position = spot.position().or(planted!("midpoints-collide").then_some(spot.left));
        let Some(position) = position else {
            return self.make_room(draft, spot, value);
        };
        self.collection.add(draft, name(position), Row::Value(value));
        self.set_numbers(length + 1, first, last);
    }

    /// Removes items that a search has found.
    pub fn remove(&mut self, draft: &mut Draft<'_>, found: &[FoundItem]) {
        let (length, mut first, mut last) = self.numbers();
        for FoundItem { position, .. } in found {
            self.collection.replace(draft, name(*position), None);
        }
        let length = length - found.len() as u64;
        if length > 0 {
            // The order has lost the removed ones by now.
            let positions = self.positions(draft);
            (first, last) = (positions.at(0), positions.at(length - 1));
        }
        self.set_numbers(length, first, last);
    }

    /// Removes all items but these.
    pub fn trim(&mut self, draft: &mut Draft<'_>, range: Range<u64>) {
        let (length, ..) = self.numbers();
        let range = range.start..range.end.min(length);
        if range == (0..length) {
            return;
        }
        if range.is_empty() {
            // The collection goes with its last item, and takes all rows with it.
            self.collection.head.size = 0;
            self.collection.touch();
            return self.set_numbers(0, 0, 0);
        }
        let positions = self.positions(draft);
        let weigh = |range| positions.range(range).map(|position| weight(position, &self.item(draft, position))).sum();
        let kept = range.end - range.start;
        if kept < length / 2 {
            self.collection.head.size = weigh(range.clone());
        } else {
            let gone: u64 = [0..range.start, range.end..length].into_iter().map(weigh).sum();
            self.resize(gone, 0);
        }
        for position in positions.range(0..range.start).chain(positions.range(range.end..length)) {
            self.leave(draft, position);
        }
        self.set_numbers(kept, positions.at(range.start), positions.at(range.end - 1));
    }

    /// Writes the head, or deletes the key if no item is left.
    pub fn keep(self, draft: &mut Draft<'_>, key: Bytes) {
        self.collection.keep(draft, key);
    }

    // Numbers and rows.

    /// The length, and where the first and the last item stand.
    fn numbers(&self) -> (u64, i64, i64) {
        match self.collection.head.shape {
            Shape::List { length, first, last } => (length, first, last),
            _ => unreachable!("the kind was checked when the list was opened"),
        }
    }

    fn set_numbers(&mut self, length: u64, first: i64, last: i64) {
        self.collection.head.shape = Shape::List { length, first, last };
    }

    /// The positions between the ends. Asking for them lets the order be built, so whoever can do without it does.
    fn positions(&self, draft: &Draft<'_>) -> Positions {
        let (_, first, _) = self.numbers();
        let order = self.collection.order(draft, By::Position);
        let below = if planted!("order-not-clipped") { 0 } else { order.below(rank_of_position(first)) };
        Positions { below, order, first }
    }

    /// The position of the item at an index. There is one.
    fn position(&self, draft: &Draft<'_>, index: u64) -> i64 {
        let (length, first, last) = self.numbers();
        match index {
            0 => first,
            _ if index + 1 == length => last,
            _ => self.positions(draft).at(index),
        }
    }

    fn item(&self, draft: &Draft<'_>, position: i64) -> Bytes {
        let row = self.collection.get(draft, itoa::Buffer::new().format(position).as_bytes());
        let item = row.as_ref().and_then(Row::value).cloned();
        // A draft that lacks an order does not know where the items stand.
        assert!(item.is_some() || draft.lacks(), "every position between the ends has an item, or no place");
        item.unwrap_or_default()
    }

    /// Leaves an item behind that will be outside of the ends. Its size is no concern of this.
    fn leave(&mut self, draft: &mut Draft<'_>, position: i64) {
        self.collection.touch();
        if self.grid.holds(position) || planted!("midpoint-leaves-no-tombstone") {
            draft.forget_element(self.collection.id(), itoa::Buffer::new().format(position).as_bytes());
        } else {
            draft.set_element(self.collection.id(), name(position), None);
        }
    }

    fn resize(&mut self, less: u64, more: u64) {
        let size = &mut self.collection.head.size;
        *size = (*size + more).saturating_sub(less);
    }
}

/// The name of the row at a position.
fn name(position: i64) -> Bytes {
    Bytes::copy_from_slice(itoa::Buffer::new().format(position).as_bytes())
}

/// What an item counts.
fn weight(position: i64, value: &Bytes) -> u64 {
    row::size(itoa::Buffer::new().format(position).as_bytes(), &Row::Value(value.clone()))
}

#[cfg(test)]
mod tests;
