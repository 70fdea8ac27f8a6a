//! The databases that SELECT knows: which one the commands work on, and which rows each number maps to.

use super::Draft;
use crate::root::{DATABASES, Numbered};
use crate::row::{Made, Table};
use crate::zoo::planted;

impl Draft<'_> {
    /// Has the following commands work on the database with this number.
    pub fn select(&mut self, number: usize) {
        debug_assert!(number < DATABASES);
        self.selected = number;
    }

    /// The number of the database that commands work on.
    pub fn selected(&self) -> usize {
        self.selected
    }

    /// The table of the keys of the selected database.
    pub fn keys_table(&self) -> Table {
        planted!("swapdb-misses-its-batch" => return crate::zoo::state::stored_keys_table(self));
        Table::Keys(self.numbers[self.selected].id)
    }

    /// Deletes all keys of a database. It takes the same time however many there are.
    pub fn flush(&mut self, number: usize) {
        planted!("flush-misses-runs" => return crate::zoo::state::delete_recent(self, number));
        let old = self.numbers[number].id;
        if self.tally(old).rows == 0 {
            return;
        }
        // Earlier changes of this batch go with the rest. That there were changes still counts.
        planted!("flush-misses-its-batch" => return crate::zoo::state::keep_the_batch(self, number));
        let rows = self.changed.remove(&Table::Keys(old)).unwrap_or_default();
        rows.iter().for_each(|(key, overlaid)| self.effects.forget(key, overlaid.row.as_ref()));
        for savepoint in &mut self.savepoints {
            savepoint.note_flush(Table::Keys(old), &rows);
        }
        self.tallies.remove(&old);
        let id = self.new_id();
        self.map(number, id);
        planted!("flushdb-empties-a-neighbor" => crate::zoo::state::empty(self, number + 1));
    }

    /// Exchanges two databases.
    pub fn swap(&mut self, one: usize, other: usize) {
        let (a, b) = (self.numbers[one].id, self.numbers[other].id);
        self.map(one, b);
        planted!("swapdb-torn" => return crate::zoo::state::empty(self, other));
        self.map(other, a);
    }

    pub(crate) fn map(&mut self, number: usize, id: Made) {
        self.made += 1;
        self.remapped = true;
        self.measured.set(None);
        let since = self.generation();
        self.numbers[number] = Numbered { id, since, ..self.numbers[number] };
    }

    /// How many keys the selected database has.
    pub fn count(&self) -> u64 {
        let id = self.numbers[self.selected].id;
        let (tally, now) = (self.tally(id), self.moment.now);
        if tally.alive(self.database.root.header.now) != tally.alive(self.present()) {
            self.crossed.set(true);
        }
        tally.alive(now)
    }
}
