//! A check of every node of an order.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::super::node::{Child, INNER, Inner, LEAF, LEAF_BYTES, Node};
use super::super::stored::StoredPlaces;
use super::super::{Order, Spot};

/// What the nodes of a tree add up to.
#[derive(Debug, Default)]
pub(super) struct Census {
    pub(super) leaves: usize,
    /// Leaves below a quarter. There are none, unless some names have hundreds of bytes.
    pub(super) thin: usize,
    pub(super) places: usize,
    /// The memory of all nodes and of the places in them.
    pub(super) memory: usize,
    /// Where the long names stand in memory.
    pub(super) long: BTreeSet<*const u8>,
}

impl Census {
    /// Counts the memory of some places. A long name counts once, however many nodes share it.
    fn count(&mut self, places: &StoredPlaces) {
        self.memory += places.memory();
        let long = (0..places.len()).map(|at| places.get(at)).filter(Spot::is_long);
        let names: Vec<Bytes> = long.map(|spot| spot.name()).collect();
        assert_eq!(names.is_empty(), matches!(places, StoredPlaces::Packed(_)));
        for name in names {
            if self.long.insert(name.as_ptr()) {
                self.memory += name.len();
            }
        }
    }
}

impl Order {
    /// Panics unless every node is as the module promises.
    pub(super) fn checked(&self) -> Census {
        let mut census = Census::default();
        self.root.check(true, &mut census);
        assert_eq!(census.places, self.len());
        assert_eq!(self.iter().map(|spot| spot.name().len()).sum::<usize>(), self.names_len());
        assert!(self.iter().is_sorted_by(|one, next| one < next));
        census
    }
}

impl Node {
    /// Checks a node and everything below it, and returns its height.
    fn check(&self, is_root: bool, census: &mut Census) -> usize {
        // An `Arc` counts strong and weak references before its content.
        census.memory += size_of::<Node>() + 2 * size_of::<usize>();
        match self {
            Node::Leaf(places) => {
                let is_light = places.size() < LEAF_BYTES / 4;
                assert!(places.len() <= LEAF, "a leaf of {}", places.len());
                let lengths = (0..places.len()).map(|at| places.get(at)).filter(|spot| !spot.is_long());
                let longest = lengths.map(|spot| spot.name_len()).max().unwrap_or(0);
                // Packed names share up to 255 bytes. When a place comes that does not begin with them, each gets them back.
                let most = if longest <= LEAF_BYTES / LEAF { LEAF_BYTES } else { 4 * LEAF_BYTES };
                assert!(places.size() <= most, "a leaf of {} bytes", places.size());
                census.thin += usize::from(!is_root && is_light && places.len() < LEAF / 4);
                census.leaves += 1;
                census.places += places.len();
                census.count(places);
                0
            }
            Node::Inner(inner) => {
                let Inner { lowest, children } = inner;
                let least = if is_root { 2 } else { INNER / 4 };
                assert!((least..=INNER).contains(&children.len()), "an inner node of {}", children.len());
                assert_eq!(lowest.len(), children.len());
                census.memory += children.capacity() * size_of::<Child>();
                census.count(lowest);
                let heights: BTreeSet<usize> = children.iter().map(|child| child.check(census)).collect();
                assert_eq!(heights.len(), 1, "leaves of several depths");
                for (at, child) in children.iter().enumerate() {
                    let (leaf, inside) = child.node.leaf(0);
                    assert_eq!(lowest.get(at), leaf.get(inside));
                }
                heights.first().expect("there are children") + 1
            }
        }
    }
}

impl Child {
    fn check(&self, census: &mut Census) -> usize {
        let before = census.places;
        let height = self.node.check(false, census);
        assert_eq!(self.count, census.places - before);
        height
    }
}
