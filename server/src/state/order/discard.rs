//! Freeing large orders.

use std::sync::Arc;

use super::Order;
use super::node::Node;
use crate::run::Work;

/// How many nodes, and long names in them, one slice frees: as many as take less than a tenth of a millisecond.
const NODES: usize = 200;

/// Frees orders in slices. Freed at once, an order of a million places would hold up the loop for some milliseconds.
pub struct Discard(Vec<Arc<Node>>);

impl Discard {
    /// The work to free these orders. Nodes that other orders share stay.
    pub fn new(orders: Vec<Order>) -> Discard {
        Discard(orders.into_iter().map(|order| order.root).collect())
    }
}

impl Work for Discard {
    type Done = ();

    fn step(&mut self) -> Option<()> {
        let mut freed = 0;
        while freed < NODES {
            let Some(node) = self.0.pop() else { return Some(()) };
            freed += 1;
            match Arc::into_inner(node) {
                Some(Node::Inner(inner)) => self.0.extend(inner.children.into_iter().map(|child| child.node)),
                Some(Node::Leaf(places)) => freed += places.long_names(),
                None => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::state::order::Place;

    #[test]
    fn it_frees_in_slices_what_nobody_shares() {
        let place = |rank: u64| Place { rank, name: Bytes::new() };
        let order = Order::from_sorted(&(0..50_000).map(place).collect::<Vec<_>>());
        let kept = order.clone();
        let mut changed = order.clone();
        changed.insert(1_000_000, b"");
        let nodes = || Arc::strong_count(&kept.root);
        assert_eq!(nodes(), 2, "the changed clone has a root of its own");
        let mut discard = Discard::new(vec![order, changed]);
        let mut slices = 1;
        while discard.step().is_none() {
            slices += 1;
        }
        assert_eq!(nodes(), 1);
        assert!(kept.iter().eq(Order::from_sorted(&(0..50_000).map(place).collect::<Vec<_>>()).iter()));
        assert_eq!(slices, 1, "all but one path is shared");
        let mut discard = Discard::new(vec![kept]);
        while discard.step().is_none() {
            slices += 1;
        }
        assert!(slices > 3, "{slices}");
    }

    #[test]
    fn long_names_count_like_nodes() {
        let place = |rank: u64| Place { rank, name: vec![b'x'; 2000].into() };
        let order = Order::from_sorted(&(0..2000).map(place).collect::<Vec<_>>());
        let mut discard = Discard::new(vec![order]);
        let slices = std::iter::repeat_with(|| discard.step()).take_while(Option::is_none).count();
        assert!(slices >= 7, "{slices}");
    }
}
