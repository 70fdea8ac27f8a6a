//! Cells of the grid that halving makes of the world.

use super::coordinates::{Coordinates, LATITUDE_LIMIT, LONGITUDE_LIMIT};

/// Halvings of each range in a score.
pub(super) const STEPS: u32 = 26;

/// Bits of the longitude in interleaved bits, and those of the latitude.
const LONGITUDE_BITS: u64 = 0xaaaa_aaaa_aaaa_aaaa;
const LATITUDE_BITS: u64 = !LONGITUDE_BITS;

/// A cell after a number of halvings, which is at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    /// The interleaved choices, the last one lowest.
    pub(super) bits: u64,
    /// How often each range was halved.
    pub(super) steps: u32,
}

/// The edges of a cell, in degrees.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edges {
    pub(super) west: f64,
    pub(super) east: f64,
    pub(super) south: f64,
    pub(super) north: f64,
}

impl Cell {
    /// The cell around a place, in a grid that ends at the given latitudes.
    pub(super) fn around(place: Coordinates, steps: u32, latitude_limit: f64) -> Cell {
        let cells = (1_u64 << steps) as f64;
        let index = |degrees: f64, limit: f64| ((degrees + limit) / (limit + limit) * cells) as u32;
        let longitude = index(place.longitude, LONGITUDE_LIMIT);
        let latitude = index(place.latitude, latitude_limit);
        Cell { bits: spread(longitude) << 1 | spread(latitude), steps }
    }

    /// The edges, in the grid of scores.
    pub(super) fn edges(self) -> Edges {
        let cells = (1_u64 << self.steps) as f64;
        let edge = |index: u32, limit: f64| -limit + f64::from(index) / cells * (limit + limit);
        let (longitude, latitude) = (gather(self.bits >> 1), gather(self.bits));
        Edges {
            west: edge(longitude, LONGITUDE_LIMIT),
            east: edge(longitude.wrapping_add(1), LONGITUDE_LIMIT),
            south: edge(latitude, LATITUDE_LIMIT),
            north: edge(latitude.wrapping_add(1), LATITUDE_LIMIT),
        }
    }

    /// The place in the middle.
    pub(super) fn centre(self) -> Coordinates {
        let Edges { west, east, south, north } = self.edges();
        Coordinates {
            longitude: ((west + east) / 2.0).clamp(-LONGITUDE_LIMIT, LONGITUDE_LIMIT),
            latitude: ((south + north) / 2.0).clamp(-LATITUDE_LIMIT, LATITUDE_LIMIT),
        }
    }

    /// The cell that lies `east` and `north` of this one, each -1, 0 or 1. The grid has no edge: it goes on at the
    /// opposite side.
    pub(super) fn neighbour(self, east: i8, north: i8) -> Cell {
        let used = u64::MAX >> (u64::BITS - 2 * self.steps);
        let step = |own: u64, other: u64, direction: i8| match direction {
            // Ones in the bits between carry the one, and zeros borrow it.
            1 => (self.bits & own).wrapping_add((other & used) + 1) & own & used,
            -1 => (self.bits & own | other & used).wrapping_sub((other & used) + 1) & own & used,
            _ => self.bits & own,
        };
        let longitude = step(LONGITUDE_BITS, LATITUDE_BITS, east);
        let latitude = step(LATITUDE_BITS, LONGITUDE_BITS, north);
        Cell { bits: longitude | latitude, ..self }
    }

    /// The lowest score in this cell, and the lowest one above it.
    pub(super) fn scores(self) -> (u64, u64) {
        let shift = 2 * (STEPS - self.steps);
        (self.bits << shift, self.bits.wrapping_add(1) << shift)
    }
}

/// Moves the bits of a word apart, to the even places.
fn spread(word: u32) -> u64 {
    let mut bits = u64::from(word);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, LATITUDE_BITS),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// Moves the bits in the even places together.
fn gather(bits: u64) -> u32 {
    let mut word = bits & LATITUDE_BITS;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        word = (word | word >> shift) & mask;
    }
    word as u32
}
