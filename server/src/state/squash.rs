//! One entry in the place of many.
//!
//! Clients often overwrite the same few keys: counters, sessions, rate limits. Then `recent` says each row many times, and
//! only the last time counts. A squash makes one entry of all entries that a version holds. It stands for their generations,
//! and has the newest row of each name, exactly as the run of a fold would ([`Database::newest`]). It also has the removals:
//! below the log may be a run with an older row.

use std::sync::Arc;

use super::Database;
use crate::id::Id;
use crate::root::{Entry, EntryParts, Placed, Root};
use crate::row::Mention;
use crate::zoo::planted;

/// What one entry has to say that stands for all of `recent`.
pub struct Squashing {
    from: u64,
    to: u64,
    by: Id,
    rows: Vec<Placed>,
}

impl Squashing {
    /// Makes the entry. That takes one step, so the caller bounds how many rows there are.
    pub fn entry(self) -> Arc<Entry> {
        let Squashing { from, to, by, rows } = self;
        let is_kept = |row: &Placed| row.2.is_some() || !planted!("squash-drops-removals");
        let rows = rows.into_iter().filter(is_kept).collect();
        let entry = Entry::new(EntryParts { from, rows, ..EntryParts::new(to, by) });
        // Texts that do not stand in its JSON as they are still share the memory of the requests and entries they came from.
        Arc::new(entry.compact())
    }
}

impl Database {
    /// Whether upkeep may make one entry of all of `recent`. If an entry names a run, there is too much to say. And one entry
    /// alone is what it is.
    pub fn may_squash(&self) -> bool {
        let recent = &self.root.recent;
        recent.len() > 1 && recent.iter().all(|entry| entry.parts().run.is_none())
    }

    /// Begins to make one entry of all of `recent`, which says what [`Database::newest`] has just returned.
    pub fn squash(&self, newest: Vec<(Placed, Mention)>) -> Squashing {
        let header = &self.root.header;
        let rows = newest.into_iter().map(|(row, _)| row).collect();
        Squashing { from: self.root.covered() + 1, to: header.generation, by: header.by, rows }
    }

    /// Takes over what a new entry says that stands for generations which memory knows one by one. No row changes. But memory
    /// gives up the rows that the entry leaves out, because nobody can reach them, and the buffers of the entries that are
    /// gone.
    pub(super) fn note_squash(&mut self, old: &Root) {
        let is_new = |entry: &&Arc<Entry>| !old.recent.first().is_some_and(|known| Arc::ptr_eq(known, entry));
        let oldest = self.root.recent.first().filter(|entry| entry.is_joint());
        if let Some(entry) = oldest.filter(is_new) {
            self.newest.squash(self.runs.salt(), entry);
        }
    }
}
