//! Parts of a sorted set: by rank, by score, or by member.

use std::cmp::Ordering;
use std::ops::Range;

use bytes::Bytes;

use crate::state::order::{Order, Spot};
use crate::state::rank_of_score;
use crate::value::number::ScoreBound;

/// A part of a sorted set, as commands name it.
#[derive(Clone, Debug, PartialEq)]
pub enum Extent {
    /// The positions from the first to the last one. Negative ones count from the end.
    Ranks(i64, i64),
    /// The scores between two bounds.
    Scores(ScoreBound, ScoreBound),
    /// The members between two bounds, of members that have the same score.
    Names(NameBound, NameBound),
}

/// One end of a range of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameBound {
    /// Before every member.
    Lowest,
    /// After every member.
    Highest,
    /// At this member, whether or not it is there.
    At {
        /// The member.
        name: Bytes,
        /// Whether the range leaves it out.
        exclusive: bool,
    },
}

impl Extent {
    /// The positions of the part, from the lowest score. With `backwards` ranks count from the highest score.
    pub fn positions(&self, order: &Order, backwards: bool) -> Range<usize> {
        let range = match self {
            Extent::Ranks(first, last) => {
                let range = ranks(order.len(), *first, *last);
                if backwards { order.len() - range.end..order.len() - range.start } else { range }
            }
            Extent::Scores(low, high) => {
                // The bound itself lies within the range if it is included, so the range ends before the next rank.
                let start = order.below(rank_of_score(low.score) + u64::from(low.exclusive));
                start..order.below(rank_of_score(high.score) + u64::from(!high.exclusive))
            }
            Extent::Names(low, high) => match (order.first(), order.last()) {
                (Some(first), Some(last)) if first.rank == last.rank => {
                    low.position(order, first.rank, true)..high.position(order, first.rank, false)
                }
                _ => walk(order, low, high, backwards, 0),
            },
        };
        if range.is_empty() { 0..0 } else { range }
    }

    /// The positions of the part without those that come first and are skipped.
    pub fn behind(&self, order: &Order, backwards: bool, skipped: usize) -> Range<usize> {
        match (self, order.first(), order.last()) {
            (Extent::Names(low, high), Some(first), Some(last)) if first.rank != last.rank => {
                walk(order, low, high, backwards, skipped)
            }
            _ => {
                let Range { start, end } = self.positions(order, backwards);
                let skipped = skipped.min(end - start);
                if backwards { start..end - skipped } else { start + skipped..end }
            }
        }
    }
}

/// The positions from one rank to another, both included and counted from the end if they are negative.
fn ranks(length: usize, first: i64, last: i64) -> Range<usize> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let from_start = |rank: i64| if rank < 0 { rank.saturating_add(length) } else { rank };
    let first = from_start(first).max(0);
    let last = from_start(last).min(length - 1);
    if first > last {
        return 0..0;
    }
    let position = |rank: i64| usize::try_from(rank).expect("ranks lie between zero and a length by now");
    position(first)..position(last) + 1
}

/// The positions of a range of members whose scores differ. Valkey calls the result unspecified. This is what its small
/// sorted sets do: they look for the bound where the walk begins, skip as many members as LIMIT says, whatever these are, and
/// then look for the first member beyond the other bound.
pub(super) fn walk(order: &Order, low: &NameBound, high: &NameBound, backwards: bool, skipped: usize) -> Range<usize> {
    let (Some(first), Some(last)) = (order.first(), order.last()) else { return 0..0 };
    if !low.is_before(last) || !high.is_after(first) {
        return 0..0;
    }
    if backwards {
        let above = order.iter_back_from(order.len()).take_while(|place| !high.is_after(*place)).count();
        let end = order.len() - above;
        let within = || order.iter_back_from(end - 1).next().is_some_and(|place| low.is_before(place));
        if end <= skipped || !within() {
            return 0..0;
        }
        let end = end - skipped;
        end - order.iter_back_from(end - 1).take_while(|place| low.is_before(*place)).count()..end
    } else {
        let start = order.iter().take_while(|place| !low.is_before(*place)).count();
        if !order.at(start).is_some_and(|place| high.is_after(place)) {
            return 0..0;
        }
        let start = start.saturating_add(skipped).min(order.len());
        start..start + order.iter_from(start).take_while(|place| high.is_after(*place)).count()
    }
}

impl NameBound {
    /// Whether a range that begins here holds the member, as far as this end decides.
    pub(super) fn is_before(&self, member: Spot<'_>) -> bool {
        match self {
            NameBound::Lowest => true,
            NameBound::Highest => false,
            NameBound::At { name, exclusive } => match member.compare_name(name) {
                Ordering::Less => false,
                Ordering::Equal => !exclusive,
                Ordering::Greater => true,
            },
        }
    }

    /// Whether a range that ends here holds the member, as far as this end decides.
    pub(super) fn is_after(&self, member: Spot<'_>) -> bool {
        match self {
            NameBound::Lowest => false,
            NameBound::Highest => true,
            NameBound::At { name, exclusive } => match member.compare_name(name) {
                Ordering::Less => true,
                Ordering::Equal => !exclusive,
                Ordering::Greater => false,
            },
        }
    }

    /// The position of the bound among members that all have this rank.
    fn position(&self, order: &Order, rank: u64, begins: bool) -> usize {
        match self {
            NameBound::Lowest => 0,
            NameBound::Highest => order.len(),
            NameBound::At { name, exclusive } => match order.rank_of(rank, name) {
                Ok(position) => position + usize::from(begins == *exclusive),
                Err(position) => position,
            },
        }
    }
}
