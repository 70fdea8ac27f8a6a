//! The leaves of an order that is built from its lowest place on.

use std::sync::Arc;
use std::vec;

use super::loose::LoosePlaces;
use super::node::{self, LEAF, LEAF_BYTES, Node};
use super::packed::PackedPlaces;
use super::place::Spot;

/// The most bytes that the names of a full leaf have. Beside its name, a place takes ten bytes at most.
const NAMES: usize = LEAF_BYTES - 10 * LEAF;

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
        let is_full = self.open.len() == LEAF || self.open.names_len() + spot.name_len() > NAMES;
        if is_full && self.open.len() > 0 {
            self.close();
        }
        self.open.push(spot);
        self.len += 1;
        self.names += spot.name_len();
    }

    fn close(&mut self) {
        self.full.push(Arc::new(Node::Leaf(PackedPlaces::of(&self.open, 0..self.open.len()))));
        self.open.clear();
    }

    /// The root over the leaves, how many places there are, and the bytes of their names.
    pub(super) fn done(mut self) -> (Arc<Node>, usize, usize) {
        self.finish();
        (Node::over(self.full), self.len, self.names)
    }

    /// Packs the last leaf.
    fn finish(&mut self) {
        let is_thin = self.open.len() < LEAF / 4 && self.open.names_len() < LEAF_BYTES / 4;
        match self.full.pop_if(|_| is_thin).as_deref() {
            Some(Node::Leaf(before)) => {
                // The two share their places, so that neither is thin.
                let mut both = LoosePlaces::default();
                before.unpack(0..before.len(), &mut both);
                (0..self.open.len()).for_each(|at| both.push(self.open.get(at)));
                self.full.extend(node::leaves(&both));
            }
            Some(Node::Inner(_)) | None if self.open.len() > 0 => self.close(),
            Some(Node::Inner(_)) | None => {}
        }
    }

    /// The places one after another. Each leaf is freed when its last place was shown.
    pub fn drain(mut self) -> Drain {
        if self.open.len() > 0 {
            self.close();
        }
        Drain { leaf: PackedPlaces::default(), at: 0, rest: self.full.into_iter() }
    }
}

/// The places of [`Leaves`], for whoever takes them out.
pub struct Drain {
    leaf: PackedPlaces,
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
