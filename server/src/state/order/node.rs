//! The nodes of an [`Order`](super::Order).
//!
//! All leaves have the same depth. Every node but the root is at least a quarter full: a full node splits into halves,
//! and a node below a quarter merges with a neighbor. If the two do not fit into one node, they share their items
//! evenly. Both leave nodes far from either limit, so a client that adds and removes the same place again and again
//! does not split and merge a node each time.
//!
//! A leaf is full as well if its places have many bytes. Then each half gets about half of the bytes of the names. A half
//! may still be too large, because its names share fewer first bytes than before. The next place that comes splits it
//! again. Long names count little, because nodes only refer to them: see `stored`.
//!
//! Searches compare places. Changes then follow positions only, so they compare nothing.

use std::sync::Arc;

use super::loose::LoosePlaces;
use super::place::Spot;
use super::stored::StoredPlaces;

/// The most places in a leaf. The first change after a clone copies its bytes. Larger leaves would need little less memory
/// for each place, and moving their bytes would take longer.
pub(super) const LEAF: usize = 64;

/// The most bytes in a leaf. Four of the longest names that a leaf copies have as many.
pub(super) const LEAF_BYTES: usize = 4096;

/// The most children of an inner node. The first change after a clone copies one inner node of each level, and counts a
/// reference to each child.
pub(super) const INNER: usize = 16;

/// A node of the tree. Only the root may be empty.
#[derive(Clone)]
pub(super) enum Node {
    /// Places, ascending.
    Leaf(StoredPlaces),
    /// Not in a box, which would be one more jump at each level of a search.
    Inner(Inner),
}

/// Nodes of the same depth, ascending.
#[derive(Clone, Default)]
pub(super) struct Inner {
    /// The lowest place below each child.
    pub(super) lowest: StoredPlaces,
    pub(super) children: Vec<Child>,
}

/// A node, and what its parent has to know about it.
#[derive(Clone)]
pub(super) struct Child {
    /// The number of places below the node.
    pub(super) count: usize,
    pub(super) node: Arc<Node>,
}

impl Child {
    fn new(node: Arc<Node>) -> Child {
        Child { count: node.count(), node }
    }
}

impl Inner {
    fn of_children(children: Vec<Child>) -> Inner {
        let mut lowest = LoosePlaces::default();
        children.iter().for_each(|child| lowest.push(child.node.lowest()));
        Inner { lowest: StoredPlaces::of(&lowest, 0..lowest.len()), children }
    }

    /// Notes the lowest place of a child.
    fn note_lowest(&mut self, at: usize) {
        self.lowest.remove(at, 1);
        self.lowest.insert(at, self.children[at].node.lowest());
    }

    fn insert(&mut self, at: usize, child: Child) {
        self.lowest.insert(at, child.node.lowest());
        self.children.insert(at, child);
    }

    fn remove(&mut self, at: usize) -> Child {
        self.lowest.remove(at, 1);
        self.children.remove(at)
    }

    /// Takes the upper half of the children if there are too many.
    fn upper_half(&mut self) -> Option<Inner> {
        if self.children.len() <= INNER {
            return None;
        }
        let half = self.children.len() / 2;
        let upper = self.children.split_off(half);
        // A queue never touches the lower half again, so its unused memory would stay.
        self.children.shrink_to_fit();
        let mut lowest = LoosePlaces::default();
        self.lowest.unpack(0..self.lowest.len(), &mut lowest);
        self.lowest = StoredPlaces::of(&lowest, 0..half);
        Some(Inner { lowest: StoredPlaces::of(&lowest, half..lowest.len()), children: upper })
    }

    /// Merges a thin child with a neighbor, or gives it some of the items of the neighbor.
    fn mend(&mut self, thin: usize) {
        let left = thin.saturating_sub(1);
        let [Some(lower), Some(upper)] = [left, left + 1].map(|at| self.children.get(at)) else { return };
        let joined = joined(&lower.node, &upper.node);
        self.remove(left + 1);
        for (at, node) in (left..).zip(joined) {
            if at == left {
                // Its lowest place is the same as before.
                self.children[at] = Child::new(node);
            } else {
                self.insert(at, Child::new(node));
            }
        }
    }
}

impl Node {
    /// Builds a tree over its leaves. None of them is empty.
    pub(super) fn over(leaves: Vec<Arc<Node>>) -> Arc<Node> {
        let mut level = leaves;
        while level.len() > 1 {
            let (len, nodes) = (level.len(), level.len().div_ceil(INNER));
            let mut children = level.into_iter().map(Child::new);
            // All of about the same size.
            let sizes = (0..nodes).map(|nth| len * (nth + 1) / nodes - len * nth / nodes);
            let inner = sizes.map(|size| Inner::of_children(children.by_ref().take(size).collect()));
            level = inner.map(|inner| Arc::new(Node::Inner(inner))).collect();
        }
        level.pop().unwrap_or_else(|| Arc::new(Node::Leaf(StoredPlaces::default())))
    }

    /// The parent of two nodes.
    pub(super) fn above(left: Arc<Node>, right: Arc<Node>) -> Arc<Node> {
        Arc::new(Node::Inner(Inner::of_children(vec![Child::new(left), Child::new(right)])))
    }

    /// The child of an inner node that has no other.
    pub(super) fn only_child(&self) -> Option<Arc<Node>> {
        match self {
            Node::Inner(inner) if inner.children.len() == 1 => Some(inner.children[0].node.clone()),
            Node::Inner(_) | Node::Leaf(_) => None,
        }
    }

    /// The position of a place below this node, or the position that it would get.
    pub(super) fn search(&self, rank: u64, name: &[u8]) -> Result<usize, usize> {
        let (mut node, mut before) = (self, 0);
        loop {
            match node {
                Node::Leaf(places) => {
                    let found = places.search(rank, name);
                    return found.map(|inside| before + inside).map_err(|inside| before + inside);
                }
                Node::Inner(inner) => {
                    let at = inner.lowest.search(rank, name).unwrap_or_else(|higher| higher.saturating_sub(1));
                    before += inner.children[..at].iter().map(|child| child.count).sum::<usize>();
                    node = &inner.children[at].node;
                }
            }
        }
    }

    /// The leaf that has the place at a position, and the position within the leaf.
    pub(super) fn leaf(&self, position: usize) -> (&StoredPlaces, usize) {
        let (mut node, mut position) = (self, position);
        loop {
            match node {
                Node::Leaf(places) => return (places, position),
                Node::Inner(inner) => {
                    let (child, inside) = holder(&inner.children, position);
                    (node, position) = (&inner.children[child].node, inside);
                }
            }
        }
    }

    fn lowest(&self) -> Spot<'_> {
        match self {
            Node::Leaf(places) => places.get(0),
            Node::Inner(inner) => inner.lowest.get(0),
        }
    }

    fn count(&self) -> usize {
        match self {
            Node::Leaf(places) => places.len(),
            Node::Inner(inner) => inner.children.iter().map(|child| child.count).sum(),
        }
    }

    /// Whether the node is less than a quarter full.
    pub(super) fn is_thin(&self) -> bool {
        match self {
            Node::Leaf(places) => places.len() < LEAF / 4 && places.size() < LEAF_BYTES / 4,
            Node::Inner(inner) => inner.children.len() < INNER / 4,
        }
    }
}

/// Inserts a place below a node at a position. Returns the upper half of the node if it had to split.
pub(super) fn insert(node: &mut Arc<Node>, position: usize, spot: Spot<'_>) -> Option<Arc<Node>> {
    match Arc::make_mut(node) {
        Node::Leaf(places) => {
            places.insert(position, spot);
            if !is_over(places.len(), places.size()) {
                return None;
            }
            let mut loose = LoosePlaces::default();
            places.unpack(0..places.len(), &mut loose);
            let middle = loose.middle(places.len() <= LEAF);
            *places = StoredPlaces::of(&loose, 0..middle);
            Some(Arc::new(Node::Leaf(StoredPlaces::of(&loose, middle..loose.len()))))
        }
        Node::Inner(inner) => {
            // Between two children, the place goes to the end of the lower one.
            let (at, inside) = match position.checked_sub(1) {
                Some(before) => {
                    let (at, inside) = holder(&inner.children, before);
                    (at, inside + 1)
                }
                None => (0, 0),
            };
            let child = &mut inner.children[at];
            let upper = insert(&mut child.node, inside, spot);
            child.count += 1;
            if inside == 0 {
                inner.note_lowest(at);
            }
            let upper = Child::new(upper?);
            inner.children[at].count -= upper.count;
            inner.insert(at + 1, upper);
            inner.upper_half().map(|upper| Arc::new(Node::Inner(upper)))
        }
    }
}

/// Removes so many places from a position on, which one leaf below the node has. The node may be thin afterwards, or empty:
/// its parent has to mend it.
pub(super) fn remove(node: &mut Arc<Node>, position: usize, count: usize) {
    match Arc::make_mut(node) {
        Node::Leaf(places) => places.remove(position, count),
        Node::Inner(inner) => {
            let (at, inside) = holder(&inner.children, position);
            let child = &mut inner.children[at];
            remove(&mut child.node, inside, count);
            child.count -= count;
            if child.count == 0 {
                inner.remove(at);
                return;
            }
            let is_thin = child.node.is_thin();
            if inside == 0 {
                inner.note_lowest(at);
            }
            if is_thin {
                inner.mend(at);
            }
        }
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

/// Whether so many places of so many bytes are too many for one leaf.
pub(super) fn is_over(count: usize, bytes: usize) -> bool {
    count > LEAF || bytes > LEAF_BYTES
}

/// One or two nodes with the items of two neighbors.
pub(super) fn joined(lower: &Node, upper: &Node) -> Vec<Arc<Node>> {
    match (lower, upper) {
        (Node::Leaf(lower), Node::Leaf(upper)) => {
            let mut places = LoosePlaces::default();
            lower.unpack(0..lower.len(), &mut places);
            upper.unpack(0..upper.len(), &mut places);
            leaves(&places)
        }
        (Node::Inner(lower), Node::Inner(upper)) => {
            let mut inner = Inner::of_children(lower.children.iter().chain(&upper.children).cloned().collect());
            let upper = inner.upper_half();
            [inner].into_iter().chain(upper).map(|inner| Arc::new(Node::Inner(inner))).collect()
        }
        (Node::Leaf(_), Node::Inner(_)) | (Node::Inner(_), Node::Leaf(_)) => unreachable!("leaves have one depth"),
    }
}

/// One or two leaves for some places, which two leaves had.
fn leaves(places: &LoosePlaces) -> Vec<Arc<Node>> {
    let all = StoredPlaces::of(places, 0..places.len());
    if !is_over(all.len(), all.size()) {
        return vec![Arc::new(Node::Leaf(all))];
    }
    let middle = places.middle(all.len() <= LEAF);
    [0..middle, middle..places.len()].map(|range| Arc::new(Node::Leaf(StoredPlaces::of(places, range)))).into()
}
