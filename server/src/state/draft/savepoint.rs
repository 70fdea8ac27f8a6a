//! What a draft was when somebody set a savepoint.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::effects::{Changed, Effects, Overlaid};
use crate::root::{DATABASES, Numbered};
use crate::row::{Made, Table};
use crate::state::tally::Tally;

/// What a draft was when somebody set the savepoint.
#[derive(Debug)]
pub(super) struct Savepoint {
    pub(super) made: u64,
    pub(super) ordinal: u32,
    pub(super) selected: usize,
    pub(super) remapped: bool,
    pub(super) effects: Effects,
    pub(super) numbers: [Numbered; DATABASES],
    pub(super) tallies: BTreeMap<Made, Tally>,
    /// The rows that the draft had changed before.
    pub(super) changed: Changed,
    /// The rows that the draft had not changed before.
    pub(super) fresh: BTreeMap<Table, BTreeSet<Bytes>>,
}

impl Savepoint {
    /// Notes what the draft says of a row that is about to change.
    pub(super) fn note(&mut self, table: Table, name: &Bytes, changed: &Changed) {
        if self.knows(table, name) {
            return;
        }
        match changed.get(&table).and_then(|rows| rows.get(name)) {
            Some(row) => self.changed.entry(table).or_default().insert(name.clone(), row.clone()),
            None => {
                self.fresh.entry(table).or_default().insert(name.clone());
                None
            }
        };
    }

    fn knows(&self, table: Table, name: &Bytes) -> bool {
        self.fresh.get(&table).is_some_and(|names| names.contains(name))
            || self.changed.get(&table).is_some_and(|rows| rows.contains_key(name))
    }

    /// Notes that the draft has dropped all its rows of a table.
    pub(super) fn note_flush(&mut self, table: Table, rows: &BTreeMap<Bytes, Overlaid>) {
        // They stay noted: a later savepoint may bring the rows back.
        let fresh = self.fresh.get(&table);
        let kept = self.changed.entry(table).or_default();
        for (name, row) in rows {
            if !fresh.is_some_and(|fresh| fresh.contains(name)) {
                kept.entry(name.clone()).or_insert_with(|| row.clone());
            }
        }
    }
}
