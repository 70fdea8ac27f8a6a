//! Orders against a `BTreeSet` that does the same, with a check of every node.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::node::{INNER, LEAF, Node};
use super::{Leaves, Order, Place, Spot};

mod census;
mod long;

fn place(rank: u64, name: impl ToString) -> Place {
    Place { rank, name: Bytes::from(name.to_string()) }
}

fn borrowed(place: &Place) -> Spot<'_> {
    Spot::new(place.rank, &place.name)
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
        let copied = |spot: Option<Spot<'_>>| spot.map(|spot| spot.place());
        assert_eq!((self.len(), self.is_empty()), (sorted.len(), sorted.is_empty()));
        assert!(self.iter().eq(sorted.iter().copied().map(borrowed)));
        assert!(self.iter_back_from(usize::MAX).eq(sorted.iter().rev().copied().map(borrowed)));
        assert_eq!((copied(self.first()).as_ref(), copied(self.last()).as_ref()), (model.first(), model.last()));
        assert_eq!(self.at(sorted.len()), None);
        for (position, &place) in sorted.iter().enumerate() {
            assert_eq!(copied(self.at(position)).as_ref(), Some(place));
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
    /// Removes the lowest places.
    Behead(usize),
    /// Inserts places in a row, which splits nodes more often than scattered places.
    Fill(u64, usize),
    Clone,
    /// Goes on with the oldest clone, as a draft does that was dropped.
    Return,
}

/// Few ranks and few names, so that equal ranks, duplicates and hits are common. Some places are unlike the others, so that
/// leaves must be packed anew.
fn any_place() -> impl Strategy<Value = Place> {
    let alike = (0..40u64, 0..60u32).prop_map(|(rank, name)| place(rank * 1000, name));
    let rank = prop_oneof![Just(0), Just(u64::MAX), 0..40_000u64, any::<u64>(), (0..64u32).prop_map(|bit| 1 << bit)];
    let name = prop_oneof![
        4 => vec(any::<u8>(), 0..4),
        2 => (0..60u32).prop_map(|nth| format!("user:{nth:09}").into_bytes()),
        1 => (0..3u8, 100..2000usize).prop_map(|(byte, len)| vec![byte; len]),
    ];
    let unlike = (rank, name).prop_map(|(rank, name)| Place { rank, name: name.into() });
    let long = (0..3u64, long::any_name()).prop_map(|(rank, name)| Place { rank: rank * 10_000, name });
    prop_oneof![30 => alike, 10 => unlike, 1 => long]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any_place().prop_map(Step::Insert),
        4 => any_place().prop_map(Step::Remove),
        2 => (any::<prop::sample::Index>(), 1..300usize).prop_map(|(at, count)| Step::Cut(at, count)),
        1 => (0..400usize).prop_map(Step::Behead),
        2 => (0..40_000u64, 1..300usize).prop_map(|(rank, count)| Step::Fill(rank, count)),
        1 => Just(Step::Clone),
        1 => Just(Step::Return),
    ]
}

type Version = (Order, BTreeSet<Place>);

fn change((order, model): &mut Version, step: Step) {
    match step {
        Step::Insert(place) => assert_eq!(order.insert(place.rank, &place.name), model.insert(place)),
        Step::Remove(place) => assert_eq!(order.remove(place.rank, &place.name), model.remove(&place)),
        Step::Cut(at, count) => {
            let from = if order.is_empty() { 0 } else { at.index(order.len()) };
            let cut: Vec<Place> = order.iter_from(from).take(count).map(|spot| spot.place()).collect();
            for place in cut {
                assert!(order.remove(place.rank, &place.name) && model.remove(&place));
            }
        }
        Step::Behead(count) => {
            order.remove_first(count);
            (0..count).for_each(|_| drop(model.pop_first()));
        }
        Step::Fill(rank, count) => {
            for place in ranks(rank..rank + count as u64) {
                assert_eq!(order.insert(place.rank, &place.name), model.insert(place));
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
        let position = order.iter().take_while(|other| *other < borrowed(&absent)).count();
        prop_assert_eq!(order.rank_of(rank, &absent.name), Err(position));
        prop_assert_eq!(order.below(rank), order.iter().filter(|other| other.rank < rank).count());
        prop_assert!(order.insert(rank, &absent.name));
        prop_assert_eq!(order.rank_of(rank, &absent.name), Ok(position));
    }

    #[test]
    fn iterators_start_at_any_position_and_know_how_many_are_left(len in 0..5000usize, from in 0..5100usize) {
        let places = ranks(0..len as u64);
        let order = Order::from_sorted(&places);
        let rest: &[Place] = places.get(from..).unwrap_or_default();
        prop_assert_eq!(order.iter_from(from).len(), rest.len());
        prop_assert!(order.iter_from(from).eq(rest.iter().map(borrowed)));
        let until = &places[..(from + 1).min(len)];
        prop_assert_eq!(order.iter_back_from(from).len(), until.len());
        prop_assert!(order.iter_back_from(from).eq(until.iter().rev().map(borrowed)));
    }
}

#[test]
fn a_leaf_takes_80_bytes_beside_its_places() {
    assert_eq!(size_of::<Node>() + 2 * size_of::<usize>(), 80);
}

#[test]
fn an_empty_order_has_nothing() {
    let mut order = Order::default();
    order.agrees(&BTreeSet::new());
    assert_eq!((order.first(), order.last(), order.below(u64::MAX)), (None, None, 0));
    assert_eq!(order.rank_of(0, b""), Err(0));
    assert!(!order.remove(0, b""));
    assert_eq!(Order::from_sorted(&[]), order);
}

#[test]
fn equal_ranks_sort_by_the_bytes_of_their_names() {
    let names = ["b", "", "ab", "a", "\u{ff}", "B"];
    let mut order = Order::new();
    for name in names {
        assert!(order.insert(7, name.as_bytes()));
    }
    assert!(order.insert(u64::MAX, b"") && order.insert(0, b"z"));
    let sorted: Vec<Bytes> = order.iter().map(|spot| spot.name()).collect();
    assert_eq!(sorted, [&b"z"[..], b"", b"B", b"a", b"ab", b"b", "\u{ff}".as_bytes(), b""]);
    assert_eq!((order.below(7), order.below(8), order.below(u64::MAX)), (1, 7, 7));
}

#[test]
fn a_queue_keeps_its_nodes_full_for_ever() {
    for reverse in [false, true] {
        let rank = |nth: u64| if reverse { u64::MAX - nth } else { nth };
        let mut order = Order::new();
        for nth in 0..60_000 {
            assert!(order.insert(rank(nth), b"name"));
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
        let census = Order::from_sorted(&ranks(0..len)).checked();
        assert_eq!(census.leaves, (len as usize).div_ceil(LEAF).max(1));
        assert_eq!(census.thin, 0);
        // A rank takes one byte, and the name is the same for all. The nodes around them take two.
        assert!(len < 1000 || census.memory < len as usize * 3, "{census:?}");
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
            assert!(order.insert(rank(nth), b"name"));
        }
        let census = order.checked();
        // Scattered ranks take eight bytes.
        assert!(census.memory < count as usize * 14, "{census:?}");
        assert_eq!(census.thin, 0);
    }
}

#[test]
fn a_change_copies_only_the_path_to_one_leaf() {
    let order = Order::from_sorted(&ranks(0..50_000));
    let mut draft = order.clone();
    assert!(Arc::ptr_eq(&order.root, &draft.root));
    assert!(draft.remove(25_000, b"name"));
    let (Node::Inner(old), Node::Inner(new)) = (&*order.root, &*draft.root) else { panic!("the root is a leaf") };
    let (old, new) = (&old.children, &new.children);
    let copied = old.iter().zip(new).filter(|(old, new)| !Arc::ptr_eq(&old.node, &new.node)).count();
    assert_eq!((copied, old.len()), (1, new.len()));
    assert_eq!((order.len(), draft.len()), (50_000, 49_999));
    assert!(order.contains(25_000, b"name"));
}

#[test]
fn a_change_that_changes_nothing_copies_nothing() {
    let order = Order::from_sorted(&ranks(0..5000));
    let mut draft = order.clone();
    assert!(!draft.insert(100, b"name"));
    assert!(!draft.remove(100, b"other"));
    assert!(Arc::ptr_eq(&order.root, &draft.root));
}

#[test]
fn names_of_any_length_are_found_and_leaves_stay_small() {
    let lengths = [0, 1, 255, 256, 257, 4095, 4096, 65_535, 65_536, 65_537, 200_000];
    let place = |rank: u64, nth: usize| Place { rank, name: vec![b'n'; lengths[nth]].into() };
    let all: Vec<(u64, usize)> = (0..3).flat_map(|rank| (0..lengths.len()).map(move |nth| (rank, nth))).collect();
    for stride in [1, 7, 16, 31] {
        let (mut order, mut model) = (Order::new(), BTreeSet::new());
        let scattered: Vec<Place> =
            (0..all.len()).map(|nth| all[nth * stride % all.len()]).map(|(rank, nth)| place(rank, nth)).collect();
        for (nth, place) in scattered.iter().enumerate() {
            assert_eq!(order.insert(place.rank, &place.name), model.insert(place.clone()));
            // Short names around the long ones make leaves of both.
            for small in 0..20 {
                let small = Place { rank: place.rank, name: format!("n{nth}-{small}").into() };
                assert!(order.insert(small.rank, &small.name) && model.insert(small));
            }
            order.checked();
        }
        order.agrees(&model);
        let built = Order::from_unsorted(model.iter().cloned().collect());
        built.agrees(&model);
        assert_eq!(built, order);
        for place in &scattered {
            assert!(order.remove(place.rank, &place.name) && model.remove(place));
            order.checked();
        }
        order.agrees(&model);
        let census = order.checked();
        assert_eq!((census.thin, census.long.len()), (0, 0), "{census:?}");
    }
}

#[test]
fn ranks_and_names_take_only_the_bytes_that_tell_them_apart() {
    let name = |nth: u64| format!("user:{nth:011}");
    let bytes = |places: Vec<Place>| Order::from_unsorted(places).checked().memory as f64 / 20_000.0;
    let scored = (0..20_000).map(|nth| place((nth as f64 * 131.0).to_bits(), name(nth * 37 % 20_000))).collect();
    let listed = (0..20_000).map(|nth| Place { rank: 1 << 63 | nth << 20, name: Bytes::new() }).collect();
    let unlike = (0..20_000u64).map(|nth| place(nth.wrapping_mul(0x9e37_79b9_7f4a_7c15), name(nth))).collect();
    let [scored, listed, unlike] = [scored, listed, unlike].map(bytes);
    assert!(scored < 11.0 && listed < 3.0 && unlike < 18.0, "{scored} {listed} {unlike}");
}

#[test]
fn places_that_are_drained_come_in_their_order() {
    let mut places = ranks(0..1000);
    places.iter_mut().step_by(70).for_each(|place| place.name = vec![b'n'; 5000].into());
    let mut leaves = Leaves::default();
    places.iter().for_each(|place| leaves.push(borrowed(place)));
    let mut drain = leaves.drain();
    for place in &places {
        assert_eq!(drain.next_spot(), Some(borrowed(place)));
    }
    assert_eq!(drain.next_spot(), None);
    assert_eq!(Leaves::default().drain().next_spot(), None);
}

#[test]
fn an_order_of_leaves_has_what_was_pushed_and_may_be_changed() {
    let place = |rank: u64| Place { rank, name: Bytes::from(rank.to_string()) };
    for count in (0..4 * LEAF as u64).chain([1000, 5000]) {
        let mut leaves = Leaves::default();
        for rank in 0..count {
            leaves.push(borrowed(&place(2 * rank)));
            leaves.push(borrowed(&place(2 * rank)));
        }
        let mut order = Order::from_leaves(leaves);
        let mut expected = Order::from_sorted(&(0..count).map(|rank| place(2 * rank)).collect::<Vec<_>>());
        assert_eq!((order.len(), &order), (count as usize, &expected));
        for rank in 0..2 * count {
            for order in [&mut order, &mut expected] {
                if rank % 3 == 0 {
                    order.insert(rank, &place(rank).name);
                } else {
                    order.remove(rank, &place(rank).name);
                }
            }
        }
        order.checked();
        assert_eq!(order, expected, "{count}");
    }
}
