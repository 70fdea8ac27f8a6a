//! Ranks, lists whose ends move, and orders that follow an entry.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::*;
use crate::row::Made;

#[test]
fn ranks_ascend_with_scores_and_positions() {
    let scores = [f64::NEG_INFINITY, -2.5, -1e-300, 0.0, 1e-300, 1.0, 1.5, 1e300, f64::INFINITY];
    assert!(scores.is_sorted_by_key(|score| rank_of_score(*score)));
    assert!(scores.iter().all(|score| score_of_rank(rank_of_score(*score)) == *score));
    assert_eq!(rank_of_score(-0.0), rank_of_score(0.0));
    let positions = [i64::MIN, -1, 0, 1, i64::MAX];
    assert!(positions.is_sorted_by_key(|position| rank_of_position(*position)));
    assert!(positions.iter().all(|position| position_of_rank(rank_of_position(*position)) == *position));
}

fn item(position: i64) -> (Bytes, Row) {
    (Bytes::from(position.to_string()), Row::Value(Bytes::new()))
}

#[test]
fn the_order_of_a_list_keeps_what_is_between_the_ends() {
    let places = |positions: &[i64]| {
        let rows = positions.iter().map(|position| item(*position));
        Order::from_unsorted(rows.filter_map(|(name, row)| By::Position.place(&name, &row)).collect())
    };
    let all = [-40, -20, -3, 0, 20, 40];
    for (first, last) in [(-40, 40), (-3, 20), (0, 0), (-100, -40), (i64::MIN, i64::MAX), (41, 50)] {
        let mut order = places(&all);
        clip(&mut order, first, last);
        let inside: Vec<i64> = all.into_iter().filter(|position| (first..=last).contains(position)).collect();
        assert_eq!(order, places(&inside), "{first}..{last}");
    }
}

#[test]
fn an_item_over_a_popped_one_gets_a_place() {
    let mut order = Order::new();
    let (name, row) = item(20);
    change(&mut order, By::Position, &name, Some(&row), Some(&row));
    assert_eq!(order.len(), 1);
}

#[test]
fn an_order_that_is_being_built_keeps_no_values() {
    let table = Table::Elements(Made { generation: 1, ordinal: 0 });
    let mut orders = Orders::default();
    for (by, ticket) in [(By::Hash, 1), (By::Score, 2), (By::Position, 3), (By::End, 4)] {
        let _wanted = orders.begin((table, by), ticket);
    }
    let (old, new) = (Bytes::from(b"1".repeat(100)), Bytes::from(b"2".repeat(100)));
    let row = |value: &Bytes| Row::Value(value.clone());
    // The name of a new row stands beside its value.
    orders.note(table, &new.slice(..1), Some(&row(&old)), Some(&row(&new)));
    assert_eq!(orders.notes((table, By::Score), 2).map(|notes| notes.len()), Some(1));
    assert!(old.is_unique() && new.is_unique(), "a note holds the row that it tells of");
}

/// Notes the rows of an entry, in their order, as a version does that takes it in.
fn follow(orders: &mut Orders, rows: &[(Table, Bytes, Option<Row>, Option<Row>)]) {
    rows.iter().for_each(|(table, name, old, new)| orders.note(*table, name, old.as_ref(), new.as_ref()));
    orders.catch_up();
}

#[test]
fn an_order_follows_all_rows_of_an_entry() {
    let table = Table::Elements(Made { generation: 1, ordinal: 0 });
    let score = |score: u32| Some(Row::Value(score.to_string().into()));
    let mut scores: Vec<u32> = (0..100).collect();
    let order = |scores: &[u32]| {
        let members = (0..).zip(scores).filter(|(_, score)| **score > 0);
        let place = |(member, score): (u32, &u32)| Place { rank: rank_of_score(f64::from(*score)), name: name(member) };
        Order::from_unsorted(members.map(place).collect())
    };
    let mut orders = Orders::default();
    orders.insert(table, By::Score, order(&scores));
    let mut rng = StdRng::seed_from_u64(1);
    for _ in 0..100 {
        let mut rows = Vec::new();
        for (member, old) in (0..).zip(&mut scores) {
            // Members exchange scores, also within an entry. A score of zero stands for none.
            let new = if rng.random_ratio(1, 4) { rng.random_range(0..20) } else { continue };
            rows.push((table, name(member), score(*old).filter(|_| *old > 0), score(new).filter(|_| new > 0)));
            *old = new;
        }
        follow(&mut orders, &rows);
        assert_eq!(orders.get(table, By::Score), Some(&order(&scores)));
        assert_eq!(orders.bytes, weight(&order(&scores)));
    }
}

fn name(member: u32) -> Bytes {
    Bytes::from(format!("member {member}"))
}

#[test]
fn a_head_clips_what_came_before_it_in_the_entry() {
    let (keys, id) = (Table::Keys(Made::first(0)), Made { generation: 1, ordinal: 0 });
    let shape = Shape::List { length: 2, first: 10, last: 20 };
    let head = Some(Head { collection: id, until: None, size: 0, shape }.into());
    let mut orders = Orders::default();
    orders.insert(Table::Elements(id), By::Position, Order::new());
    // A run that was uploaded for the entry comes before the rows of the entry itself.
    let mut rows: Vec<_> = [0, 10, 30].map(item).map(|(name, row)| (Table::Elements(id), name, None, Some(row))).into();
    rows.push((keys, Bytes::from("list"), None, head));
    rows.extend([20].map(item).map(|(name, row)| (Table::Elements(id), name, None, Some(row))));
    follow(&mut orders, &rows);
    let places: Vec<i64> =
        orders.built[&(Table::Elements(id), By::Position)].iter().map(|place| position_of_rank(place.rank)).collect();
    assert_eq!(places, [10, 20]);
}
