//! Long names, which nodes share.

use super::super::place::LONG;
use super::super::stored::StoredPlaces;
use super::*;

/// The longest name that a client may have.
const LONGEST: usize = 16 << 20;

/// Names about as long as the longest that nodes copy, and some that are much longer. They are alike up to their end.
pub(super) fn any_name() -> impl Strategy<Value = Bytes> {
    let length = prop_oneof![
        2 => Just(LONG),
        4 => Just(LONG + 1),
        2 => Just(4 * LONG),
        1 => Just(1 << 20),
    ];
    (length, 0..3u8).prop_map(|(length, last)| {
        let mut name = vec![b'n'; length];
        name[length - 1] = last;
        name.into()
    })
}

fn long_place(rank: u64, length: usize) -> Place {
    Place { rank, name: vec![b'n'; length].into() }
}

#[test]
fn a_long_name_stays_where_it_is_whatever_changes_beside_it() {
    let long = long_place(1000, LONGEST);
    // Alone above the long name, the places make it the lowest place of each inner node on its path.
    for is_lowest in [true, false] {
        let beside: Vec<Place> = (0..1000)
            .map(|nth| if is_lowest || nth % 2 == 0 { place(1000, format!("o{nth:04}")) } else { place(1000, nth) })
            .collect();
        let mut order = Order::new();
        assert!(order.insert(long.rank, &long.name));
        let shared = order.checked().long;
        assert_eq!(shared.len(), 1);
        let mut clones = Vec::new();
        for (nth, place) in beside.iter().enumerate() {
            assert!(order.insert(place.rank, &place.name));
            if nth % 100 == 99 {
                clones.push(order.clone());
            }
        }
        let mut leaves = Leaves::default();
        order.iter().for_each(|spot| leaves.push(spot));
        clones.push(Order::from_leaves(leaves));
        for clone in &clones {
            let census = clone.checked();
            assert_eq!(census.long, shared);
            assert!(census.memory < LONGEST + 50_000, "{}", census.memory);
            assert!(census.leaves <= 2 * clone.len() / LEAF + 1, "{census:?}");
        }
        for place in &beside {
            assert!(order.remove(place.rank, &place.name));
        }
        assert_eq!((order.len(), order.checked().long), (1, shared));
    }
}

#[test]
fn a_leaf_has_as_many_long_names_as_short_ones() {
    let mut order = Order::new();
    for rank in 0..2000 {
        assert!(order.insert(rank, &long_place(0, LONG + 1).name));
    }
    let census = order.checked();
    assert_eq!((census.leaves, census.thin, census.long.len()), (2000 / (LEAF / 2), 0, 2000));
    let built = Order::from_sorted(&(0..2000).map(|rank| long_place(rank, LONG + 1)).collect::<Vec<_>>());
    assert_eq!(built.checked().leaves, 2000usize.div_ceil(LEAF));
    assert_eq!(built, order);
    order.remove_first(1990);
    assert_eq!(order.checked().long.len(), 10);
}

#[test]
fn a_node_is_packed_until_a_long_name_comes_and_after_it_has_gone() {
    let is_packed = |order: &Order| matches!(&*order.root, Node::Leaf(StoredPlaces::Packed(_)));
    for length in [LONG, LONG + 1] {
        let mut order = Order::from_sorted(&ranks(0..10));
        let long = long_place(5, length);
        assert!(order.insert(long.rank, &long.name));
        assert_eq!(is_packed(&order), length <= LONG);
        assert!(order.remove(long.rank, &long.name));
        assert!(is_packed(&order));
    }
}
