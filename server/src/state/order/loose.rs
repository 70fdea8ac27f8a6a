//! Places before they are packed.

use std::ops::Range;

use super::place::Spot;

/// Some places in ascending order, that are easy to change.
#[derive(Clone, Default)]
pub(super) struct LoosePlaces {
    ranks: Vec<u64>,
    /// Where each name ends.
    ends: Vec<usize>,
    names: Vec<u8>,
}

impl LoosePlaces {
    pub(super) fn len(&self) -> usize {
        self.ranks.len()
    }

    /// The bytes of all names.
    pub(super) fn names_len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn ranks(&self, range: Range<usize>) -> &[u64] {
        &self.ranks[range]
    }

    pub(super) fn clear(&mut self) {
        self.ranks.clear();
        self.ends.clear();
        self.names.clear();
    }

    pub(super) fn get(&self, at: usize) -> Spot<'_> {
        Spot::new(self.ranks[at], self.name(at))
    }

    pub(super) fn last(&self) -> Option<Spot<'_>> {
        Some(self.get(self.len().checked_sub(1)?))
    }

    pub(super) fn name(&self, at: usize) -> &[u8] {
        &self.names[self.end(at)..self.ends[at]]
    }

    /// Where the names before a position end.
    pub(super) fn end(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    pub(super) fn push(&mut self, spot: Spot<'_>) {
        self.ranks.push(spot.rank);
        spot.append_name(&mut self.names);
        self.ends.push(self.names.len());
    }

    /// Where to cut the places in two. Each part has about half of their number, or half of their bytes if these are
    /// many.
    pub(super) fn middle(&self, by_bytes: bool) -> usize {
        let half = if by_bytes { self.ends.partition_point(|end| 2 * end < self.names.len()) } else { self.len() / 2 };
        half.clamp(1, self.len() - 1)
    }

    /// The bytes that all names of a range begin with, up to so many.
    pub(super) fn shared(&self, range: Range<usize>, longest: usize) -> &[u8] {
        let first = self.name(range.start);
        let mut shared = &first[..first.len().min(longest)];
        for at in range.skip(1) {
            let same = shared.iter().zip(self.name(at)).take_while(|(one, other)| one == other).count();
            shared = &shared[..same];
        }
        shared
    }
}
