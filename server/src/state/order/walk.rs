//! Iterators over an [`Order`](super::Order).
//!
//! An iterator holds the rest of one leaf. At its end it descends from the root to the next leaf. That needs no stack,
//! so a short range costs no allocation, and a long range pays for one descent per leaf.

use std::iter::FusedIterator;
use std::ops::Range;

use super::node::Node;
use super::place::Spot;
use super::stored::StoredPlaces;

/// The rest of a leaf.
#[derive(Clone)]
struct Rest<'a> {
    leaf: Option<&'a StoredPlaces>,
    range: Range<usize>,
}

impl<'a> Rest<'a> {
    const NONE: Rest<'static> = Rest { leaf: None, range: 0..0 };

    fn get(&self, at: usize) -> Option<Spot<'a>> {
        self.leaf.map(|leaf| leaf.get(at))
    }
}

/// Places in ascending order. See [`Order::iter_from`](super::Order::iter_from).
#[derive(Clone)]
pub struct Ascending<'a> {
    root: &'a Node,
    rest: Rest<'a>,
    /// The position after the leaf.
    next: usize,
    /// The number of places in the order.
    end: usize,
}

impl<'a> Ascending<'a> {
    pub(super) fn new(root: &'a Node, position: usize, end: usize) -> Ascending<'a> {
        Ascending { root, rest: Rest::NONE, next: position, end }
    }
}

impl<'a> Iterator for Ascending<'a> {
    type Item = Spot<'a>;

    fn next(&mut self) -> Option<Spot<'a>> {
        if self.rest.range.is_empty() && self.next < self.end {
            let (leaf, inside) = self.root.leaf(self.next);
            self.rest = Rest { leaf: Some(leaf), range: inside..leaf.len() };
            self.next += self.rest.range.len();
        }
        let at = self.rest.range.next()?;
        self.rest.get(at)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let rest = self.rest.range.len() + self.end - self.next;
        (rest, Some(rest))
    }
}

impl ExactSizeIterator for Ascending<'_> {}
impl FusedIterator for Ascending<'_> {}

/// Places in descending order. See [`Order::iter_back_from`](super::Order::iter_back_from).
#[derive(Clone)]
pub struct Descending<'a> {
    root: &'a Node,
    rest: Rest<'a>,
    /// The number of places before the leaf.
    before: usize,
}

impl<'a> Descending<'a> {
    /// Starts at the place before the position `end`.
    pub(super) fn new(root: &'a Node, end: usize) -> Descending<'a> {
        Descending { root, rest: Rest::NONE, before: end }
    }
}

impl<'a> Iterator for Descending<'a> {
    type Item = Spot<'a>;

    fn next(&mut self) -> Option<Spot<'a>> {
        if self.rest.range.is_empty() && self.before > 0 {
            let (leaf, inside) = self.root.leaf(self.before - 1);
            self.rest = Rest { leaf: Some(leaf), range: 0..inside + 1 };
            self.before -= self.rest.range.len();
        }
        let at = self.rest.range.next_back()?;
        self.rest.get(at)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let rest = self.rest.range.len() + self.before;
        (rest, Some(rest))
    }
}

impl ExactSizeIterator for Descending<'_> {}
impl FusedIterator for Descending<'_> {}
