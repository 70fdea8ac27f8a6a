//! Building an order in slices.

use std::sync::Arc;

use super::Order;
use super::node::{LEAF, Node, packed};
use super::place::Place;

/// An order that grows at its end, with full leaves. The next place costs the same however many there are.
#[derive(Default)]
pub struct Growing {
    leaves: Vec<Arc<Node>>,
    /// The places of the last leaf.
    open: Vec<Place>,
    len: usize,
}

impl Growing {
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

    /// The order. This takes a thousandth of a millisecond for about ten leaves.
    pub fn done(mut self) -> Order {
        let mut last = self.open;
        if last.len() < LEAF / 4
            && let Some(Node::Leaf(mut before)) = self.leaves.pop().and_then(Arc::into_inner)
        {
            // The two share their places, so that neither is thin.
            before.append(&mut last);
            last = before;
        }
        self.leaves.extend(packed(last, LEAF, Node::Leaf));
        Order { root: Node::over(self.leaves), len: self.len }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn it_is_the_order_of_what_was_pushed_and_may_be_changed() {
        let place = |rank: u64| Place { rank, name: Bytes::from(rank.to_string()) };
        for count in (0..4 * LEAF as u64).chain([1000, 5000]) {
            let mut growing = Growing::default();
            for rank in 0..count {
                growing.push(place(2 * rank));
                growing.push(place(2 * rank));
            }
            let mut order = growing.done();
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
            assert_eq!(order, expected, "{count}");
        }
    }
}
