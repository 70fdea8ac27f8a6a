//! Orders against a `BTreeSet` that does the same, with a check of every node.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::node::{INNER, LEAF, Node};
use super::{Leaves, Order, Place};

mod census;

fn place(rank: u64, name: impl ToString) -> Place {
    Place { rank, name: Bytes::from(name.to_string()) }
}

/// Places with ranks from zero and one name.
fn ranks(ranks: std::ops::Range<u64>) -> Vec<Place> {
    ranks.map(|rank| place(rank, "name")).collect()
}

impl Order {
    /// Panics unless all reads agree with the model.
    fn agrees(&self, model: &BTreeSet<Place>) {
        self.checked();
        let sorted: Vec<&Place> = model.iter().collect();
        assert_eq!((self.len(), self.is_empty()), (sorted.len(), sorted.is_empty()));
        assert_eq!(self.iter().collect::<Vec<_>>(), sorted);
        assert_eq!(self.iter_back_from(usize::MAX).collect::<Vec<_>>(), model.iter().rev().collect::<Vec<_>>());
        assert_eq!((self.first(), self.last()), (model.first(), model.last()));
        assert_eq!(self.at(sorted.len()), None);
        for (position, &place) in sorted.iter().enumerate() {
            assert_eq!(self.at(position), Some(place));
            assert_eq!(self.rank_of(place.rank, &place.name), Ok(position));
            assert!(self.contains(place.rank, &place.name));
            assert_eq!(self.below(place.rank), sorted.partition_point(|other| other.rank < place.rank));
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Place),
    Remove(Place),
    /// Removes the place at this part of the order, and some after it.
    Cut(prop::sample::Index, usize),
    /// Inserts places in a row, which splits nodes more often than scattered places.
    Fill(u64, usize),
    Clone,
    /// Goes on with the oldest clone, as a draft does that was dropped.
    Return,
}

/// Few ranks and few names, so that equal ranks, duplicates and hits are common.
fn any_place() -> impl Strategy<Value = Place> {
    (0..40u64, 0..60u32).prop_map(|(rank, name)| place(rank * 1000, name))
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any_place().prop_map(Step::Insert),
        4 => any_place().prop_map(Step::Remove),
        2 => (any::<prop::sample::Index>(), 1..300usize).prop_map(|(at, count)| Step::Cut(at, count)),
        2 => (0..40_000u64, 1..300usize).prop_map(|(rank, count)| Step::Fill(rank, count)),
        1 => Just(Step::Clone),
        1 => Just(Step::Return),
    ]
}

type Version = (Order, BTreeSet<Place>);

fn change((order, model): &mut Version, step: Step) {
    match step {
        Step::Insert(place) => assert_eq!(order.insert(place.clone()), model.insert(place)),
        Step::Remove(place) => assert_eq!(order.remove(place.rank, &place.name), model.remove(&place)),
        Step::Cut(at, count) => {
            let from = if order.is_empty() { 0 } else { at.index(order.len()) };
            let cut: Vec<Place> = order.iter_from(from).take(count).cloned().collect();
            for place in cut {
                assert!(order.remove(place.rank, &place.name) && model.remove(&place));
            }
        }
        Step::Fill(rank, count) => {
            for place in ranks(rank..rank + count as u64) {
                assert_eq!(order.insert(place.clone()), model.insert(place));
            }
        }
        Step::Clone | Step::Return => unreachable!("they change no place"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn an_order_is_a_sorted_set_and_its_clones_stay_as_they_were(
        start in vec(any_place(), 0..2000),
        steps in vec(any_step(), 1..120),
    ) {
        let model: BTreeSet<Place> = start.iter().cloned().collect();
        let mut version: Version = (Order::from_unsorted(start), model);
        let mut clones: Vec<Version> = Vec::new();
        for step in steps {
            match step {
                Step::Clone => clones.push(version.clone()),
                Step::Return if !clones.is_empty() => version = clones.remove(0),
                Step::Return => {}
                step => change(&mut version, step),
            }
            version.0.checked();
        }
        clones.push(version);
        for (order, model) in &clones {
            order.agrees(model);
        }
    }

    #[test]
    fn a_search_for_an_absent_place_finds_where_it_would_go(
        start in vec(any_place(), 0..1000),
        rank in 0..41_000u64,
        name in 0..80u32,
    ) {
        let mut order = Order::from_unsorted(start);
        let absent = place(rank, name);
        order.remove(rank, &absent.name);
        let position = order.iter().take_while(|&other| *other < absent).count();
        prop_assert_eq!(order.rank_of(rank, &absent.name), Err(position));
        prop_assert_eq!(order.below(rank), order.iter().filter(|other| other.rank < rank).count());
        prop_assert!(order.insert(absent.clone()));
        prop_assert_eq!(order.rank_of(rank, &absent.name), Ok(position));
    }

    #[test]
    fn iterators_start_at_any_position_and_know_how_many_are_left(len in 0..5000usize, from in 0..5100usize) {
        let places = ranks(0..len as u64);
        let order = Order::from_sorted(places.clone());
        let rest = places.get(from..).unwrap_or_default();
        prop_assert_eq!(order.iter_from(from).len(), rest.len());
        prop_assert!(order.iter_from(from).eq(rest));
        let until = &places[..(from + 1).min(len)];
        prop_assert_eq!(order.iter_back_from(from).len(), until.len());
        prop_assert!(order.iter_back_from(from).eq(until.iter().rev()));
    }
}

#[test]
fn a_place_takes_40_bytes() {
    assert_eq!(size_of::<Place>(), 40);
}

#[test]
fn an_empty_order_has_nothing() {
    let mut order = Order::default();
    order.agrees(&BTreeSet::new());
    assert_eq!((order.first(), order.last(), order.below(u64::MAX)), (None, None, 0));
    assert_eq!(order.rank_of(0, b""), Err(0));
    assert!(!order.remove(0, b""));
    assert_eq!(Order::from_sorted(Vec::new()), order);
}

#[test]
fn equal_ranks_sort_by_the_bytes_of_their_names() {
    let names = ["b", "", "ab", "a", "\u{ff}", "B"];
    let mut order = Order::new();
    for name in names {
        assert!(order.insert(place(7, name)));
    }
    assert!(order.insert(place(u64::MAX, "")) && order.insert(place(0, "z")));
    let sorted: Vec<&[u8]> = order.iter().map(|place| &place.name[..]).collect();
    assert_eq!(sorted, [&b"z"[..], b"", b"B", b"a", b"ab", b"b", "\u{ff}".as_bytes(), b""]);
    assert_eq!((order.below(7), order.below(8), order.below(u64::MAX)), (1, 7, 7));
}

#[test]
fn a_queue_keeps_its_nodes_full_for_ever() {
    for reverse in [false, true] {
        let rank = |nth: u64| if reverse { u64::MAX - nth } else { nth };
        let mut order = Order::new();
        for nth in 0..60_000 {
            assert!(order.insert(place(rank(nth), "name")));
            if let Some(first) = nth.checked_sub(1000) {
                assert!(order.remove(rank(first), b"name"));
            }
            if nth % 997 == 0 {
                let census = order.checked();
                assert!(census.leaves <= 1000 / (LEAF / 2) + 3, "{census:?}");
            }
        }
        for nth in 59_000..60_000 {
            assert!(order.remove(rank(nth), b"name"));
        }
        assert_eq!(order.checked().leaves, 1);
        assert_eq!(order, Order::new());
    }
}

#[test]
fn a_bulk_build_fills_its_leaves() {
    for len in (0..3 * LEAF as u64).chain([LEAF as u64 * INNER as u64 + 1, 100_000]) {
        let census = Order::from_sorted(ranks(0..len)).checked();
        assert_eq!(census.leaves, (len as usize).div_ceil(LEAF).max(1));
        // The leaves are as full as so few leaves can be; the nodes around them take little.
        assert!(len < 1000 || census.memory < len as usize * 43, "{census:?}");
    }
}

#[test]
fn memory_stays_near_the_size_of_the_places_however_they_come() {
    let count = 50_000u64;
    let scattered = |nth: u64| nth.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let ways: [&dyn Fn(u64) -> u64; 3] = [&|nth| nth, &|nth| count - nth, &scattered];
    for rank in ways {
        let mut order = Order::new();
        for nth in 0..count {
            assert!(order.insert(place(rank(nth), "name")));
        }
        let census = order.checked();
        assert!(census.memory < count as usize * 49, "{census:?}");
    }
}

#[test]
fn a_change_copies_only_the_path_to_one_leaf() {
    let order = Order::from_sorted(ranks(0..50_000));
    let mut draft = order.clone();
    assert!(Arc::ptr_eq(&order.root, &draft.root));
    assert!(draft.remove(25_000, b"name"));
    let (Node::Inner(old), Node::Inner(new)) = (&*order.root, &*draft.root) else { panic!("the root is a leaf") };
    let copied = old.iter().zip(new).filter(|(old, new)| !Arc::ptr_eq(&old.node, &new.node)).count();
    assert_eq!((copied, old.len()), (1, new.len()));
    assert_eq!((order.len(), draft.len()), (50_000, 49_999));
    assert!(order.contains(25_000, b"name"));
}

#[test]
fn a_change_that_changes_nothing_copies_nothing() {
    let order = Order::from_sorted(ranks(0..5000));
    let mut draft = order.clone();
    assert!(!draft.insert(place(100, "name")));
    assert!(!draft.remove(100, b"other"));
    assert!(Arc::ptr_eq(&order.root, &draft.root));
}

#[test]
fn an_order_keeps_no_removed_name() {
    let buffer = Bytes::from(vec![b'n'; 10]);
    let mut order = Order::from_sorted(ranks(1..5000));
    // The lowest place of all stands in every node on the left edge.
    assert!(order.insert(Place { rank: 0, name: buffer.slice(..) }));
    assert!(!buffer.is_unique());
    assert!(order.remove(0, &buffer));
    assert!(buffer.is_unique());
}

#[test]
fn an_order_of_leaves_has_what_was_pushed_and_may_be_changed() {
    let place = |rank: u64| Place { rank, name: Bytes::from(rank.to_string()) };
    for count in (0..4 * LEAF as u64).chain([1000, 5000]) {
        let mut leaves = Leaves::default();
        for rank in 0..count {
            leaves.push(place(2 * rank));
            leaves.push(place(2 * rank));
        }
        let mut order = Order::from_leaves(leaves);
        let mut expected = Order::from_sorted((0..count).map(|rank| place(2 * rank)).collect());
        assert_eq!((order.len(), &order), (count as usize, &expected));
        for rank in 0..2 * count {
            for order in [&mut order, &mut expected] {
                if rank % 3 == 0 {
                    order.insert(place(rank));
                } else {
                    order.remove(rank, &place(rank).name);
                }
            }
        }
        order.checked();
        assert_eq!(order, expected, "{count}");
    }
}
