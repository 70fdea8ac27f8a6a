//! A check of every node of an order.

use std::collections::BTreeSet;

use super::super::node::{Child, INNER, LEAF, Node};
use super::super::{Order, Place};

/// What the nodes of a tree add up to.
#[derive(Debug, Default)]
pub(super) struct Census {
    pub(super) leaves: usize,
    pub(super) places: usize,
    /// The memory of all nodes and of the places in them, without the bytes of the names.
    pub(super) memory: usize,
}

impl Order {
    /// Panics unless every node is as the module promises.
    pub(super) fn checked(&self) -> Census {
        let mut census = Census::default();
        self.root.check(true, &mut census);
        assert_eq!(census.places, self.len());
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
                assert!(places.len() <= LEAF && (is_root || places.len() >= LEAF / 4), "a leaf of {}", places.len());
                census.leaves += 1;
                census.places += places.len();
                census.memory += places.capacity() * size_of::<Place>();
                0
            }
            Node::Inner(children) => {
                let least = if is_root { 2 } else { INNER / 4 };
                assert!((least..=INNER).contains(&children.len()), "an inner node of {}", children.len());
                census.memory += children.capacity() * size_of::<Child>();
                let heights: BTreeSet<usize> = children.iter().map(|child| child.check(census)).collect();
                assert_eq!(heights.len(), 1, "leaves of several depths");
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
        let (leaf, inside) = self.node.leaf(0);
        assert_eq!(self.lowest, leaf[inside]);
        height
    }
}
