//! Iterators over an [`Order`](super::Order).
//!
//! An iterator holds the rest of one leaf. At its end it descends from the root to the next leaf. That needs no stack,
//! so a short range costs no allocation, and a long range pays for one descent per leaf.

use std::iter::FusedIterator;
use std::slice;

use super::node::Node;
use super::place::Place;

/// Places in ascending order. See [`Order::iter_from`](super::Order::iter_from).
#[derive(Clone)]
pub struct Ascending<'a> {
    root: &'a Node,
    leaf: slice::Iter<'a, Place>,
    /// The position after the leaf.
    next: usize,
    /// The number of places in the order.
    end: usize,
}

impl<'a> Ascending<'a> {
    pub(super) fn new(root: &'a Node, position: usize, end: usize) -> Ascending<'a> {
        Ascending { root, leaf: [].iter(), next: position, end }
    }
}

impl<'a> Iterator for Ascending<'a> {
    type Item = &'a Place;

    fn next(&mut self) -> Option<&'a Place> {
        if self.leaf.len() == 0 && self.next < self.end {
            let (leaf, inside) = self.root.leaf(self.next);
            self.leaf = leaf[inside..].iter();
            self.next += self.leaf.len();
        }
        self.leaf.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let rest = self.leaf.len() + self.end - self.next;
        (rest, Some(rest))
    }
}

impl ExactSizeIterator for Ascending<'_> {}
impl FusedIterator for Ascending<'_> {}

/// Places in descending order. See [`Order::iter_back_from`](super::Order::iter_back_from).
#[derive(Clone)]
pub struct Descending<'a> {
    root: &'a Node,
    leaf: slice::Iter<'a, Place>,
    /// The number of places before the leaf.
    before: usize,
}

impl<'a> Descending<'a> {
    /// Starts at the place before the position `end`.
    pub(super) fn new(root: &'a Node, end: usize) -> Descending<'a> {
        Descending { root, leaf: [].iter(), before: end }
    }
}

impl<'a> Iterator for Descending<'a> {
    type Item = &'a Place;

    fn next(&mut self) -> Option<&'a Place> {
        if self.leaf.len() == 0 && self.before > 0 {
            let (leaf, inside) = self.root.leaf(self.before - 1);
            self.leaf = leaf[..=inside].iter();
            self.before -= self.leaf.len();
        }
        self.leaf.next_back()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let rest = self.leaf.len() + self.before;
        (rest, Some(rest))
    }
}

impl ExactSizeIterator for Descending<'_> {}
impl FusedIterator for Descending<'_> {}
