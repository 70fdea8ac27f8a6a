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
mod search;

pub use search::{ScoreRange, SearchShape};

use cell::Cell;

/// Halvings of each range in a score.
const STEPS: u32 = 26;
/// Largest longitude, in degrees. The smallest one is its negative.
pub const LONGITUDE_LIMIT: f64 = 180.0;
/// Largest latitude, in degrees. The smallest one is its negative.
pub const LATITUDE_LIMIT: f64 = 85.05112878;
/// Largest latitude of standard geohashes.
const POLE: f64 = 90.0;
/// Radius of the Earth: the quadratic mean of WGS 84.
const EARTH_RADIUS_METERS: f64 = 6_372_797.560856;
/// Digits of a standard geohash.
const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
/// Digits that 52 bits fill.
const FULL_DIGITS: u32 = 10;

/// A place, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// East is positive.
    pub longitude: f64,
    /// North is positive.
    pub latitude: f64,
}

impl Place {
    /// Checks the limits of GEOADD. The error is the text of the reply.
    pub fn checked(longitude: f64, latitude: f64) -> Result<Place, String> {
        if longitude.abs() <= LONGITUDE_LIMIT && latitude.abs() <= LATITUDE_LIMIT {
            Ok(Place { longitude, latitude })
        } else {
            Err(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"))
        }
    }

    /// The score that GEOADD stores for this place.
    pub fn score(self) -> f64 {
        Cell::around(self, STEPS, LATITUDE_LIMIT).bits as f64
    }

    /// The place that a score stands for: the centre of its cell. Every score stands for one, because ZADD can store
    /// any number.
    pub fn from_score(score: f64) -> Place {
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

    /// The distance to another place in meters, by the haversine formula.
    pub fn distance(self, other: Place) -> f64 {
        let longitudes = ((other.longitude.to_radians_of_place() - self.longitude.to_radians_of_place()) / 2.0).sin();
        if longitudes == 0.0 {
            return self.latitude_distance(other);
        }
        let (from, to) = (self.latitude.to_radians_of_place(), other.latitude.to_radians_of_place());
        let latitudes = ((to - from) / 2.0).sin();
        let square = latitudes * latitudes + from.cos() * to.cos() * longitudes * longitudes;
        2.0 * EARTH_RADIUS_METERS * square.sqrt().asin()
    }

    /// The distance between the parallels of two places in meters.
    fn latitude_distance(self, other: Place) -> f64 {
        EARTH_RADIUS_METERS * (other.latitude.to_radians_of_place() - self.latitude.to_radians_of_place()).abs()
    }
}

/// A unit of the arguments and replies of geographic commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DistanceUnit {
    /// `m`
    Meters,
    /// `km`
    Kilometers,
    /// `ft`
    Feet,
    /// `mi`
    Miles,
}

impl DistanceUnit {
    /// The error for a name that [`Self::named`] does not know.
    pub const UNKNOWN: &str = "ERR unsupported unit provided. please use M, KM, FT, MI";

    /// The unit with this name, in upper or lower case.
    pub fn named(name: &[u8]) -> Option<DistanceUnit> {
        match name.to_ascii_lowercase().as_slice() {
            b"m" => Some(DistanceUnit::Meters),
            b"km" => Some(DistanceUnit::Kilometers),
            b"ft" => Some(DistanceUnit::Feet),
            b"mi" => Some(DistanceUnit::Miles),
            _ => None,
        }
    }

    /// The length of this unit. A reply divides a distance by it.
    pub fn meters(self) -> f64 {
        match self {
            DistanceUnit::Meters => 1.0,
            DistanceUnit::Kilometers => 1000.0,
            DistanceUnit::Feet => 0.3048,
            DistanceUnit::Miles => 1609.34,
        }
    }
}

/// Conversion between degrees and radians with one rounding of the factor, which decides the last bit of distances.
trait Degrees {
    fn to_radians_of_place(self) -> f64;
    fn to_degrees_of_place(self) -> f64;
}

impl Degrees for f64 {
    fn to_radians_of_place(self) -> f64 {
        self * (std::f64::consts::PI / 180.0)
    }

    fn to_degrees_of_place(self) -> f64 {
        self / (std::f64::consts::PI / 180.0)
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
        let place = |longitude, latitude| Place { longitude, latitude };
        assert_eq!(place(-180.0, -85.05112878).score(), 0.0);
        assert_eq!(place(0.0, 0.0).score(), 3377699720527872.0);
        assert_eq!(place(180.0, 85.05112878).score(), 13510798882111488.0);
        assert_eq!(Place::from_score(13510798882111488.0), place(180.0, 85.05112878));
    }

    #[test]
    fn geohashes_have_eleven_digits() {
        let palermo = Place { longitude: 13.361389, latitude: 38.115556 };
        assert_eq!(Place::from_score(palermo.score()).geohash(), "sqc8b49rny0");
    }

    #[test]
    fn places_beyond_the_limits_are_refused() {
        assert!(Place::checked(180.0, -85.05112878).is_ok());
        let error = "ERR invalid longitude,latitude pair inf,85.060000".to_string();
        assert_eq!(Place::checked(f64::INFINITY, 85.06), Err(error));
    }

    #[test]
    fn every_score_is_a_place() {
        for score in [f64::NEG_INFINITY, -1e300, -5.0, 1.5, 1e18, 1.8e19, 1e300, f64::INFINITY, f64::NAN] {
            let Place { longitude, latitude } = Place::from_score(score);
            assert!(Place::checked(longitude, latitude).is_ok(), "{score}");
        }
    }
}
