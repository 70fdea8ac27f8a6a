//! The leaves of an order that is built from its lowest place on.

use std::sync::Arc;
use std::vec;

use super::loose::LoosePlaces;
use super::node::{self, Node};
use super::place::Spot;
use super::stored::StoredPlaces;

/// Full leaves, which grow at their end. The next place costs the same however many there are.
#[derive(Default)]
pub struct Leaves {
    full: Vec<Arc<Node>>,
    /// The places of the last leaf.
    open: LoosePlaces,
    len: usize,
    names: usize,
}

impl Leaves {
    /// Adds a place above all others. A place equal to the last one changes nothing.
    pub fn push(&mut self, spot: Spot<'_>) {
        if let Some(last) = self.open.last() {
            if last == spot {
                return;
            }
            debug_assert!(last < spot, "places must ascend");
        }
        // A full leaf stays open until another place comes, so the last leaf is never empty.
        if node::is_over(self.open.len() + 1, self.open.size() + LoosePlaces::added_size(spot)) {
            self.close();
        }
        self.open.push(spot);
        self.len += 1;
        self.names += spot.name_len();
    }

    /// Stores the places of the last leaf, if there are any.
    fn close(&mut self) {
        if self.open.len() > 0 {
            self.full.push(Arc::new(Node::Leaf(StoredPlaces::of(&self.open, 0..self.open.len()))));
            self.open.clear();
        }
    }

    /// The root over the leaves, how many places there are, and the bytes of their names.
    pub(super) fn done(mut self) -> (Arc<Node>, usize, usize) {
        self.close();
        if let [.., lower, upper] = &self.full[..]
            && upper.is_thin()
        {
            let joined = node::joined(lower, upper);
            self.full.truncate(self.full.len() - 2);
            self.full.extend(joined);
        }
        (Node::over(self.full), self.len, self.names)
    }

    /// The places one after another. Each leaf is freed when its last place was shown.
    pub fn drain(mut self) -> Drain {
        self.close();
        Drain { leaf: StoredPlaces::default(), at: 0, rest: self.full.into_iter() }
    }
}

/// The places of [`Leaves`], for whoever takes them out.
pub struct Drain {
    leaf: StoredPlaces,
    at: usize,
    rest: vec::IntoIter<Arc<Node>>,
}

impl Drain {
    /// The next place. It is not an iterator, because the place stands in the drain.
    pub fn next_spot(&mut self) -> Option<Spot<'_>> {
        if self.at == self.leaf.len() {
            let node = Arc::into_inner(self.rest.next()?);
            let Some(Node::Leaf(leaf)) = node else { unreachable!("nobody shares a leaf that is being built") };
            (self.leaf, self.at) = (leaf, 0);
        }
        self.at += 1;
        Some(self.leaf.get(self.at - 1))
    }
}
