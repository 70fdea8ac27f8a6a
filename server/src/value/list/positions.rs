//! Where the items of a list stand.

use std::ops::Range;

use super::grid::InsertSpot;
use crate::state::order::Order;
use crate::state::position_of_rank;

/// The order of a list's positions, for reading.
pub(super) struct Positions {
    /// If the draft lacks it, it is empty: then whatever is said of the list is said in vain.
    pub(super) order: Order,
    /// Where the first item stands.
    pub(super) first: i64,
    /// How many places of the order are below the first item. They do not count.
    pub(super) below: usize,
}

impl Positions {
    /// Whether the draft lacks the order. A list has items, so its order is never empty.
    pub(super) fn are_lacking(&self) -> bool {
        self.order.is_empty()
    }

    pub(super) fn at(&self, index: u64) -> i64 {
        let place = usize::try_from(index).ok().and_then(|index| self.order.at(self.below + index));
        if self.are_lacking() {
            return self.first;
        }
        position_of_rank(place.expect("the head counts the items between its ends").rank)
    }

    /// What is around the spot before the item at an index. Neither end of the list is there.
    pub(super) fn spot(&self, index: u64) -> InsertSpot {
        let start = index.saturating_sub(2);
        let mut near = self.range(start..index + 2);
        let mut next = || near.next();
        let far = if index > 1 { next() } else { None };
        let (Some(left), Some(right)) = (next(), next()) else { unreachable!("there is an item on each side") };
        let [before, behind] = [far.map(|far| left - far), next().map(|far| far - right)];
        let [before, behind] = [before, behind].map(|distance| distance.unwrap_or(i64::MAX));
        InsertSpot { left, right, before, behind }
    }

    pub(super) fn range(&self, range: Range<u64>) -> impl Iterator<Item = i64> {
        let [start, end] = [range.start, range.end].map(|index| usize::try_from(index).unwrap_or(usize::MAX));
        let places = self.order.iter_from(self.below.saturating_add(start));
        places.take(end.saturating_sub(start)).map(|place| position_of_rank(place.rank))
    }

    pub(super) fn backwards(&self, from: u64) -> impl Iterator<Item = i64> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let places = self.order.iter_back_from(self.below.saturating_add(from));
        places.map(|place| position_of_rank(place.rank))
    }
}
