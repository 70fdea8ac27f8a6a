//! The leaves of an order that is built in slices.

use std::sync::Arc;

use super::node::{LEAF, Node, packed};
use super::place::Place;

/// Full leaves, which grow at their end. The next place costs the same however many there are.
#[derive(Default)]
pub struct Leaves {
    leaves: Vec<Arc<Node>>,
    /// The places of the last leaf.
    open: Vec<Place>,
    len: usize,
}

impl Leaves {
    /// Adds a place above all others. A place equal to the last one changes nothing.
    pub fn push(&mut self, place: Place) {
        if self.open.last() == Some(&place) {
            return;
        }
        debug_assert!(self.open.last().is_none_or(|last| *last < place), "places must ascend");
        // A full leaf stays open until another place comes, so the last leaf is never empty.
        if self.open.len() == LEAF {
            let full = std::mem::replace(&mut self.open, Vec::with_capacity(LEAF));
            self.leaves.push(Arc::new(Node::Leaf(full)));
        }
        self.open.push(place);
        self.len += 1;
    }

    /// The root over the leaves, and how many places there are.
    pub(super) fn done(mut self) -> (Arc<Node>, usize) {
        let mut last = self.open;
        if last.len() < LEAF / 4
            && let Some(Node::Leaf(mut before)) = self.leaves.pop().and_then(Arc::into_inner)
        {
            // The two share their places, so that neither is thin.
            before.append(&mut last);
            last = before;
        }
        self.leaves.extend(packed(last, LEAF, Node::Leaf));
        (Node::over(self.leaves), self.len)
    }
}
