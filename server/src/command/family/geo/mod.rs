//! Places on the Earth.
//!
//! A set of places is a sorted set whose scores are geohashes; see [`geohash`](crate::value::geohash). So the commands of
//! sorted sets read, count and remove places, too.
//!
//! | module | commands |
//! |---|---|
//! | [`place`] | single places: `GEOADD`, `GEODIST`, `GEOHASH`, `GEOPOS` |
//! | [`search`] | what is near: `GEOSEARCH` and its older forms, and the forms that store |
//! | [`query`] | the arguments of a search |
//! | [`nearest`] | the order of what a search finds |

use bytes::Bytes;

use crate::command::arguments::until_nul;
use crate::command::flag::{Category::Geo, Flag::Readonly};
use crate::command::spec::{Keys, Spec};
use crate::resp::Reply;
use crate::value::geohash::{DistanceUnit, Place};
use crate::value::number::{self, NOT_A_FLOAT};

pub mod nearest;
pub mod place;
pub mod query;
pub mod search;

/// The rows.
pub static ROWS: &[Spec] = &[
    place::ADD,
    place::DISTANCE,
    place::HASH,
    place::POSITION,
    search::AROUND_MEMBER,
    search::AROUND_MEMBER_READONLY,
    search::AROUND_PLACE,
    search::AROUND_PLACE_READONLY,
    search::SEARCH,
    search::SEARCH_AND_STORE,
];

const PLACES: Spec = Spec { group: "geo", categories: &[Geo], ..Spec::BLANK };

/// Commands that read one key.
const LOOK: Spec = Spec { flags: &[Readonly], keys: &[Keys::READ], ..PLACES };

/// Whether a word of a request is this option, in any case. Valkey compares up to the first NUL.
fn is(word: &Bytes, option: &str) -> bool {
    until_nul(word).eq_ignore_ascii_case(option.as_bytes())
}

/// The place that two words name.
fn place(longitude: &[u8], latitude: &[u8]) -> Result<Place, Reply> {
    let degrees = |word: &[u8]| number::score(word).ok_or(Reply::fault(NOT_A_FLOAT));
    Place::checked(degrees(longitude)?, degrees(latitude)?).map_err(Reply::error)
}

/// The unit that a word names.
fn unit(word: &[u8]) -> Result<DistanceUnit, Reply> {
    DistanceUnit::named(until_nul(word)).ok_or(Reply::fault(DistanceUnit::UNKNOWN))
}

/// The reply for a place: its longitude and its latitude.
fn coordinates(place: Place) -> Reply {
    let degrees = |number| Reply::Decimal(number::format_coordinate(number).into());
    Reply::Array(vec![degrees(place.longitude), degrees(place.latitude)])
}

/// The reply for a distance in meters.
fn distance(meters: f64, unit: DistanceUnit) -> Reply {
    Reply::bulk(number::format_distance(meters / unit.meters()))
}
