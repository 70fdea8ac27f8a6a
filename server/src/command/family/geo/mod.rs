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
//! | [`notation`] | how requests and replies write places, units and distances |
//! | [`nearest`] | the order of what a search finds |

use crate::command::spec::Spec;

pub mod nearest;
pub mod notation;
pub mod place;
pub mod query;
pub mod search;
mod template;

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
