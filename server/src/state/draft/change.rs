//! Changes of rows.

use std::collections::btree_map;

use bytes::Bytes;

use super::Draft;
use super::effects::{Beneath, Overlaid};
use crate::row::{Made, Mention, Row, Table};
use crate::state::orders::{self, By};
use crate::state::tally::is_mapped;

impl Draft<'_> {
    /// Puts a row in the place of another. None removes it.
    pub(crate) fn set(&mut self, table: Table, name: Bytes, row: Option<Row>) {
        if self.compares(table) {
            self.replace(table, name, row);
        } else {
            self.note(table, &name, None, row.as_ref());
            self.lay(table, name, row, Mention::Nothing);
        }
    }

    /// Puts a row in the place of another, and returns that one. None removes it.
    pub(crate) fn replace(&mut self, table: Table, name: Bytes, row: Option<Row>) -> Option<Row> {
        self.note_for_undo(table, &name, row.as_ref());
        let (database, is_own) = (self.database, self.owns(table));
        // Laying the new row finds the old one, if it is of this draft: to look for it before would take a second search.
        let old = match self.changed.entry(table).or_default().entry(name.clone()) {
            btree_map::Entry::Occupied(mut place) => {
                let old = std::mem::replace(&mut place.get_mut().row, row.clone());
                self.effects.forget(&name, old.as_ref());
                old
            }
            btree_map::Entry::Vacant(place) => {
                let hash = database.runs.salt().hash(table, &name);
                let old = if is_own { None } else { database.find(hash, table, &name) };
                let beneath = Beneath { hash, says: old.clone().into() };
                place.insert(Overlaid { row: row.clone(), beneath });
                old
            }
        };
        self.note(table, &name, old.as_ref(), row.as_ref());
        old
    }

    /// Whether it matters what a row of this table takes the place of.
    fn compares(&mut self, table: Table) -> bool {
        let mut orders = self.orders.get_mut().range(By::all(table));
        matches!(table, Table::Keys(_)) || orders.any(|((_, by), _)| !by.follows_name())
    }

    /// Puts a row in the place of one that the caller has just looked at, dead or alive. None removes it.
    pub(crate) fn exchange(&mut self, table: Table, name: Bytes, old: Option<&Row>, row: Option<Row>) {
        self.note(table, &name, old, row.as_ref());
        self.lay(table, name, row, old.cloned().into());
    }

    /// Brings what follows from the rows up to date.
    fn note(&mut self, table: Table, name: &Bytes, old: Option<&Row>, row: Option<&Row>) {
        self.made += 1;
        if let Table::Keys(id) = table {
            let database = self.database;
            let tally = self.tallies.entry(id);
            let tally = tally.or_insert_with(|| database.tallies().of(id).cloned().unwrap_or_default());
            let before = tally.size;
            tally.note(name, old, row);
            let after = tally.size;
            let measured = self.measured.get_mut();
            let counted = measured.filter(|_| is_mapped(id, &self.numbers));
            *measured = counted.map(|size| (size + after).saturating_sub(before));
        }
        let orders = self.orders.get_mut().range_mut(By::all(table));
        orders.for_each(|((_, by), order)| orders::change(order, *by, name, old, row));
        if let Some((elements, first, last)) = orders::list_ends(row)
            && let Some(order) = self.orders.get_mut().get_mut(&(elements, By::Position))
        {
            orders::clip(order, first, last);
        }
    }

    /// Lays a row over the version. `says` is what the version says of the name, if that is known. It is kept if the draft has no
    /// row of that name yet.
    fn lay(&mut self, table: Table, name: Bytes, row: Option<Row>, says: Mention) {
        self.note_for_undo(table, &name, row.as_ref());
        match self.changed.entry(table).or_default().entry(name) {
            btree_map::Entry::Occupied(mut place) => {
                let old = std::mem::replace(&mut place.get_mut().row, row);
                self.effects.forget(place.key(), old.as_ref());
            }
            btree_map::Entry::Vacant(place) => {
                let database = self.database;
                let hash = database.runs.salt().hash(table, place.key());
                debug_assert!(
                    says == Mention::Nothing || says.clone().into_row() == database.find(hash, table, place.key()),
                    "the caller has looked at {:?}",
                    place.key()
                );
                place.insert(Overlaid { row, beneath: Beneath { hash, says } });
            }
        }
    }

    /// Notes a change that is about to be made, and what it takes to undo it.
    fn note_for_undo(&mut self, table: Table, name: &Bytes, row: Option<&Row>) {
        for savepoint in &mut self.savepoints {
            savepoint.note(table, name, &self.changed);
        }
        self.effects.note(name, row);
    }

    /// Takes back what this draft has written to an element, if it has: the head will say that the element does not count,
    /// so nobody looks at it again, and there is no use in storing it.
    pub fn forget_element(&mut self, collection: Made, name: &[u8]) {
        for savepoint in &mut self.savepoints {
            savepoint.note(Table::Elements(collection), &Bytes::copy_from_slice(name), &self.changed);
        }
        let rows = self.changed.get_mut(&Table::Elements(collection));
        if let Some(overlaid) = rows.and_then(|rows| rows.remove(name)) {
            self.effects.forget(name, overlaid.row.as_ref());
        }
    }
}
