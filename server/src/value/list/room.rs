//! Room for items where positions are used up: by spreading the items around them, or by moving the whole list.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::grid::InsertSpot;
use super::{List, grid, name, weight};
use crate::row::Row;
use crate::state::{Draft, rank_of_position};
use crate::zoo::planted;

impl List {
    /// Adds an item at a spot where no position is free, by spreading the items around it.
    pub(super) fn make_room(&mut self, draft: &mut Draft<'_>, spot: InsertSpot, value: Bytes) {
        let left = spot.left;
        let (length, first, last) = self.numbers();
        let positions = self.positions(draft);
        let index = |position: i64| (positions.order.below(rank_of_position(position)) - positions.below) as u64;
        let mut windows = grid::windows(left, first..=last).map(|window| {
            let range = index(*window.start())..index(*window.end() + 1);
            (window, range)
        });
        let fits = windows.find(|(window, range)| grid::has_room(window, range.end - range.start + 1));
        let Some((window, range)) = fits else {
            let index = index(left) + 1;
            self.relocate(draft);
            return self.insert(draft, index, value);
        };
        let new = index(left) + 1 - range.start;
        let mut items = Vec::new();
        for position in positions.range(range.clone()) {
            items.push((Some(position), self.item(draft, position)));
            if position == left {
                planted!("spread-loses-the-pivot" => drop(items.pop()));
                items.push((None, value.clone()));
            }
        }
        // The order is shared as long as somebody holds it, and would be copied.
        drop(positions);
        let moved = grid::spread(&window, items.len() as u64, new, spot.run()).collect();
        let (low, high) = self.spread(draft, items, moved);
        let first = if range.start == 0 { low } else { first };
        let last = if range.end == length { high } else { last };
        self.set_numbers(length + 1, first, last);
    }

    /// Moves items to new positions. Returns where the first and the last one stand then. What a window has at the end of the
    /// list it keeps between the ends, so that no end moves outwards.
    fn spread(&mut self, draft: &mut Draft<'_>, items: Vec<(Option<i64>, Bytes)>, new: Vec<i64>) -> (i64, i64) {
        let ends = (new[0], new[new.len() - 1]);
        let mut changed = BTreeMap::new();
        for ((old, value), new) in items.into_iter().zip(new) {
            if old == Some(new) {
                continue;
            }
            self.resize(old.map_or(0, |old| weight(old, &value)), weight(new, &value));
            if let Some(old) = old {
                changed.entry(old).or_insert(None);
            }
            changed.insert(new, Some(Row::Value(value)));
        }
        self.collection.touch();
        for (position, row) in changed {
            draft.set_element(self.collection.id(), name(position), row);
        }
        ends
    }

    /// Moves all items to grid positions around zero, in a collection of its own: that needs no removals.
    pub(super) fn relocate(&mut self, draft: &mut Draft<'_>) {
        let items = self.range(draft, 0..self.len());
        let mut moved = List::on(draft, self.grid);
        moved.collection.head.until = self.collection.head.until;
        let length = self.len();
        let first = self.grid.centered(length);
        let mut position = first;
        for item in items {
            moved.collection.add(draft, name(position), Row::Value(item));
            position += self.grid.stride;
        }
        moved.set_numbers(length, first, position - self.grid.stride);
        *self = moved;
    }
}
