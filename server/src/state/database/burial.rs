//! Keys that have ended: they are taken out of what counts, and then their rows are removed.

use bytes::Bytes;

use super::Database;
use crate::root::Root;
use crate::row::{Made, Row, Table};
use crate::state::tally::{Buried, is_mapped};

/// How many keys a commit buries, if they are not more than half of those that have ended. As many are removed: see
/// [`Draft`](crate::state::Draft).
const BURIED: u64 = 1000;

impl Database {
    /// How many keys a commit buries, if so many have ended. A million keys that end in one second must not hold up a commit.
    /// It buries more than it can bring, so they come to an end.
    pub(super) fn portion(&self, root: &Root) -> usize {
        let half = self.tallies.unburied(root.header.now).div_ceil(2).min(BURIED);
        half as usize + 2 * root.recent.last().map_or(0, |entry| entry.all_rows().count())
    }

    /// Moves on to the time of a later version, and buries at most so many keys that have ended by then. What is buried does
    /// not count any more, and nobody can reach it. The orders of keys keep its place until its row is removed, and longer if
    /// a merge has left the row out: whoever walks an order looks at the rows.
    pub(super) fn bury(&mut self, now: u64, most: usize) {
        let mut tallies = std::mem::take(&mut self.tallies);
        let buried = tallies.bury(now, most, |table, name| self.row(table, name));
        self.tallies = tallies;
        self.expired += buried.len() as u64;
        let orders = self.orders.get_mut();
        for Buried { table, name, row } in buried {
            for collection in row.iter().flat_map(Row::collections).filter(|id| !self.tallies.names(*id)) {
                orders.forget(Table::Elements(collection));
            }
            self.graves.push_back((table.id(), name));
        }
    }

    /// Buries everything that has ended. Only tests need it, which compare.
    pub fn bury_all(&mut self) {
        self.bury(self.root.header.now, usize::MAX);
    }

    /// Some keys that are buried and whose rows are still stored. At most `most` are looked at.
    pub(in crate::state) fn graves(&self, most: usize) -> impl Iterator<Item = &(Made, Bytes)> {
        self.graves.iter().take(most).filter(|(id, key)| self.is_grave(*id, key))
    }

    fn is_grave(&self, id: Made, key: &[u8]) -> bool {
        let is_dead = |row: Row| row.is_dead(self.root.header.now);
        is_mapped(id, &self.root.header.databases) && self.row(Table::Keys(id), key).is_some_and(is_dead)
    }

    /// Forgets the keys whose rows are gone, as far as they are first.
    pub(super) fn clear_graves(&mut self) {
        while self.graves.front().is_some_and(|(id, key)| !self.is_grave(*id, key)) {
            self.graves.pop_front();
        }
    }

    /// How many keys have ended in this version and the ones before it, since this was asked last.
    pub fn take_expired(&mut self) -> u64 {
        std::mem::take(&mut self.expired)
    }
}
