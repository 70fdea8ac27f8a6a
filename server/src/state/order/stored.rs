//! The places of a node, with names of any length.
//!
//! Most nodes pack their places. A packed name moves when a place comes or goes beside it. That is fine for short names, but
//! a client may have names of 16 MiB. If a node packed such a name, each insert beside it would copy it several times, and
//! the loop would serve nobody meanwhile.
//!
//! So no node packs a name longer than [`LONG`](super::place::LONG). The name is copied once, when its place comes into an
//! order. From then on nodes share it: a leaf and its clones, the halves of a leaf, and each inner node that has it as a
//! lowest place.
//!
//! A node with a long name keeps its other places loose, too. Each takes up to 16 bytes more than if it were packed, and
//! their names do not share their first bytes. A change builds a loose node anew: it copies the short names, which have a few
//! kibibytes together. When the last long name has left a node, its places are packed again.

use std::ops::Range;

use super::loose::LoosePlaces;
use super::packed::PackedPlaces;
use super::place::Spot;

/// Up to 255 places in ascending order.
#[derive(Clone)]
pub(super) enum StoredPlaces {
    /// All names are short.
    Packed(PackedPlaces),
    /// At least one name is long. The box keeps the nodes of short names small.
    Loose(Box<LoosePlaces>),
}

impl StoredPlaces {
    /// Stores the places of a range in exactly as much memory as they need.
    pub(super) fn of(loose: &LoosePlaces, range: Range<usize>) -> StoredPlaces {
        if loose.has_long_name(range.clone()) {
            StoredPlaces::Loose(Box::new(loose.part(range)))
        } else {
            StoredPlaces::Packed(PackedPlaces::of(loose, range))
        }
    }

    /// Appends the places of a range to others.
    pub(super) fn unpack(&self, range: Range<usize>, loose: &mut LoosePlaces) {
        match self {
            StoredPlaces::Packed(places) => places.unpack(range, loose),
            StoredPlaces::Loose(places) => range.for_each(|at| loose.push(places.get(at))),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            StoredPlaces::Packed(places) => places.len(),
            StoredPlaces::Loose(places) => places.len(),
        }
    }

    /// The bytes that a change may have to copy.
    pub(super) fn size(&self) -> usize {
        match self {
            StoredPlaces::Packed(places) => places.size(),
            StoredPlaces::Loose(places) => places.size(),
        }
    }

    /// How many names are long.
    pub(super) fn long_names(&self) -> usize {
        match self {
            StoredPlaces::Packed(_) => 0,
            StoredPlaces::Loose(places) => places.long_names(),
        }
    }

    /// The bytes of memory that the places take, without the long names.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        match self {
            StoredPlaces::Packed(places) => places.memory(),
            StoredPlaces::Loose(places) => size_of::<LoosePlaces>() + places.memory(),
        }
    }

    /// The place at a position.
    pub(super) fn get(&self, at: usize) -> Spot<'_> {
        match self {
            StoredPlaces::Packed(places) => places.get(at),
            StoredPlaces::Loose(places) => places.get(at),
        }
    }

    /// The position of a place, or the position that it would get.
    pub(super) fn search(&self, rank: u64, name: &[u8]) -> Result<usize, usize> {
        match self {
            StoredPlaces::Packed(places) => places.search(rank, name),
            StoredPlaces::Loose(places) => places.search(rank, name),
        }
    }

    /// Adds a place at its position.
    pub(super) fn insert(&mut self, at: usize, spot: Spot<'_>) {
        match self {
            StoredPlaces::Packed(places) if !spot.is_long() => places.insert(at, spot),
            StoredPlaces::Packed(_) | StoredPlaces::Loose(_) => {
                let mut loose = LoosePlaces::default();
                self.unpack(0..at, &mut loose);
                loose.push(spot);
                self.unpack(at..self.len(), &mut loose);
                *self = StoredPlaces::of(&loose, 0..loose.len());
            }
        }
    }

    /// Removes so many places from a position on.
    pub(super) fn remove(&mut self, at: usize, removed: usize) {
        match self {
            StoredPlaces::Packed(places) => places.remove(at, removed),
            StoredPlaces::Loose(places) => {
                let mut loose = places.part(0..at);
                (at + removed..places.len()).for_each(|at| loose.push(places.get(at)));
                *self = StoredPlaces::of(&loose, 0..loose.len());
            }
        }
    }
}

impl Default for StoredPlaces {
    fn default() -> StoredPlaces {
        StoredPlaces::Packed(PackedPlaces::default())
    }
}
