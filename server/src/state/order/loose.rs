//! Places that are not packed.
//!
//! Places are loose before they are packed, and while a change packs them anew. In a node with a long name they stay loose:
//! see `stored`.

use std::cmp::Ordering;
use std::ops::Range;

use bytes::Bytes;

use super::place::Spot;

/// What a place counts besides its short name, in bytes. Packed, it takes no more.
const PLACE: usize = 10;

/// What a long name counts, in bytes. It is so little that all places of a full leaf may have long names.
const REFERENCE: usize = 30;

/// Some places in ascending order.
#[derive(Clone, Default)]
pub(super) struct LoosePlaces {
    ranks: Vec<u64>,
    /// Where each name ends in `names`. A long name takes no byte there.
    ends: Vec<usize>,
    /// The short names.
    names: Vec<u8>,
    /// The long names, by position. In most cases there are none.
    long: Vec<LongName>,
}

/// A name that is shared, and not copied.
#[derive(Clone)]
struct LongName {
    /// The position of its place.
    at: usize,
    name: Bytes,
}

impl LoosePlaces {
    pub(super) fn len(&self) -> usize {
        self.ranks.len()
    }

    /// The bytes that a copy takes. Packed, the places take no more.
    pub(super) fn size(&self) -> usize {
        PLACE * self.len() + self.names.len() + REFERENCE * self.long.len()
    }

    /// How many names are long.
    pub(super) fn long_names(&self) -> usize {
        self.long.len()
    }

    /// What the size grows by with this place.
    pub(super) fn added_size(spot: Spot<'_>) -> usize {
        PLACE + if spot.is_long() { REFERENCE } else { spot.name_len() }
    }

    /// The bytes of memory that the places take, without the long names.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        let LoosePlaces { ranks, ends, names, long } = self;
        8 * ranks.capacity() + 8 * ends.capacity() + names.capacity() + size_of::<LongName>() * long.capacity()
    }

    pub(super) fn ranks(&self, range: Range<usize>) -> &[u64] {
        &self.ranks[range]
    }

    pub(super) fn clear(&mut self) {
        self.ranks.clear();
        self.ends.clear();
        self.names.clear();
        self.long.clear();
    }

    pub(super) fn get(&self, at: usize) -> Spot<'_> {
        match self.long.binary_search_by_key(&at, |long| long.at) {
            Ok(found) => Spot::sharing(self.ranks[at], &self.long[found].name),
            Err(_) => Spot::new(self.ranks[at], self.short_name(at)),
        }
    }

    pub(super) fn last(&self) -> Option<Spot<'_>> {
        Some(self.get(self.len().checked_sub(1)?))
    }

    /// The name of a place. It must not be long.
    pub(super) fn short_name(&self, at: usize) -> &[u8] {
        &self.names[self.end(at)..self.ends[at]]
    }

    /// Whether a place of the range has a long name.
    pub(super) fn has_long_name(&self, range: Range<usize>) -> bool {
        self.long.iter().any(|long| range.contains(&long.at))
    }

    /// Where the short names before a position end.
    pub(super) fn end(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The position of a place, or the position that it would get.
    pub(super) fn search(&self, rank: u64, name: &[u8]) -> Result<usize, usize> {
        let wanted = Spot::new(rank, name);
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            match self.get(middle).cmp(&wanted) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok(middle),
                Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// Adds a place above all others.
    pub(super) fn push(&mut self, spot: Spot<'_>) {
        if spot.is_long() {
            self.long.push(LongName { at: self.len(), name: spot.name() });
        } else {
            spot.append_name(&mut self.names);
        }
        self.ranks.push(spot.rank);
        self.ends.push(self.names.len());
    }

    /// A copy of the places of a range. It shares their long names.
    pub(super) fn part(&self, range: Range<usize>) -> LoosePlaces {
        let (start, end) = (self.end(range.start), self.end(range.end));
        let long = self.long.iter().filter(|long| range.contains(&long.at));
        LoosePlaces {
            ranks: self.ranks[range.clone()].to_vec(),
            ends: self.ends[range.clone()].iter().map(|end| end - start).collect(),
            names: self.names[start..end].to_vec(),
            long: long.map(|long| LongName { at: long.at - range.start, name: long.name.clone() }).collect(),
        }
    }

    /// Where to cut the places in two. Each part has about half of their number, or half of their bytes if these are
    /// many.
    pub(super) fn middle(&self, by_bytes: bool) -> usize {
        let half = if by_bytes { self.ends.partition_point(|end| 2 * end < self.names.len()) } else { self.len() / 2 };
        half.clamp(1, self.len() - 1)
    }

    /// The bytes that all names of a range begin with, up to so many. None of them may be long.
    pub(super) fn shared(&self, range: Range<usize>, longest: usize) -> &[u8] {
        let first = self.short_name(range.start);
        let mut shared = &first[..first.len().min(longest)];
        for at in range.skip(1) {
            let same = shared.iter().zip(self.short_name(at)).take_while(|(one, other)| one == other).count();
            shared = &shared[..same];
        }
        shared
    }
}
