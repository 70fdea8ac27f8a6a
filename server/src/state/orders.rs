//! Derived orders: the elements of a collection by score, by position, by expiry or by a hash, and the keys of a database
//! by a hash.
//!
//! An order is built when a command first asks for it, from all rows of the table. From then on it follows the versions.
//! It can be dropped at any time, because it follows from the rows. Drafts clone it, which takes no time, and change their
//! clone.
//!
//! A large order is built in slices, beside the commit loop ([`super::deriving`]). It is built of one version, while others
//! come. So the orders here note what changes meanwhile, and the new order follows the notes before anybody sees it.

mod by;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use bytes::Bytes;

pub use self::by::{By, position_of_rank, rank_of_position, rank_of_score, scatter, score_of_rank};
use super::order::{Discard, Leaves, Order, Place};
use crate::row::{Head, Row, Shape, Table};
use crate::zoo::planted;

/// Names an order.
pub type OrderKey = (Table, By);

/// What an order has to follow.
#[derive(Clone, Debug)]
pub enum OrderNote {
    /// A row takes the place of another. The rows themselves may be large, and nobody needs them.
    Moved { old: Option<Place>, new: Option<Place> },
    /// The ends of a list have moved.
    Ends { first: i64, last: i64 },
}

impl OrderNote {
    /// Has an order follow it.
    pub fn apply(self, order: &mut Order) {
        match self {
            OrderNote::Moved { old, new } => relocate(order, old, new),
            OrderNote::Ends { first, last } => clip(order, first, last),
        }
    }
}

/// What has changed since the version that an order is being built of.
#[derive(Clone, Debug)]
struct Since {
    /// The number of the work. The same order may have been begun before, of a version that does not count any more.
    ticket: u64,
    notes: Vec<OrderNote>,
    /// The work ends when this is dropped.
    _wanted: Arc<()>,
}

/// The places that rows leave and take.
#[derive(Clone, Debug, Default)]
struct Moves {
    left: Vec<Place>,
    taken: Vec<Place>,
}

/// The orders that a version has built.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    built: BTreeMap<OrderKey, Order>,
    /// What the built orders do not follow yet.
    moves: BTreeMap<OrderKey, Moves>,
    /// The orders that are being built.
    begun: BTreeMap<OrderKey, Since>,
    /// Orders that somebody has found too large to be built at once. To find it out again would take time.
    large: BTreeSet<OrderKey>,
    /// How many bytes they take together: see [`weight`].
    bytes: usize,
    /// Large ones that nobody wants any more.
    dropped: Vec<Order>,
}

/// How many bytes a server keeps in derived orders. Beyond that all of them are dropped, and those that are still needed are
/// built again.
const MOST_BYTES: usize = 640 << 20;

/// How many notes an order that is being built may have to follow. Beyond that the work is in vain: whoever needs the order
/// begins anew.
const MOST_NOTES: usize = 1 << 20;

/// How many places an order may have to leave or take before it follows. An entry may have millions of rows.
const MOST_MOVES: usize = 1 << 14;

/// Freeing an order of so many places takes a fiftieth of a millisecond. Larger ones are freed in slices, beside the loop.
const LARGE: usize = 4096;

impl Moves {
    /// Makes all moves. Ascending ones mostly find the nodes that they need in the cache of the processor.
    fn apply(self, order: &mut Order) {
        let ascending = |mut places: Vec<Place>| {
            places.sort_unstable();
            places
        };
        for Place { rank, name } in ascending(self.left) {
            order.remove(rank, &name);
        }
        for Place { rank, name } in ascending(self.taken) {
            order.insert(rank, &name);
        }
    }
}

impl Orders {
    /// The order of a table, if it was built.
    pub fn get(&self, table: Table, by: By) -> Option<&Order> {
        self.built.get(&(table, by))
    }

    /// Keeps an order that was built.
    pub fn insert(&mut self, table: Table, by: By, order: Order) {
        if self.bytes + weight(&order) > MOST_BYTES {
            self.forget_built();
        }
        self.large.remove(&(table, by));
        self.bytes += weight(&order);
        self.built.insert((table, by), order);
    }

    /// Notes that an order is too large to be built at once.
    pub fn note_large(&mut self, key: OrderKey) {
        self.large.insert(key);
    }

    /// Whether an order is known to be too large to be built at once.
    pub fn is_large(&self, key: OrderKey) -> bool {
        self.large.contains(&key)
    }

    /// Begins to note what changes, for an order that is built of the version as it is. What is returned lives as long as
    /// somebody wants the order.
    pub fn begin(&mut self, key: OrderKey, ticket: u64) -> Weak<()> {
        let wanted = Arc::new(());
        let lives = Arc::downgrade(&wanted);
        self.begun.insert(key, Since { ticket, notes: Vec::new(), _wanted: wanted });
        lives
    }

    /// Whether an order is being built by the work with this number, and the work is not in vain.
    pub fn awaits(&self, key: OrderKey, ticket: u64) -> bool {
        self.begun.get(&key).is_some_and(|since| since.ticket == ticket)
    }

    /// What an order still has to follow, which the work with this number has built. None if the work was in vain.
    pub fn notes(&mut self, key: OrderKey, ticket: u64) -> Option<Vec<OrderNote>> {
        let since = self.begun.get_mut(&key).filter(|since| since.ticket == ticket)?;
        Some(std::mem::take(&mut since.notes))
    }

    /// Ends the work on an order, which has followed everything.
    pub fn end(&mut self, key: OrderKey) {
        self.begun.remove(&key);
    }

    /// Drops all orders that were built.
    pub fn forget_built(&mut self) {
        let built = std::mem::take(&mut self.built);
        self.dropped.extend(built.into_values().filter(is_large));
        self.bytes = 0;
    }

    /// Drops an order that nobody has seen.
    pub fn drop_later(&mut self, order: Order) {
        self.dropped.extend(Some(order).filter(is_large));
    }

    /// Notes that a row takes the place of another. The orders follow with [`Orders::catch_up`]: until then nobody may look at
    /// one.
    pub fn note(&mut self, table: Table, name: &Bytes, old: Option<&Row>, new: Option<&Row>) {
        self.note_for_later(table, name, old, new);
        let mut is_much = false;
        for (key, _) in self.built.range(By::all(table)) {
            let (old, new) = places(key.1, name, old, new);
            if old != new {
                let moves = self.moves.entry(*key).or_default();
                moves.left.extend(old);
                moves.taken.extend(new);
                is_much |= moves.left.len() + moves.taken.len() > MOST_MOVES;
            }
        }
        if is_much {
            self.catch_up();
        }
        if let Some((elements, first, last)) = list_ends(new) {
            let key = (elements, By::Position);
            let moves = self.moves.remove(&key).unwrap_or_default();
            self.alter(key, |order| {
                moves.apply(order);
                clip(order, first, last);
            });
        }
    }

    /// Has the orders follow what was noted. The names of an entry differ, so no two of its rows share a place, and moves may be
    /// made in any order.
    pub fn catch_up(&mut self) {
        for (key, moves) in std::mem::take(&mut self.moves) {
            self.alter(key, |order| moves.apply(order));
        }
    }

    fn alter(&mut self, key: OrderKey, alter: impl FnOnce(&mut Order)) {
        if let Some(order) = self.built.get_mut(&key) {
            self.bytes -= weight(order);
            alter(order);
            self.bytes += weight(order);
        }
    }

    /// Notes it for the orders that are being built.
    fn note_for_later(&mut self, table: Table, name: &Bytes, old: Option<&Row>, new: Option<&Row>) {
        if self.begun.is_empty() || planted!("order-built-without-what-came-meanwhile") {
            return;
        }
        for ((_, by), since) in self.begun.range_mut(By::all(table)) {
            let (old, new) = places(*by, name, old, new);
            let [old, new] = [old, new].map(|place| place.map(Place::alone));
            since.notes.push(OrderNote::Moved { old, new });
        }
        if let Some((elements, first, last)) = list_ends(new)
            && let Some(since) = self.begun.get_mut(&(elements, By::Position))
        {
            since.notes.push(OrderNote::Ends { first, last });
        }
        self.begun.retain(|_, since| since.notes.len() <= MOST_NOTES);
    }

    /// Whether some order of a table was built or begun that has to know which row another one takes the place of.
    pub fn compares(&self, table: Table) -> bool {
        let built = self.built.range(By::all(table)).map(|(key, _)| key);
        let begun = self.begun.range(By::all(table)).map(|(key, _)| key);
        built.chain(begun).any(|(_, by)| !by.follows_name())
    }

    /// Drops the orders of a table.
    pub fn forget(&mut self, table: Table) {
        for by in [By::Hash, By::Score, By::Position, By::End, By::Id] {
            self.begun.remove(&(table, by));
            self.large.remove(&(table, by));
            if let Some(order) = self.built.remove(&(table, by)) {
                self.bytes -= weight(&order);
                self.dropped.extend(Some(order).filter(is_large));
            }
        }
    }

    /// Drops the orders of tables that are not wanted any more.
    pub fn retain(&mut self, wanted: impl Fn(Table) -> bool) {
        self.begun.retain(|(table, _), _| wanted(*table));
        self.large.retain(|(table, _)| wanted(*table));
        let unwanted = self.built.extract_if(.., |(table, _), _| !wanted(*table)).map(|(_, order)| order);
        self.dropped.extend(unwanted.filter(is_large));
        self.bytes = self.built.values().map(weight).sum();
    }

    /// The work to free the large orders that were dropped, if there are any.
    pub fn discard(&mut self) -> Option<Discard> {
        let dropped = std::mem::take(&mut self.dropped);
        (!dropped.is_empty()).then(|| Discard::new(dropped))
    }
}

fn is_large(order: &Order) -> bool {
    order.len() > LARGE
}

/// What an order counts, in bytes. Most take less: the ranks and the names of a leaf share what is the same in all.
fn weight(order: &Order) -> usize {
    /// A rank, the end of a name, and a share of the nodes.
    const PLACE: usize = 12;
    /// An order with one place.
    const LEAST: usize = 256;
    LEAST + PLACE * order.len() + order.names_len()
}

/// Changes an order for a row that takes the place of another. The old row may be unknown if the order follows the names.
pub fn change(order: &mut Order, by: By, name: &Bytes, old: Option<&Row>, new: Option<&Row>) {
    let (old, new) = places(by, name, old, new);
    relocate(order, old, new);
}

/// The places that a row leaves and takes.
fn places(by: By, name: &Bytes, old: Option<&Row>, new: Option<&Row>) -> (Option<Place>, Option<Place>) {
    let (old, new) = match by.follows_name() {
        true if new.is_some() => (None, by.place_of_name(name)),
        true => (by.place_of_name(name), None),
        false => (old.and_then(|row| by.place(name, row)), new.and_then(|row| by.place(name, row))),
    };
    planted!("zrank-counts-tombstones" => if by == By::Score && new.is_none() { return (None, None) });
    planted!("hlen-counts-a-field-twice" => if by == By::End && new.is_some() { return (None, new) });
    planted!("zadd-leaves-the-old-score" => if by == By::Score && new.is_some() { return (None, new) });
    (old, new)
}

/// Puts one place in the place of another.
fn relocate(order: &mut Order, old: Option<Place>, new: Option<Place>) {
    if old == new {
        return;
    }
    if let Some(old) = old {
        order.remove(old.rank, &old.name);
    }
    if let Some(new) = new {
        order.insert(new.rank, &new.name);
    }
}

/// The elements of a list, and where the first and the last one stand, if the row is the head of one.
pub fn list_ends(row: Option<&Row>) -> Option<(Table, i64, i64)> {
    match row?.head()? {
        Head { collection, shape: Shape::List { first, last, .. }, .. } => {
            Some((Table::Elements(*collection), *first, *last))
        }
        _ => None,
    }
}

/// Drops the places outside of a list's ends. A pop writes the head and leaves the row of the item, which does not count any
/// more; an order that kept its place would grow with each item that passes through a queue. So each head of a list that
/// is laid over the others clips the order.
pub fn clip(order: &mut Order, first: i64, last: i64) {
    planted!("order-not-clipped" => return);
    // A push leaves nothing outside, and a pop leaves one item. The ends of the order are cheap to look at.
    for _ in 0..2 {
        let before = order.first().filter(|place| place.rank < rank_of_position(first));
        let outside = before.or_else(|| order.last().filter(|place| place.rank > rank_of_position(last)));
        let Some(Place { rank, name }) = outside.map(|spot| spot.place()) else { return };
        order.remove(rank, &name);
    }
    let start = order.below(rank_of_position(first));
    let end = last.checked_add(1).map_or(order.len(), |after| order.below(rank_of_position(after)));
    let inside = end.saturating_sub(start);
    let outside = order.len() - inside;
    if inside < outside {
        let mut leaves = Leaves::default();
        order.iter_from(start).take(inside).for_each(|spot| leaves.push(spot));
        *order = Order::from_leaves(leaves);
        return;
    }
    for at in (end..order.len()).rev().chain((0..start).rev()) {
        if let Some(Place { rank, name }) = order.at(at).map(|spot| spot.place()) {
            order.remove(rank, &name);
        }
    }
}

#[cfg(test)]
mod tests;
