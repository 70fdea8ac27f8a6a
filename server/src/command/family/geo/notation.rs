//! How requests and replies write places, units and distances.

use bytes::Bytes;

use crate::command::arguments::until_nul;
use crate::resp::Reply;
use crate::value::geohash::{Coordinates, DistanceUnit};
use crate::value::number::{self, NOT_A_FLOAT};

/// Whether a word of a request is this option, in any case. Valkey compares up to the first NUL.
pub(super) fn is(word: &Bytes, option: &str) -> bool {
    until_nul(word).eq_ignore_ascii_case(option.as_bytes())
}

/// The place that two words name.
pub(super) fn place(longitude: &[u8], latitude: &[u8]) -> Result<Coordinates, Reply> {
    let degrees = |word: &[u8]| number::score(word).ok_or(Reply::fault(NOT_A_FLOAT));
    Coordinates::checked(degrees(longitude)?, degrees(latitude)?).map_err(Reply::error)
}

/// The unit that a word names.
pub(super) fn unit(word: &[u8]) -> Result<DistanceUnit, Reply> {
    DistanceUnit::named(until_nul(word)).ok_or(Reply::fault(DistanceUnit::UNKNOWN))
}

/// The reply for a place: its longitude and its latitude.
pub(super) fn coordinates(place: Coordinates) -> Reply {
    let degrees = |number| Reply::Decimal(number::format_coordinate(number).into());
    Reply::Array(vec![degrees(place.longitude), degrees(place.latitude)])
}

/// The reply for a distance in meters.
pub(super) fn distance(meters: f64, unit: DistanceUnit) -> Reply {
    Reply::bulk(number::format_distance(meters / unit.meters()))
}
