//! An ordered set that knows positions and that is cheap to clone.
//!
//! A database version needs the same structure again and again: members of a sorted set by score, elements of a list by
//! index, keys by expiry, names by hash for SCAN. Each is an [`Order`]: a set of [`Place`]s, sorted by rank and then by
//! name. The rank is a number that the caller chooses, such as a score mapped to a `u64` of the same order.
//!
//! An order is a B+ tree with reference-counted nodes. A clone shares all nodes with its original. A change copies only
//! the shared nodes on the path from the root to one leaf, and it changes unshared nodes in place. So a draft clones the
//! order of its version, changes the clone, and drops it without a trace. If the draft is committed instead, the next
//! version keeps the clone.
//!
//! The leaves are packed: see `packed`. So an order has no `Place` to lend. It shows a [`Spot`], which borrows from the
//! leaf. Names longer than a kibibyte are not packed, but shared: see `stored`.
//!
//! Each inner node counts the places below each of its children. These counts translate between places and positions.
//!
//! | operation | cost |
//! |---|---|
//! | `clone`, `len` | O(1) |
//! | `insert`, `remove`, `contains`, `rank_of`, `below`, `at`, `first`, `last` | O(log n), and the bytes of one leaf |
//! | a step of an iterator | a pointer in most cases, and O(log n) once per leaf |
//! | `remove_first` | O(n / 64 · log n) for n places |
//! | `from_sorted` | O(n) |
//! | [`Leaves::push`] | O(1) |

use std::fmt;
use std::sync::Arc;

pub use self::discard::Discard;
pub use self::leaves::{Drain, Leaves};
pub use self::place::{Place, Spot};
pub use self::walk::{Ascending, Descending};
use node::Node;

mod discard;
mod leaves;
mod loose;
mod node;
mod packed;
mod place;
mod stored;
#[cfg(test)]
mod tests;
mod walk;

/// A sorted set of [`Place`]s that clones in O(1).
#[derive(Clone)]
pub struct Order {
    root: Arc<Node>,
    /// The number of places.
    len: usize,
    /// The bytes of all names.
    names: usize,
}

impl Order {
    /// An order without places.
    pub fn new() -> Order {
        Order::from_leaves(Leaves::default())
    }

    /// Builds an order in O(n) with full leaves. The places must be in ascending order. Equal ones become one.
    pub fn from_sorted(places: &[Place]) -> Order {
        let mut leaves = Leaves::default();
        places.iter().for_each(|place| leaves.push(Spot::new(place.rank, &place.name)));
        Order::from_leaves(leaves)
    }

    /// Sorts the places, and builds an order from them.
    pub fn from_unsorted(mut places: Vec<Place>) -> Order {
        places.sort_unstable();
        Order::from_sorted(&places)
    }

    /// The order with these leaves. This takes a thousandth of a millisecond for about ten of them.
    pub fn from_leaves(leaves: Leaves) -> Order {
        let (root, len, names) = leaves.done();
        Order { root, len, names }
    }

    /// The number of places.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no places.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes of all names together.
    pub fn names_len(&self) -> usize {
        self.names
    }

    /// Adds a place. Returns false, and copies no node, if the order already has it.
    pub fn insert(&mut self, rank: u64, name: &[u8]) -> bool {
        let Err(position) = self.root.search(rank, name) else { return false };
        if let Some(right) = node::insert(&mut self.root, position, Spot::new(rank, name)) {
            self.root = Node::above(self.root.clone(), right);
        }
        self.len += 1;
        self.names += name.len();
        true
    }

    /// Removes a place. Returns false, and copies no node, if the order does not have it.
    pub fn remove(&mut self, rank: u64, name: &[u8]) -> bool {
        let Ok(position) = self.root.search(rank, name) else { return false };
        self.cut(position, 1);
        self.names -= name.len();
        true
    }

    /// Removes so many places, the lowest first. This takes time for each leaf, and not for each place.
    pub fn remove_first(&mut self, count: usize) {
        let mut left = count.min(self.len);
        while left > 0 {
            let (leaf, _) = self.root.leaf(0);
            let cut = left.min(leaf.len());
            self.names -= (0..cut).map(|at| leaf.get(at).name_len()).sum::<usize>();
            self.cut(0, cut);
            left -= cut;
        }
    }

    /// Removes so many places from a position on, which one leaf has.
    fn cut(&mut self, position: usize, count: usize) {
        node::remove(&mut self.root, position, count);
        if let Some(child) = self.root.only_child() {
            self.root = child;
        }
        self.len -= count;
    }

    /// Whether the order has this place.
    pub fn contains(&self, rank: u64, name: &[u8]) -> bool {
        self.root.search(rank, name).is_ok()
    }

    /// The position of a place, counted from zero. If the order does not have the place, the error is the position that
    /// it would get.
    pub fn rank_of(&self, rank: u64, name: &[u8]) -> Result<usize, usize> {
        self.root.search(rank, name)
    }

    /// The number of places whose rank is lower than this one. It is the position of the first place at or above `rank`.
    pub fn below(&self, rank: u64) -> usize {
        // No name sorts before the empty one.
        self.root.search(rank, b"").unwrap_or_else(|position| position)
    }

    /// The place at a position.
    pub fn at(&self, position: usize) -> Option<Spot<'_>> {
        if position >= self.len {
            return None;
        }
        let (leaf, inside) = self.root.leaf(position);
        Some(leaf.get(inside))
    }

    /// The lowest place.
    pub fn first(&self) -> Option<Spot<'_>> {
        self.at(0)
    }

    /// The highest place.
    pub fn last(&self) -> Option<Spot<'_>> {
        self.at(self.len.checked_sub(1)?)
    }

    /// All places, ascending.
    pub fn iter(&self) -> Ascending<'_> {
        self.iter_from(0)
    }

    /// The place at a position and all higher ones, ascending. There are none if the position is past the end.
    pub fn iter_from(&self, position: usize) -> Ascending<'_> {
        Ascending::new(&self.root, position.min(self.len), self.len)
    }

    /// The place at a position and all lower ones, descending. A position past the end means the last place.
    pub fn iter_back_from(&self, position: usize) -> Descending<'_> {
        Descending::new(&self.root, position.saturating_add(1).min(self.len))
    }
}

impl Default for Order {
    fn default() -> Order {
        Order::new()
    }
}

impl<'a> IntoIterator for &'a Order {
    type Item = Spot<'a>;
    type IntoIter = Ascending<'a>;

    fn into_iter(self) -> Ascending<'a> {
        self.iter()
    }
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|spot| spot.place())).finish()
    }
}

/// Two orders are equal if they have the same places. Their trees may differ.
impl PartialEq for Order {
    fn eq(&self, other: &Order) -> bool {
        Arc::ptr_eq(&self.root, &other.root) || self.len == other.len && self.iter().eq(other)
    }
}

impl Eq for Order {}
