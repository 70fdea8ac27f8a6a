//! Ranks, and lists whose ends move.

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
    orders.note(table, &Bytes::from("7"), Some(&row(&old)), Some(&row(&new)));
    assert_eq!(orders.notes((table, By::Score), 2).map(|notes| notes.len()), Some(1));
    assert!(old.is_unique() && new.is_unique(), "a note holds the row that it tells of");
}
