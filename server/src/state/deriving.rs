//! An order while it is built in slices, beside the commit loop.
//!
//! A [`Snapshot`] of one version takes no time: it shares the layers of the runs and the entries of `recent`. The work reads
//! the rows of the table, sorts small chunks of their places, merges the chunks, and follows what was noted meanwhile
//! ([`super::orders`]).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque, hash_map};
use std::ops::Range;
use std::sync::{Arc, Weak};
use std::vec;

use bytes::Bytes;

use super::order::{Leaves, Order, Place};
use super::orders::{By, OrderKey, OrderNote, rank_of_position};
use super::runs::Runs;
use crate::root::{Entry, Placed};
use crate::row::{Row, Table};
use crate::run::{Layer, RowPlace, Salt, Work};

/// The rows that one slice reads.
const READ: usize = 1024;

/// The places that are sorted at once.
const CHUNK: usize = 4096;

/// The places that one slice merges.
const MERGED: usize = 2048;

/// The notes that one slice follows.
const FOLLOWED: usize = 512;

/// The rows of a table in one version.
pub struct Snapshot {
    table: Table,
    /// Where the newest rows stand, the oldest entry first. A later one overrides an earlier one.
    sources: VecDeque<RowSource>,
    newest: HashMap<Bytes, Option<Row>, Salt>,
    /// The layers that have rows of the table, the oldest first.
    layers: VecDeque<Arc<Layer>>,
    /// Where the next row of the first layer stands.
    at: Option<RowPlace>,
    /// What counts of `newest`, once everything else was read.
    rest: Option<hash_map::IntoIter<Bytes, Option<Row>>>,
    salt: Salt,
    /// The ranks between the ends of a list. Other items were popped.
    span: Option<(u64, u64)>,
}

/// Some rows of an entry.
struct RowSource {
    entry: Arc<Entry>,
    part: EntryPart,
    rows: Range<usize>,
}

/// What rows of an entry.
#[derive(Clone, Copy)]
enum EntryPart {
    /// Those of the run that it names.
    Uploaded,
    /// The keys that have expired.
    Expired,
    /// Its own.
    Own,
}

/// Where the rows of a table stand among rows in ascending order.
fn rows_of(rows: &[Placed], table: Table) -> Range<usize> {
    rows.partition_point(|(other, ..)| *other < table)..rows.partition_point(|(other, ..)| *other <= table)
}

impl RowSource {
    /// The rows of a table in an entry, in the order in which they override each other.
    fn of(entry: &Arc<Entry>, table: Table) -> impl Iterator<Item = RowSource> {
        let expired = &entry.parts().expired;
        let expired = match table {
            Table::Keys(id) => {
                expired.partition_point(|(other, _)| *other < id)..expired.partition_point(|(other, _)| *other <= id)
            }
            Table::Elements(_) => 0..0,
        };
        let parts = [
            (EntryPart::Uploaded, rows_of(entry.uploaded(), table)),
            (EntryPart::Expired, expired),
            (EntryPart::Own, rows_of(&entry.parts().rows, table)),
        ];
        let entry = Arc::clone(entry);
        let parts = parts.into_iter().filter(|(_, rows)| !rows.is_empty());
        parts.map(move |(part, rows)| RowSource { entry: Arc::clone(&entry), part, rows })
    }

    fn row(&self, at: usize) -> (Bytes, Option<Row>) {
        let placed = |rows: &[Placed]| (rows[at].1.clone(), rows[at].2.clone());
        match self.part {
            EntryPart::Uploaded => placed(self.entry.uploaded()),
            EntryPart::Expired => (self.entry.parts().expired[at].1.clone(), None),
            EntryPart::Own => placed(&self.entry.parts().rows),
        }
    }
}

impl Snapshot {
    /// The rows of a table that these entries and runs have. Of a list only the items between its ends count.
    pub(super) fn new(recent: &[Arc<Entry>], runs: &Runs, table: Table, span: Option<(i64, i64)>) -> Snapshot {
        let sources: VecDeque<RowSource> = recent.iter().flat_map(|entry| RowSource::of(entry, table)).collect();
        // A map that grew to a million rows would move all of them at once.
        let rows = sources.iter().map(|source| source.rows.len()).sum();
        let layers = runs.layers().iter().map(|stretch| &stretch.layer);
        Snapshot {
            table,
            sources,
            newest: HashMap::with_capacity_and_hasher(rows, runs.salt()),
            layers: layers.filter(|layer| layer.has(table)).cloned().collect(),
            at: None,
            rest: None,
            salt: runs.salt(),
            span: span.map(|(first, last)| (rank_of_position(first), rank_of_position(last))),
        }
    }

    /// Reads some rows, and shows those that count. Returns whether none is left.
    fn read(&mut self, mut see: impl FnMut(&Bytes, &Row)) -> bool {
        let mut left = READ;
        while let Some(source) = self.sources.front_mut() {
            let end = source.rows.end.min(source.rows.start + left);
            left -= end - source.rows.start;
            for at in source.rows.start..end {
                let (name, row) = source.row(at);
                self.newest.insert(name, row);
            }
            source.rows.start = end;
            if !source.rows.is_empty() {
                return false;
            }
            self.sources.pop_front();
        }
        while let Some(layer) = self.layers.front() {
            let mut at = self.at.take().or_else(|| layer.first_of(self.table));
            while let Some(found) = at.and_then(|at| layer.at(at)).filter(|found| found.table == self.table) {
                if left == 0 {
                    self.at = at;
                    return false;
                }
                left -= 1;
                at = Some(found.next);
                let above = self.layers.range(1..);
                let hash = (above.len() > 0).then(|| self.salt.hash(self.table, found.name));
                let is_hidden = self.newest.contains_key(found.name)
                    || hash.is_some_and(|hash| above.clone().any(|layer| layer.says(hash, self.table, found.name)));
                if let Some(row) = found.row().filter(|_| !is_hidden) {
                    see(&found.shared_name(), &row);
                }
            }
            self.layers.pop_front();
        }
        let rest = self.rest.get_or_insert_with(|| std::mem::take(&mut self.newest).into_iter());
        for (name, row) in rest.by_ref().take(left) {
            row.iter().for_each(|row| see(&name, row));
        }
        rest.len() == 0
    }
}

/// The places of a table, while they are read.
struct Reading {
    snapshot: Snapshot,
    /// Sorted ones.
    chunks: Vec<Vec<Place>>,
    /// The others.
    open: Vec<Place>,
}

impl Reading {
    /// Reads some rows. Returns whether none is left.
    fn step(&mut self, by: By) -> bool {
        let Reading { snapshot, chunks, open } = self;
        let span = snapshot.span;
        let counts = |place: &Place| span.is_none_or(|(first, last)| (first..=last).contains(&place.rank));
        let is_done = snapshot.read(|name, row| open.extend(by.place(name, row).filter(counts)));
        if is_done || open.len() >= CHUNK {
            let mut chunk = std::mem::take(open);
            chunk.sort_unstable();
            chunks.push(chunk);
        }
        is_done
    }
}

/// Sorted places, while they are merged.
struct Merging {
    chunks: Vec<vec::IntoIter<Place>>,
    /// The lowest place of each chunk that is not merged yet.
    lowest: BinaryHeap<Reverse<(Place, usize)>>,
    leaves: Leaves,
}

impl Merging {
    fn new(chunks: Vec<Vec<Place>>) -> Merging {
        let mut chunks: Vec<_> = chunks.into_iter().map(Vec::into_iter).collect();
        let lowest = chunks.iter_mut().enumerate().filter_map(|(at, chunk)| Some(Reverse((chunk.next()?, at))));
        Merging { lowest: lowest.collect(), chunks, leaves: Leaves::default() }
    }

    /// Merges some places. Returns whether none is left.
    fn step(&mut self) -> bool {
        for _ in 0..MERGED {
            let Some(Reverse((place, at))) = self.lowest.pop() else { return true };
            self.leaves.push(place);
            self.lowest.extend(self.chunks[at].next().map(|next| Reverse((next, at))));
        }
        self.lowest.is_empty()
    }
}

/// How far the work has come.
enum Stage {
    Reading(Reading),
    Merging(Merging),
    Following(Order, vec::IntoIter<OrderNote>),
}

/// The work on an order.
pub struct Deriving {
    key: OrderKey,
    ticket: u64,
    wanted: Weak<()>,
    stage: Stage,
}

/// An order that was built in slices.
pub struct Derived {
    /// Which one it is.
    pub key: OrderKey,
    /// The number of the work.
    pub ticket: u64,
    /// Lives as long as somebody wants the order.
    pub(super) wanted: Weak<()>,
    /// The order.
    pub order: Order,
}

impl Deriving {
    /// Begins to build an order.
    pub(super) fn new(key: OrderKey, ticket: u64, wanted: Weak<()>, snapshot: Snapshot) -> Deriving {
        let reading = Reading { snapshot, chunks: Vec::new(), open: Vec::new() };
        Deriving { key, ticket, wanted, stage: Stage::Reading(reading) }
    }

    /// Has an order follow what was noted.
    pub(super) fn following(
        key: OrderKey,
        ticket: u64,
        wanted: Weak<()>,
        order: Order,
        notes: Vec<OrderNote>,
    ) -> Deriving {
        Deriving { key, ticket, wanted, stage: Stage::Following(order, notes.into_iter()) }
    }

    fn done(&self, order: Order) -> Derived {
        Derived { key: self.key, ticket: self.ticket, wanted: self.wanted.clone(), order }
    }
}

impl Work for Deriving {
    type Done = Derived;

    fn step(&mut self) -> Option<Derived> {
        if self.wanted.strong_count() == 0 {
            // Others wait for their turn.
            return Some(self.done(Order::default()));
        }
        let (_, by) = self.key;
        match &mut self.stage {
            Stage::Reading(reading) => {
                if reading.step(by) {
                    let merging = Merging::new(std::mem::take(&mut reading.chunks));
                    self.stage = Stage::Merging(merging);
                }
            }
            Stage::Merging(merging) => {
                if merging.step() {
                    let order = Order::from_leaves(std::mem::take(&mut merging.leaves));
                    self.stage = Stage::Following(order, Vec::new().into_iter());
                }
            }
            Stage::Following(order, notes) => {
                notes.by_ref().take(FOLLOWED).for_each(|note| note.apply(order));
                if notes.len() == 0 {
                    let order = std::mem::take(order);
                    return Some(self.done(order));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;
    use crate::command::Command;
    use crate::id::Id;
    use crate::state::{Database, Draft, Installed};

    /// What clients change, in one commit.
    fn commit(database: &mut Database, rng: &mut StdRng, changes: usize) {
        let mut draft = Draft::new(database, None, 1000);
        for _ in 0..changes {
            let (member, number) = (rng.random_range(0..6000), rng.random_range(-50..50));
            let line = match rng.random_range(0..9) {
                0..3 => format!("ZADD z {number} m{member}"),
                3 => format!("ZREM z m{member}"),
                4 => format!("HSET h m{member} v"),
                5 => format!("HPEXPIREAT h {} FIELDS 1 m{member}", 1_000_000 + member),
                6 => format!("RPUSH l {member} {member}"),
                7 => "LPOP l".to_owned(),
                _ => format!("LSET l 0 {member}"),
            };
            let words = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
            Command::parse(words).expect(&line).execute(&mut draft);
        }
        let finished = draft.finish(Id::default());
        database.apply(&finished);
    }

    fn table(database: &Database, key: &str) -> Table {
        let keys = Table::Keys(database.root.header.databases[0].id);
        let row = database.row(keys, key.as_bytes()).expect("the key is there");
        Table::Elements(row.collections().next().expect("it has elements"))
    }

    /// The order as a plain sort makes it.
    fn sorted(database: &Database, (table, by): OrderKey) -> Order {
        let span = database.tallies().span(table.id());
        let span = span.map(|(first, last)| (rank_of_position(first), rank_of_position(last)));
        let counts = |place: &Place| span.is_none_or(|(first, last)| (first..=last).contains(&place.rank));
        let rows = database.rows(table);
        let places = rows.iter().filter_map(|(name, row)| by.place(name, row)).filter(counts);
        Order::from_unsorted(places.collect())
    }

    #[test]
    fn an_order_follows_what_changes_while_it_is_built() {
        let (mut behind, mut slices) = (0, 0);
        for seed in 0..4 {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut database = Database::unborn(Id::default(), Salt(1));
            for _ in 0..4 {
                commit(&mut database, &mut rng, 1500);
            }
            let keys = [("z", By::Score), ("z", By::Hash), ("h", By::End), ("h", By::Hash), ("l", By::Position)];
            for (ticket, (key, by)) in keys.into_iter().enumerate() {
                let key = (table(&database, key), by);
                database.drop_orders();
                let mut work = Box::new(database.derive(key, ticket as u64));
                loop {
                    slices += 1;
                    if rng.random_bool(0.4) {
                        let changes = rng.random_range(1..if seed % 2 == 0 { 2500 } else { 40 });
                        commit(&mut database, &mut rng, changes);
                    }
                    let Some(derived) = work.step() else { continue };
                    database.drop_orders();
                    match database.install(derived) {
                        Installed::Now => break,
                        Installed::InVain => panic!("nobody has deleted it"),
                        Installed::Behind(more) => work = more,
                    }
                    behind += 1;
                }
                assert!(database.has_order(key), "{key:?}");
                assert_eq!(database.order(key.0, key.1), sorted(&database, key), "seed {seed}: {key:?}");
            }
        }
        assert!(behind > 2 && slices > 50, "{behind} {slices}");
    }

    #[test]
    fn the_work_for_a_version_that_does_not_count_any_more_is_in_vain() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut database = Database::unborn(Id::default(), Salt(1));
        commit(&mut database, &mut rng, 100);
        let key = (table(&database, "z"), By::Score);
        let first = database.derive(key, 1).finish();
        let second = database.derive(key, 2);
        assert!(!database.awaits(key, 1) && database.awaits(key, 2));
        assert!(matches!(database.install(first), Installed::InVain));
        database = Database::new(database.root.clone(), database.runs.clone()).expect("it is whole");
        assert!(!database.awaits(key, 2));
        assert!(matches!(database.install(second.finish()), Installed::InVain));
    }
}
