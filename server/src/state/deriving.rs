//! An order while it is built in slices, beside the commit loop.
//!
//! A [`Snapshot`] of one version takes no time: it shares the layers of the runs and the entries of `recent`. The work reads
//! the rows of the table, sorts small chunks of their places, merges the chunks, and follows what was noted meanwhile
//! ([`super::orders`]).

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, HashMap, VecDeque, hash_map};
use std::ops::Range;
use std::sync::{Arc, Weak};
use std::vec;

use bytes::Bytes;

use super::order::{Drain, Leaves, Order, Place, Spot};
use super::orders::{By, OrderKey, OrderNote, rank_of_position};
use super::runs::Runs;
use crate::root::{Entry, Placed};
use crate::row::{Row, Table};
use crate::run::{Layer, RowPlace, Salt, Work};
use crate::zoo::planted;

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
    /// Sorted ones, packed: a million unpacked places would take 40 MB.
    chunks: Vec<Leaves>,
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
            open.sort_unstable();
            let mut chunk = Leaves::default();
            open.drain(..).for_each(|place| chunk.push(Spot::new(place.rank, &place.name)));
            chunks.push(chunk);
        }
        is_done
    }
}

/// Sorted places, while they are merged.
struct Merging {
    chunks: Vec<Drain>,
    /// The lowest place of each chunk that is not merged yet.
    lowest: BinaryHeap<Reverse<ChunkHead>>,
    leaves: Leaves,
}

/// The lowest place of a chunk. Its name is overwritten by that of the next one, so that no place allocates memory.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ChunkHead {
    rank: u64,
    name: Vec<u8>,
    chunk: usize,
}

impl Merging {
    fn new(chunks: Vec<Leaves>) -> Merging {
        let mut chunks: Vec<Drain> = chunks.into_iter().map(Leaves::drain).collect();
        let head = |(chunk, places): (usize, &mut Drain)| {
            let lowest = places.next_spot()?;
            Some(Reverse(ChunkHead { rank: lowest.rank, name: lowest.name().into(), chunk }))
        };
        let lowest = chunks.iter_mut().enumerate().filter_map(head);
        Merging { lowest: lowest.collect(), chunks, leaves: Leaves::default() }
    }

    /// Merges some places. Returns whether none is left.
    fn step(&mut self) -> bool {
        for _ in 0..MERGED {
            let Some(mut lowest) = self.lowest.peek_mut() else { return true };
            let Reverse(ChunkHead { rank, name, chunk }) = &mut *lowest;
            self.leaves.push(Spot::new(*rank, name));
            match self.chunks[*chunk].next_spot() {
                Some(next) => {
                    *rank = next.rank;
                    name.clear();
                    next.append_name(name);
                }
                None => drop(PeekMut::pop(lowest)),
            }
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
        if self.wanted.strong_count() == 0 && !planted!("work-in-vain-goes-on") {
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
mod tests;
