//! What a version knows about its rows without looking at all of them: how many keys each database has, how large they are,
//! when they expire, and who names each collection.
//!
//! All of it follows from the rows alone. A server that laid every row over the others, one by one, in the order of the
//! commits, gets the same as one that has followed since the beginning, once both have buried what has ended. Tests compare
//! the two.
//!
//! To bury a key is to take what has ended out of the tallies. It needs the key's row, so a fold, a squash or a merge leaves
//! out no row whose key is not buried. It costs a look-up, so a commit buries some keys only. A count of living keys leaves out what has
//! ended and is not buried yet ([`Tally::alive`]). Only sizes count a key until it is buried: the memory that INFO tells, and
//! what is compared with `maxmemory`.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::order::{Order, Place};
use super::orders::list_ends;
use crate::root::{Header, Numbered};
use crate::row::{self, Made, Row, Table};
use crate::zoo::planted;

/// The key rows of one database. A row that has ended counts until it is buried.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many there are.
    pub rows: u64,
    /// How large they are together: see [`row::size`].
    pub size: u64,
    /// Those that expire, by their end.
    pub ends: Order,
    /// What ends before this place is buried, whether its row is still stored or not. So it does not matter which commit or
    /// merge removes the row, and when a server learns of that.
    buried: Place,
}

impl Tally {
    /// A tally of no rows that counts none which have ended by a moment.
    fn after(now: u64) -> Tally {
        Tally { buried: after(now), ..Tally::default() }
    }

    /// The row, unless it is buried.
    fn counted<'a>(&self, name: &[u8], row: Option<&'a Row>) -> Option<&'a Row> {
        let bound = (self.buried.rank, &self.buried.name[..]);
        row.filter(|row| row.end().is_none_or(|end| (end, name) >= bound))
    }

    /// Notes that a row takes the place of another.
    pub fn note(&mut self, name: &[u8], old: Option<&Row>, new: Option<&Row>) {
        let (old, new) = (self.counted(name, old), self.counted(name, new));
        self.count(name, old, new);
        let (old, new) = (old.and_then(Row::end), new.and_then(Row::end));
        if old == new {
            return;
        }
        if let Some(end) = old {
            self.ends.remove(end, name);
        }
        if let Some(end) = new {
            self.ends.insert(end, name);
        }
    }

    /// Counts that a row takes the place of another. The order of ends is left as it is.
    fn count(&mut self, name: &[u8], old: Option<&Row>, new: Option<&Row>) {
        let size = |row: Option<&Row>| row.map_or(0, |row| row::size(name, row));
        // A fold that was made before a flush may replace rows of a database whose tally went with the flush.
        self.rows = (self.rows + u64::from(new.is_some())).saturating_sub(u64::from(old.is_some()));
        self.size = (self.size + size(new)).saturating_sub(size(old));
    }

    /// How many keys are alive at a moment.
    pub fn alive(&self, now: u64) -> u64 {
        if planted!("expired-keys-counted") { self.rows } else { self.rows - self.dead(now) }
    }

    /// How many of the rows have ended by a moment.
    pub fn dead(&self, now: u64) -> u64 {
        let end = if planted!("key-counted-at-its-end") { now } else { now.saturating_add(1) };
        self.ends.below(end) as u64
    }

    /// A time so early that at most `most` of the rows have ended by then, and no later than `now`.
    fn time_of(&self, most: usize, now: u64) -> u64 {
        let later = self.ends.at(most).map_or(now, |place| place.rank.saturating_sub(1));
        later.min(now)
    }
}

/// The place behind all that have ended by a moment.
fn after(now: u64) -> Place {
    Place { rank: now.saturating_add(1), name: Bytes::new() }
}

/// All tallies of a version, and the owners of its collections.
#[derive(Clone, Debug, Default)]
pub struct Tallies {
    /// The newest time that keys were buried by.
    now: u64,
    databases: BTreeMap<Made, Tally>,
    /// Who names each collection. The collections of a database that was flushed stay until [`Tallies::prune`]: a flush
    /// does not look at them.
    owners: BTreeMap<Made, Owner>,
    /// How many of them were left when they were pruned.
    pruned: usize,
}

/// A key that has ended.
pub struct Buried {
    /// The keys of its database.
    pub table: Table,
    /// The key.
    pub name: Bytes,
    /// Its row, which may be stored for some time.
    pub row: Option<Row>,
}

/// How many keys of a database can be buried in one step.
const SOON: usize = 10_000;

/// How many owners may come beyond twice those that were left: pruning few is not worth a walk.
const UNPRUNED: usize = 1000;

/// Who names a collection.
#[derive(Clone, Copy, Debug)]
struct Owner {
    /// The table of the newest row that names it.
    table: Table,
    /// How many rows of that table name it. RENAME writes two rows, so it may be two between them. Rows of other tables
    /// do not count: where MOVE takes a collection out of a database that is flushed then, no entry removes the old row.
    rows: u32,
    /// Where the first and the last item of a list stand. Items outside were popped, and nobody can see their rows.
    span: Option<(i64, i64)>,
}

/// How long the chain of owners may be: pending entries belong to a group, a group to a stream, and a stream to a database.
const CHAIN: usize = 3;

impl Tallies {
    /// The tally of a database.
    pub fn of(&self, database: Made) -> Option<&Tally> {
        self.databases.get(&database)
    }

    /// Notes that a row takes the place of another.
    pub fn note(&mut self, table: Table, name: &[u8], old: Option<&Row>, new: Option<&Row>) {
        let (mut old, mut new) = (old, new);
        if let Table::Keys(database) = table {
            let tally = self.databases.entry(database).or_insert_with(|| Tally::after(self.now));
            (old, new) = (tally.counted(name, old), tally.counted(name, new));
            tally.note(name, old, new);
        }
        for collection in new.into_iter().flat_map(Row::collections) {
            let owner = self.owners.entry(collection).or_insert(Owner { table, rows: 0, span: None });
            let rows = if owner.table == table { owner.rows } else { 0 };
            *owner = Owner { table, rows: rows + 1, span: list_ends(new).map(|(_, first, last)| (first, last)) };
        }
        self.disown(table, old);
    }

    /// Notes that a row does not name its collections any more.
    fn disown(&mut self, table: Table, old: Option<&Row>) {
        for collection in old.into_iter().flat_map(Row::collections) {
            let owner = self.owners.get_mut(&collection).filter(|owner| owner.table == table);
            let Some(owner) = owner else { continue };
            owner.rows -= 1;
            if owner.rows == 0 || planted!("rename-forgets-owner") {
                self.owners.remove(&collection);
            }
        }
    }

    /// Moves on to a later time, and buries keys that have ended by then: `most` at most, those that ended first before the
    /// others of their database. Returns them with their rows, which `row` finds. Each key is buried once, so this takes time
    /// once for each key that expires.
    pub fn bury(&mut self, now: u64, most: usize, row: impl Fn(Table, &[u8]) -> Option<Row>) -> Vec<Buried> {
        planted!("expired-keys-counted" => return Vec::new());
        planted!("dead-until-removed" => return Vec::new());
        self.now = self.now.max(now);
        let (now, mut left) = (self.now, most);
        let mut buried = Vec::new();
        for (id, tally) in self.databases.iter_mut().filter(|(_, tally)| tally.buried.rank <= now) {
            let table = Table::Keys(*id);
            let mut dead = tally.ends.iter().take_while(|place| place.rank <= now);
            let names: Vec<Bytes> = dead.by_ref().take(left).map(|place| place.name()).collect();
            let bound = dead.next().map_or_else(|| after(now), |place| place.place());
            left -= names.len();
            // They are the lowest places of the order, so they leave it together.
            tally.ends.remove_first(names.len());
            for name in names {
                let row = row(table, &name);
                debug_assert!(row.as_ref().is_some_and(|row| row.is_dead(now)), "what counts is there: {name:?}");
                tally.count(&name, row.as_ref(), None);
                buried.push(Buried { table, name, row });
            }
            tally.buried = bound;
        }
        buried.iter().for_each(|Buried { table, row, .. }| self.disown(*table, row.as_ref()));
        buried
    }

    /// How many keys have ended by a moment and are not buried.
    pub fn unburied(&self, now: u64) -> u64 {
        self.databases.values().map(|tally| tally.dead(now)).sum()
    }

    /// Everything that has ended by this time is buried.
    pub fn buried_to(&self) -> u64 {
        let bounds = self.databases.values().map(|tally| tally.buried.rank.saturating_sub(1));
        bounds.min().unwrap_or(self.now)
    }

    /// A time so early that burying what has ended by then is no long work, and no later than `now`.
    pub fn soon_buried(&self, now: u64) -> u64 {
        self.databases.values().map(|tally| tally.time_of(SOON, now)).min().unwrap_or(now)
    }

    /// Forgets databases that no number maps to.
    pub fn keep(&mut self, numbers: &[Numbered]) {
        self.databases.retain(|id, _| *id == Made::SYSTEM || numbers.iter().any(|number| number.id == *id));
    }

    /// The collections that can be reached from the mapped databases.
    pub fn reachable(&self, numbers: &[Numbered]) -> BTreeSet<Made> {
        self.owners.keys().copied().filter(|collection| self.reaches(*collection, numbers)).collect()
    }

    /// Whether some row names a collection.
    pub fn names(&self, collection: Made) -> bool {
        self.owners.contains_key(&collection)
    }

    /// Whether a collection can be reached.
    pub fn reaches(&self, collection: Made, numbers: &[Numbered]) -> bool {
        let mut next = collection;
        for _ in 0..CHAIN {
            match self.owners.get(&next) {
                None => return false,
                Some(Owner { table: Table::Keys(database), .. }) => return is_mapped(*database, numbers),
                Some(Owner { table: Table::Elements(owner), .. }) => next = *owner,
            }
        }
        false
    }

    /// Where the first and the last item of a list stand.
    pub fn span(&self, collection: Made) -> Option<(i64, i64)> {
        self.owners.get(&collection)?.span
    }

    /// Where the first and the last item of each list stand.
    pub fn spans(&self) -> impl Iterator<Item = (Made, (i64, i64))> {
        self.owners.iter().filter_map(|(collection, owner)| Some((*collection, owner.span?)))
    }

    /// Whether some collection that was made up to this generation can be reached.
    pub fn reaches_back(&self, generation: u64, numbers: &[Numbered]) -> bool {
        let old = ..=Made { generation, ordinal: u32::MAX };
        self.owners.range(old).any(|(collection, _)| self.reaches(*collection, numbers))
    }

    /// Puts the tally of a database in the place of the one it was cloned from.
    pub fn set(&mut self, database: Made, tally: Tally) {
        self.databases.insert(database, tally);
    }

    /// Forgets the collections that are not among these. Takes as long as there are collections: see
    /// [`Tallies::has_grown`].
    pub fn prune(&mut self, reachable: &BTreeSet<Made>) {
        self.owners.retain(|collection, _| reachable.contains(collection));
        self.pruned = self.owners.len();
    }

    /// Whether pruning is worth its time. The collections of a group stay when its stream goes, since nobody looks at the
    /// groups then. So a change of the mapping is not the only reason to prune.
    pub fn has_grown(&self) -> bool {
        self.owners.len() > 2 * self.pruned + UNPRUNED
    }

    /// The size of all databases.
    pub fn size(&self) -> u64 {
        self.databases.values().map(|tally| tally.size).sum()
    }
}

/// What INFO says of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The version.
    pub generation: u64,
    /// The size of all keys and values.
    pub size: u64,
    /// The databases that have keys.
    pub databases: Vec<DatabaseFigures>,
}

/// What INFO says of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseFigures {
    /// Its number.
    pub number: usize,
    /// How many keys are alive.
    pub keys: u64,
    /// How many of them expire.
    pub expires: u64,
}

impl Figures {
    /// The figures of a version with these tallies.
    pub fn new<'a>(header: &Header, size: u64, tally: impl Fn(Made) -> Option<&'a Tally>) -> Figures {
        let figures = |(number, numbered): (usize, &Numbered)| {
            let expires = tally(numbered.id).map_or(0, |tally| tally.ends.len() as u64 - tally.dead(header.now));
            DatabaseFigures { number, keys: numbered.keys, expires }
        };
        let databases = header.databases.iter().enumerate().map(figures).filter(|figures| figures.keys > 0).collect();
        Figures { generation: header.generation, size, databases }
    }

    /// How many keys there are.
    pub fn keys(&self) -> u64 {
        self.databases.iter().map(|database| database.keys).sum()
    }
}

/// Whether commands can get at a database.
pub fn is_mapped(database: Made, numbers: &[Numbered]) -> bool {
    database == Made::SYSTEM || numbers.iter().any(|number| number.id == database)
}
