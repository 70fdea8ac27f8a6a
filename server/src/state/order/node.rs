//! The nodes of an [`Order`](super::Order).
//!
//! All leaves have the same depth. Every node but the root is at least a quarter full: a full node splits into halves,
//! and a node below a quarter merges with a neighbour. If the two do not fit into one node, they share their items
//! evenly. Both leave nodes far from either limit, so a client that adds and removes the same place again and again
//! does not split and merge a node each time.
//!
//! Searches compare places. Changes then follow positions only, so they compare nothing.

use std::sync::Arc;

use super::place::{Place, Spot};

/// The most places in a leaf. The first change after a clone copies the leaf, and the copy counts a reference to each
/// name: with 48 names in memory of their own, that takes a few microseconds. Smaller leaves would copy less, and use
/// more memory for each place.
pub(super) const LEAF: usize = 48;

/// The most children of an inner node. The first change after a clone copies one inner node of each level, so they are
/// smaller than leaves.
pub(super) const INNER: usize = 16;

/// How many places a leaf grows by when its memory is full. Doubling would leave a third of the memory of all leaves
/// unused.
const GROWTH: usize = 8;

/// The distance between the items that a search looks at first. It is near the square root of the size of a leaf, so
/// both parts of a search are short.
const STRIDE: usize = 8;

/// A node of the tree. Only the root may be empty.
#[derive(Clone)]
pub(super) enum Node {
    /// Places, ascending.
    Leaf(Vec<Place>),
    /// Nodes of the same depth, ascending.
    Inner(Vec<Child>),
}

/// A node, and what its parent has to know about it.
#[derive(Clone)]
pub(super) struct Child {
    /// The lowest place below the node. It is exact, so that no inner node keeps the memory of a removed name alive.
    pub(super) lowest: Place,
    /// The number of places below the node.
    pub(super) count: usize,
    pub(super) node: Arc<Node>,
}

impl Child {
    fn new(node: Arc<Node>) -> Child {
        Child { lowest: node.lowest().clone(), count: node.count(), node }
    }
}

impl Node {
    /// Builds a tree from ascending places.
    pub(super) fn build(places: Vec<Place>) -> Arc<Node> {
        Node::over(packed(places, LEAF, Node::Leaf))
    }

    /// Builds a tree over its leaves. None of them is empty.
    pub(super) fn over(leaves: Vec<Arc<Node>>) -> Arc<Node> {
        let mut level = leaves;
        while level.len() > 1 {
            level = packed(level.into_iter().map(Child::new).collect(), INNER, Node::Inner);
        }
        level.pop().unwrap_or_else(|| Arc::new(Node::Leaf(Vec::new())))
    }

    /// The parent of two nodes.
    pub(super) fn above(left: Arc<Node>, right: Arc<Node>) -> Arc<Node> {
        Arc::new(Node::Inner(vec![Child::new(left), Child::new(right)]))
    }

    /// The child of an inner node that has no other.
    pub(super) fn only_child(&self) -> Option<Arc<Node>> {
        match self {
            Node::Inner(children) if children.len() == 1 => Some(children[0].node.clone()),
            Node::Inner(_) | Node::Leaf(_) => None,
        }
    }

    /// The position of a place below this node, or the position that it would get.
    pub(super) fn search(&self, spot: Spot) -> Result<usize, usize> {
        let (mut node, mut before) = (self, 0);
        loop {
            match node {
                Node::Leaf(places) => {
                    let inside = count_lower(places, |place| place.spot() < spot);
                    let found = places.get(inside).is_some_and(|place| place.spot() == spot);
                    return if found { Ok(before + inside) } else { Err(before + inside) };
                }
                Node::Inner(children) => {
                    let higher = count_lower(children, |child| child.lowest.spot() <= spot);
                    let (lower, rest) = children.split_at(higher.saturating_sub(1));
                    before += lower.iter().map(|child| child.count).sum::<usize>();
                    node = &rest[0].node;
                }
            }
        }
    }

    /// The leaf that has the place at a position, and the position within the leaf.
    pub(super) fn leaf(&self, position: usize) -> (&[Place], usize) {
        let (mut node, mut position) = (self, position);
        loop {
            match node {
                Node::Leaf(places) => return (places, position),
                Node::Inner(children) => {
                    let (child, inside) = holder(children, position);
                    (node, position) = (&children[child].node, inside);
                }
            }
        }
    }

    fn lowest(&self) -> &Place {
        match self {
            Node::Leaf(places) => &places[0],
            Node::Inner(children) => &children[0].lowest,
        }
    }

    fn count(&self) -> usize {
        match self {
            Node::Leaf(places) => places.len(),
            Node::Inner(children) => children.iter().map(|child| child.count).sum(),
        }
    }

    /// Whether the node is less than a quarter full.
    fn is_thin(&self) -> bool {
        match self {
            Node::Leaf(places) => places.len() < LEAF / 4,
            Node::Inner(children) => children.len() < INNER / 4,
        }
    }
}

/// Inserts a place below a node at a position. Returns the upper half of the node if it had to split.
pub(super) fn insert(node: &mut Arc<Node>, position: usize, place: Place) -> Option<Arc<Node>> {
    match Arc::make_mut(node) {
        Node::Leaf(places) => {
            if places.len() == places.capacity() {
                // An order of few places, of which there may be many, takes less at once.
                places.reserve_exact(GROWTH.min(places.len() + 1));
            }
            places.insert(position, place);
            upper_half(places, LEAF).map(|upper| Arc::new(Node::Leaf(upper)))
        }
        Node::Inner(children) => {
            // Between two children, the place goes to the end of the lower one.
            let (at, inside) = match position.checked_sub(1) {
                Some(before) => {
                    let (at, inside) = holder(children, before);
                    (at, inside + 1)
                }
                None => (0, 0),
            };
            let child = &mut children[at];
            let upper = insert(&mut child.node, inside, place);
            child.count += 1;
            if inside == 0 {
                child.lowest = child.node.lowest().clone();
            }
            let upper = Child::new(upper?);
            child.count -= upper.count;
            children.insert(at + 1, upper);
            upper_half(children, INNER).map(|upper| Arc::new(Node::Inner(upper)))
        }
    }
}

/// Removes the place at a position below a node. The node may be thin afterwards: its parent has to mend it.
pub(super) fn remove(node: &mut Arc<Node>, position: usize) {
    match Arc::make_mut(node) {
        Node::Leaf(places) => {
            places.remove(position);
        }
        Node::Inner(children) => {
            let (at, inside) = holder(children, position);
            let child = &mut children[at];
            remove(&mut child.node, inside);
            child.count -= 1;
            // The child was at least a quarter full, so it still has a lowest place.
            if inside == 0 {
                child.lowest = child.node.lowest().clone();
            }
            if child.node.is_thin() {
                mend(children, at);
            }
        }
    }
}

/// Merges a thin child with a neighbour, or gives it some of the items of the neighbour. Every inner node has at least
/// two children, so there is one.
fn mend(children: &mut Vec<Child>, thin: usize) {
    let left = thin.saturating_sub(1);
    let right = Arc::unwrap_or_clone(children.remove(left + 1).node);
    let child = &mut children[left];
    let upper = match (Arc::make_mut(&mut child.node), right) {
        (Node::Leaf(lower), Node::Leaf(upper)) => rejoined(lower, upper, LEAF).map(Node::Leaf),
        (Node::Inner(lower), Node::Inner(upper)) => rejoined(lower, upper, INNER).map(Node::Inner),
        (Node::Leaf(_), Node::Inner(_)) | (Node::Inner(_), Node::Leaf(_)) => unreachable!("all leaves have one depth"),
    };
    child.count = child.node.count();
    if let Some(upper) = upper {
        children.insert(left + 1, Child::new(Arc::new(upper)));
    }
}

/// The child that has the place at a position, and the position below that child.
fn holder(children: &[Child], position: usize) -> (usize, usize) {
    let mut inside = position;
    for (at, child) in children.iter().enumerate() {
        match inside.checked_sub(child.count) {
            Some(rest) => inside = rest,
            None => return (at, inside),
        }
    }
    unreachable!("the position {position} is past the end")
}

/// Takes the upper half of the items of a node if there are too many for one node.
fn upper_half<T>(items: &mut Vec<T>, limit: usize) -> Option<Vec<T>> {
    if items.len() <= limit {
        return None;
    }
    let upper = items.split_off(items.len() / 2);
    // A queue never touches the lower half again, so its unused memory would stay.
    items.shrink_to_fit();
    Some(upper)
}

/// Moves the items of one node to the end of its lower neighbour. Returns those that the upper node keeps, if there are
/// too many for one node.
fn rejoined<T>(lower: &mut Vec<T>, mut upper: Vec<T>, limit: usize) -> Option<Vec<T>> {
    lower.reserve_exact(upper.len());
    lower.append(&mut upper);
    upper_half(lower, limit)
}

/// Packs items into as few nodes as possible, all of about the same size.
pub(super) fn packed<T>(items: Vec<T>, limit: usize, node: impl Fn(Vec<T>) -> Node) -> Vec<Arc<Node>> {
    let (len, nodes) = (items.len(), items.len().div_ceil(limit));
    let mut items = items.into_iter();
    let sizes = (0..nodes).map(|nth| len * (nth + 1) / nodes - len * nth / nodes);
    sizes.map(|size| Arc::new(node(items.by_ref().take(size).collect()))).collect()
}

/// Counts the items at the start that are lower than what a search looks for.
///
/// It looks at every eighth item first, and then at the items between two of them. A binary search looks at fewer items,
/// but each look waits for the one before, and in a large order most of them miss the cache. Here the processor fetches
/// ahead: in an order of a million places, a search takes about two thirds of the time.
fn count_lower<T>(items: &[T], is_lower: impl Fn(&T) -> bool) -> usize {
    let blocks = items.chunks_exact(STRIDE).take_while(|block| is_lower(&block[STRIDE - 1])).count();
    let (lower, rest) = items.split_at(blocks * STRIDE);
    lower.len() + rest.iter().take_while(|item| is_lower(item)).count()
}
