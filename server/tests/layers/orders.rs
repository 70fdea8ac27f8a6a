//! Derived orders against sorted lists.

use std::collections::BTreeMap;

use bytes::Bytes;
use valthree::row::{Row, Shape, Table};
use valthree::state::{
    By, Database, OrderKey, order::Order, order::Place, order::Spot, position_of_rank, rank_of_score, score_of_rank,
};

use super::model::{Content, Held};
use super::read::{Source, position, stream_id};

/// All orders that there are.
const ALL: [By; 5] = [By::Hash, By::Score, By::Position, By::End, By::Id];

/// Compares the orders of a key's elements with what the key holds.
pub fn agree(source: &impl Source, row: &Row, held: &Held) {
    let Some(head) = row.head() else { return };
    let table = Table::Elements(head.collection);
    match &held.content {
        Content::Text(_) => panic!("a string has no head"),
        Content::Set(members) => {
            let order = source.ordered(table, By::Hash);
            assert!(
                members
                    .iter()
                    .all(|member| By::Hash.place(member, &Row::Member).is_some_and(|place| has(&order, &place)))
            );
            assert_eq!(order.len(), members.len());
        }
        Content::Hash(fields) => {
            let now = source.moment();
            let mut ends: Vec<(u64, &Bytes)> =
                fields.iter().filter_map(|(name, (_, until))| Some(((*until)?, name))).collect();
            ends.sort_unstable();
            let order = source.ordered(table, By::End);
            let dead = order.below(now + 1);
            let alive: Vec<Place> = order.iter_from(dead).map(|spot| spot.place()).collect();
            let ends: Vec<Place> = ends.into_iter().map(|(rank, name)| Place { rank, name: name.clone() }).collect();
            assert_eq!(alive, ends, "fields by their end");
            let Shape::Hash { fields: lasting, .. } = head.shape else { panic!("{head:?} is no hash") };
            assert_eq!(lasting as usize + source.alive(&order), fields.len(), "HLEN");
        }
        Content::Zset(members) => {
            let mut sorted: Vec<(f64, Bytes)> = members.iter().map(|(name, score)| (*score, name.clone())).collect();
            sorted.sort_by(|one, other| one.0.total_cmp(&other.0).then_with(|| one.1.cmp(&other.1)));
            let order = source.ordered(table, By::Score);
            let found: Vec<(f64, Bytes)> =
                order.iter().map(|place| (score_of_rank(place.rank), place.name())).collect();
            assert_eq!(found, sorted, "members by score");
            for (rank, (score, name)) in sorted.iter().enumerate() {
                assert_eq!(order.rank_of(rank_of_score(*score), name), Ok(rank), "ZRANK");
                let below = sorted.partition_point(|(other, _)| other < score);
                assert_eq!(order.below(rank_of_score(*score)), below, "ZCOUNT");
            }
        }
        Content::List(items) => {
            let Shape::List { first, last, .. } = head.shape else { panic!("{head:?} is no list") };
            let order = inside(&source.ordered(table, By::Position), first, last);
            assert_eq!(order.len(), items.len());
            let elements = source.elements(head.collection);
            for (place, item) in order.iter().zip(items) {
                let name = Bytes::from(position_of_rank(place.rank).to_string());
                let at = elements.binary_search_by(|(other, _)| other.cmp(&name)).expect("an element at each position");
                assert_eq!(elements[at].1.value(), Some(item), "LINDEX");
            }
        }
        Content::Stream(log) => {
            let order = source.ordered(table, By::Id);
            let found: Vec<(u64, u64)> = order.iter().map(|place| (place.rank, sequence(place))).collect();
            assert!(found.iter().eq(log.entries.keys()), "entries by their id: {found:?}");
        }
    }
}

/// The places of a list's order that count.
fn inside(order: &Order, first: i64, last: i64) -> Order {
    let inside = order.iter().filter(|place| (first..=last).contains(&position_of_rank(place.rank)));
    copied(inside)
}

/// An order of these places, which ascend.
fn copied<'a>(places: impl Iterator<Item = Spot<'a>>) -> Order {
    let places: Vec<Place> = places.map(|spot| spot.place()).collect();
    Order::from_sorted(&places)
}

fn has(order: &Order, place: &Place) -> bool {
    order.contains(place.rank, &place.name)
}

fn sequence(place: Spot<'_>) -> u64 {
    u64::from_be_bytes(place.name()[..].try_into().expect("eight bytes"))
}

/// Compares the orders that a version has followed with orders that are made of its rows now.
pub fn follow(database: &Database) {
    let numbers = database.root.header.databases;
    for number in numbers {
        let table = Table::Keys(number.id);
        let rows = living(database, table);
        for by in [By::Hash, By::End] {
            let followed = present(&database.order(table, by), by, &rows, database.root.header.now);
            assert_eq!(followed, made(&rows, by), "{table:?} {by:?}");
        }
        for row in rows.values().filter(|row| !row.is_dead(database.root.header.now)) {
            for collection in row.collections() {
                elements(database, Table::Elements(collection), row);
            }
        }
    }
}

/// The orders that somebody could ask for.
pub fn keys(database: &Database) -> Vec<OrderKey> {
    let mut keys = Vec::new();
    for number in database.root.header.databases {
        let table = Table::Keys(number.id);
        keys.push((table, By::Hash));
        living(database, table).values().for_each(|row| keys_below(database, row, &mut keys));
    }
    keys
}

fn keys_below(database: &Database, head: &Row, keys: &mut Vec<OrderKey>) {
    for table in head.collections().map(Table::Elements) {
        let rows = living(database, table);
        keys.extend(ALL.into_iter().filter(|by| fits(*by, head, &rows)).map(|by| (table, by)));
        rows.values().for_each(|row| keys_below(database, row, keys));
    }
}

/// The rows that have not ended.
fn living(database: &Database, table: Table) -> BTreeMap<Bytes, Row> {
    let now = database.root.header.now;
    database.rows(table).into_iter().filter(|(_, row)| !row.is_dead(now)).collect()
}

/// An order without the places of what has ended: these may stay for some time.
fn present(order: &Order, by: By, rows: &BTreeMap<Bytes, Row>, now: u64) -> Order {
    let is_present = |place: &Spot<'_>| match by {
        By::End => place.rank > now,
        By::Hash => rows.contains_key(&place.name()),
        By::Score | By::Position | By::Id => true,
    };
    copied(order.iter().filter(is_present))
}

fn elements(database: &Database, table: Table, head: &Row) {
    let rows = living(database, table);
    for by in ALL.into_iter().filter(|by| fits(*by, head, &rows)) {
        let followed = database.order(table, by);
        let followed = present(&followed, by, &rows, database.root.header.now);
        let (mut followed, mut anew) = (followed, made(&rows, by));
        if let Some(Shape::List { first, last, .. }) = head.head().map(|head| &head.shape)
            && by != By::End
        {
            // What lies outside of the ends does not count, and a server forgets it sooner or later.
            let counts = |place: &Spot<'_>| match by {
                By::Position => (*first..=*last).contains(&position_of_rank(place.rank)),
                _ => (*first..=*last).contains(&position(&place.name())),
            };
            let clip = |order: &Order| copied(order.iter().filter(counts));
            (followed, anew) = (clip(&followed), clip(&anew));
        }
        assert_eq!(followed, anew, "{table:?} {by:?} under {head:?}");
    }
    for row in rows.values() {
        for collection in row.collections() {
            elements(database, Table::Elements(collection), row);
        }
    }
}

/// Whether somebody could ask for this order of these rows.
fn fits(by: By, head: &Row, rows: &BTreeMap<Bytes, Row>) -> bool {
    match (by, head.head().map(|head| &head.shape)) {
        (By::Hash | By::End, _) | (By::Score, Some(Shape::Zset { .. })) | (By::Position, Some(Shape::List { .. })) => {
            true
        }
        (By::Id, Some(Shape::Stream(_)) | None) => {
            rows.keys().all(|name| name.contains(&b'-') && stream_id(name).0 > 0)
        }
        _ => false,
    }
}

fn made(rows: &BTreeMap<Bytes, Row>, by: By) -> Order {
    Order::from_unsorted(rows.iter().filter_map(|(name, row)| by.place(name, row)).collect())
}
