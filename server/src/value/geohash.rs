//! Places on the Earth as scores of a sorted set.
//!
//! GEOADD halves the ranges of longitude and latitude 26 times each and interleaves the choices, the longitude first.
//! The 52 bits are the score. Places with a common prefix lie in one cell, so a cell is a range of scores, and a search
//! reads a few ranges and keeps the places inside of its shape; see [`SearchShape`].
//!
//! Latitudes end at 85.05° on both sides, where the Mercator projection of the world becomes a square. A place exactly
//! on the upper end of a range has a score with more than 52 bits; real servers store that score too.
//!
//! Floating point operations happen in the same order as on the servers, so scores and distances are equal to the last
//! bit. Sines and cosines come from the mathematical library of the system, as they do there.

mod cell;
mod coordinates;
mod search;
mod unit;

pub use coordinates::{Coordinates, LATITUDE_LIMIT, LONGITUDE_LIMIT};
pub use search::{ScoreRange, SearchShape};
pub use unit::DistanceUnit;

use cell::{Cell, STEPS};

/// Largest latitude of standard geohashes.
const POLE: f64 = 90.0;
/// Digits of a standard geohash.
const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
/// Digits that 52 bits fill.
const FULL_DIGITS: u32 = 10;

impl Coordinates {
    /// The score that GEOADD stores for this place.
    pub fn score(self) -> f64 {
        Cell::around(self, STEPS, LATITUDE_LIMIT).bits as f64
    }

    /// The place that a score stands for: the centre of its cell. Every score stands for one, because ZADD can store
    /// any number.
    pub fn from_score(score: f64) -> Coordinates {
        Cell { bits: score_bits(score), steps: STEPS }.centre()
    }

    /// The geohash in its standard text form, for the reply to GEOHASH.
    ///
    /// Standard geohashes divide latitudes up to the poles. The last of the eleven digits is always a zero, because 52
    /// bits do not fill it.
    pub fn geohash(self) -> String {
        let bits = Cell::around(self, STEPS, POLE).bits;
        let digit = |index| ALPHABET[(bits >> (2 * STEPS - 5 * (index + 1)) & 31) as usize];
        (0..FULL_DIGITS).map(digit).chain([ALPHABET[0]]).map(char::from).collect()
    }
}

/// Converts a score to an integer as x86-64 does, which wraps where Rust saturates.
fn score_bits(score: f64) -> u64 {
    const HALF: f64 = (1_u64 << 63) as f64;
    let signed = |value: f64| if (-HALF..HALF).contains(&value) { value as i64 as u64 } else { 1 << 63 };
    if score < HALF { signed(score) } else { signed(score - HALF) ^ 1 << 63 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_ranges_have_scores() {
        let place = |longitude, latitude| Coordinates { longitude, latitude };
        assert_eq!(place(-180.0, -85.05112878).score(), 0.0);
        assert_eq!(place(0.0, 0.0).score(), 3377699720527872.0);
        assert_eq!(place(180.0, 85.05112878).score(), 13510798882111488.0);
        assert_eq!(Coordinates::from_score(13510798882111488.0), place(180.0, 85.05112878));
    }

    #[test]
    fn geohashes_have_eleven_digits() {
        let palermo = Coordinates { longitude: 13.361389, latitude: 38.115556 };
        assert_eq!(Coordinates::from_score(palermo.score()).geohash(), "sqc8b49rny0");
    }

    #[test]
    fn places_beyond_the_limits_are_refused() {
        assert!(Coordinates::checked(180.0, -85.05112878).is_ok());
        let error = "ERR invalid longitude,latitude pair inf,85.060000".to_string();
        assert_eq!(Coordinates::checked(f64::INFINITY, 85.06), Err(error));
    }

    #[test]
    fn every_score_is_a_place() {
        for score in [f64::NEG_INFINITY, -1e300, -5.0, 1.5, 1e18, 1.8e19, 1e300, f64::INFINITY, f64::NAN] {
            let Coordinates { longitude, latitude } = Coordinates::from_score(score);
            assert!(Coordinates::checked(longitude, latitude).is_ok(), "{score}");
        }
    }
}
