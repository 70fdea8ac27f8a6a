//! What a database has derived from its rows, and can do without.

use super::database::Database;
use super::deriving::{Derived, Deriving, Snapshot};
use super::order::{Discard, Order};
use super::orders::{By, OrderKey, clip};
use super::tally::is_mapped;
use crate::row::Table;
use crate::zoo::planted;

/// What became of an order that was built in slices.
pub enum Installed {
    /// It is there.
    Now,
    /// Nobody can use it: the version that it was built of does not count any more, or the collection is gone.
    InVain,
    /// Much has changed meanwhile, so it has to follow that in slices, too.
    Behind(Box<Deriving>),
}

/// So many notes are followed at once when an order is installed, in about a millisecond.
const FOLLOWED_AT_ONCE: usize = 512;

impl Database {
    /// The work to free large orders that nobody wants any more, if there are any.
    pub fn discard(&mut self) -> Option<Discard> {
        self.orders.get_mut().discard()
    }

    /// Forgets the orders that were built, which can be built again. For tests that compare.
    pub fn drop_orders(&self) {
        self.orders.borrow_mut().forget_built();
    }

    /// An order of the rows of a table. It is built when somebody first asks for it.
    pub fn order(&self, table: Table, by: By) -> Order {
        self.order_within(table, by, usize::MAX).unwrap_or_default()
    }

    /// An order of the rows of a table. If it is not there, and more than so many rows have to be read for it, the result is
    /// none.
    pub fn order_within(&self, table: Table, by: By, most: usize) -> Option<Order> {
        if let (Table::Keys(database), By::End) = (table, by) {
            return Some(self.tallies().of(database).map(|tally| tally.ends.clone()).unwrap_or_default());
        }
        if let Some(order) = self.orders.borrow().get(table, by) {
            return Some(order.clone());
        }
        planted!("order-of-the-runs-alone" => return Some(crate::zoo::state::order_of_runs(self, table, by)));
        if most < usize::MAX && self.orders.borrow().is_large((table, by)) {
            return None;
        }
        let mut places = Vec::new();
        if !self.visit_some(table, most, |name, row| places.extend(by.place(name, row))) {
            self.orders.borrow_mut().note_large((table, by));
            return None;
        }
        let mut order = Order::from_unsorted(places);
        if let (By::Position, Some((first, last))) = (by, self.tallies().span(table.id())) {
            clip(&mut order, first, last);
        }
        self.orders.borrow_mut().insert(table, by, order.clone());
        Some(order)
    }

    /// Whether an order is not there, and its collection is.
    pub fn wants_order(&self, key: OrderKey) -> bool {
        let numbers = &self.root.header.databases;
        let is_there = match key.0 {
            Table::Keys(database) => is_mapped(database, numbers),
            Table::Elements(collection) => self.tallies().reaches(collection, numbers),
        };
        is_there && !self.has_order(key)
    }

    /// Whether an order is there.
    pub fn has_order(&self, (table, by): OrderKey) -> bool {
        self.orders.borrow().get(table, by).is_some()
    }

    /// Begins to build an order of this version in slices. Until [`Database::install`], the database notes what changes.
    pub fn derive(&mut self, (table, by): OrderKey, ticket: u64) -> Deriving {
        let wanted = self.orders.get_mut().begin((table, by), ticket);
        let span = self.tallies().span(table.id()).filter(|_| by == By::Position);
        Deriving::new((table, by), ticket, wanted, Snapshot::new(&self.root.recent, &self.runs, table, span))
    }

    /// Whether the work with this number on an order is not in vain.
    pub fn awaits(&self, key: OrderKey, ticket: u64) -> bool {
        self.orders.borrow().awaits(key, ticket)
    }

    /// Has an order that was built in slices follow what has changed since, and keeps it.
    pub fn install(&mut self, derived: Derived) -> Installed {
        let Derived { key: (table, by), ticket, wanted, mut order } = derived;
        let orders = self.orders.get_mut();
        let notes = match orders.notes((table, by), ticket) {
            Some(notes) if orders.get(table, by).is_none() => notes,
            had => {
                // Somebody who could not wait any longer may have had it built at once.
                if had.is_some() {
                    orders.end((table, by));
                }
                orders.drop_later(order);
                return if had.is_some() { Installed::Now } else { Installed::InVain };
            }
        };
        if notes.len() > FOLLOWED_AT_ONCE {
            // The next round has to follow only what changes during this one, and following takes less than committing.
            return Installed::Behind(Box::new(Deriving::following((table, by), ticket, wanted, order, notes)));
        }
        notes.into_iter().for_each(|note| note.apply(&mut order));
        orders.end((table, by));
        orders.insert(table, by, order);
        Installed::Now
    }
}
