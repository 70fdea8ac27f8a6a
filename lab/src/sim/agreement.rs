//! The check that all servers agree on the content of every version.
//!
//! A version is `db.json` and the runs that it names. Each server reaches it in its own way: one has committed it, another
//! has applied the newer runs, a third has merged layers meanwhile, and a new one has read everything. All of them have to
//! hold the same rows, and derive the same figures from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use valthree::row::{self, Made, Row, Table};
use valthree::run::is_outside;
use valthree::state::order::Place;
use valthree::state::{By, Database};

use super::place;

/// A row that can be reached.
type Placed = (Table, Bytes, Option<Row>);

/// The content of every generation so far. Clones share it.
#[derive(Clone, Default)]
pub struct Agreement(Arc<Mutex<BTreeMap<u64, Taken>>>);

struct Taken {
    by: place::Place,
    json: Bytes,
    rows: Vec<Placed>,
}

impl Agreement {
    /// Compares a server's version with itself and with those of other servers. Returns the first contradiction.
    pub fn disagrees(&self, server: place::Place, database: &Database) -> Option<String> {
        let (generation, json) = (database.root.header.generation, database.root.encode());
        if generation == 0 {
            return None; // before the first commit each server holds the database that it would create
        }
        // Servers bury what has ended at their own pace.
        let mut copy = None;
        let database = match database.tallies().unburied(database.root.header.now) {
            0 => database,
            _ => {
                let copy = copy.insert(database.clone());
                copy.bury_all();
                &*copy
            }
        };
        let rows = visible_rows(database);
        if let Some(wrong) = miscount(database, &rows) {
            return Some(format!("{server} miscounts generation {generation}: {wrong}"));
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken =
            all.entry(generation).or_insert_with(|| Taken { by: server, json: json.clone(), rows: rows.clone() });
        if taken.json != json {
            return Some(format!("{server} and {} have different db.json of generation {generation}", taken.by));
        }
        let difference = first_difference(&taken.rows, &rows)?;
        Some(format!("{server} and {} have different content in generation {generation}: {difference}", taken.by))
    }
}

/// The rows that somebody can see. An item that was popped off a list may still have a row, on some servers and not on others:
/// nobody looks outside of the ends of a list.
fn visible_rows(database: &Database) -> Vec<Placed> {
    let mut rows = database.reachable_rows();
    rows.retain(|(table, name, _)| match table {
        Table::Keys(_) => true,
        Table::Elements(id) => !is_outside(database.tallies().span(*id), name),
    });
    rows
}

/// What the server derives from its rows and does not follow from them.
fn miscount(database: &Database, rows: &[Placed]) -> Option<String> {
    let keys = rows.iter().filter(|(table, ..)| matches!(table, Table::Keys(_)));
    let alive = |(_, _, row): &&Placed| row.as_ref().is_some_and(|row| !row.is_dead(database.root.header.now));
    let size: u64 = keys.clone().map(|(_, key, row)| row.as_ref().map_or(0, |row| row::size(key, row))).sum();
    let counted = (database.keys(), database.size());
    // Scripts and functions take memory, and are no keys of a database.
    let of_a_number = |(table, ..): &&Placed| *table != Table::Keys(Made::SYSTEM);
    let there = (keys.filter(of_a_number).filter(alive).count() as u64, size);
    if counted != there {
        return Some(format!("{counted:?} keys and bytes, but there are {there:?}"));
    }
    let of_a_table = rows.chunk_by(|one, other| one.0 == other.0);
    of_a_table.into_iter().find_map(|rows| {
        let table = rows[0].0;
        let is_list = matches!(table, Table::Elements(id) if database.tallies().span(id).is_some());
        let orders: &[By] = if is_list { &[By::Position] } else { &[By::Hash, By::End] };
        let names: BTreeSet<&Bytes> = rows.iter().map(|(_, name, _)| name).collect();
        orders.iter().copied().find_map(|by| {
            let places = rows.iter().filter_map(|(_, name, row)| by.place(name, row.as_ref()?));
            let (places, order) = (places.collect::<BTreeSet<Place>>(), database.order(table, by));
            // What has ended may keep its place until its row is removed.
            let is_past = |place: &Place| match by {
                By::End => place.rank <= database.root.header.now,
                _ => !names.contains(&place.name),
            };
            let same = places.iter().all(|place| order.contains(place.rank, &place.name))
                && order.iter().map(|spot| spot.place()).all(|place| places.contains(&place) || is_past(&place));
            (!same).then(|| format!("the order of {table:?} by {by:?} is not that of its rows"))
        })
    })
}

/// The first row that differs.
fn first_difference(one: &[Placed], other: &[Placed]) -> Option<String> {
    if one == other {
        return None;
    }
    let [one, other] = [one, other].map(|all| {
        all.iter().map(|(table, name, row)| ((*table, name.clone()), row.clone())).collect::<BTreeMap<_, _>>()
    });
    let name = one.keys().chain(other.keys()).filter(|name| one.get(*name) != other.get(*name)).min()?;
    let told = |row: Option<&Option<Row>>| row.map_or("nothing".to_owned(), |row| format!("{row:?}"));
    Some(format!("{name:?} is {} to the one and {} to the other", told(other.get(name)), told(one.get(name))))
}
