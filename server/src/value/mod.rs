//! What the rows mean: strings, hashes, lists, sets and sorted sets, over heads and elements. It knows no versions and no
//! batches. Of the protocol it knows only the errors.
//!
//! | module | contents |
//! |---|---|
//! | [`chance`] | random choices |
//! | [`collection`] | what all collections share: opening a key, replacing an element, keeping the head |
//! | `hash`, `list`, `set`, `zset` | one type each |
//! | [`geohash`], [`hyperloglog`] | places as scores, and estimates of how many different elements there were |
//! | [`lifetime`] | when keys and fields end |
//! | [`number`] | numbers with a fraction |
//! | [`whole`], [`payload`] | keys with all their elements, and the bytes of DUMP |
//!
//! A command opens a collection by [`collection::open`], changes elements with [`Collection::replace`], and ends with
//! [`Collection::keep`]. Only there does a key vanish with its last element.

pub mod chance;
pub mod collection;
pub mod geohash;
pub mod hash;
pub mod hyperloglog;
pub mod lifetime;
pub mod list;
pub mod number;
pub mod payload;
pub mod set;
pub mod whole;
pub mod zset;

pub use collection::{Collection, Kind, WRONG_TYPE};

use bytes::Bytes;

use crate::resp::Reply;
use crate::row::Row;
use crate::state::Draft;

/// The string under a key, with its expiry. An error if the key is a collection.
pub fn string(draft: &Draft<'_>, key: &[u8]) -> Result<Option<(Bytes, Option<u64>)>, Reply> {
    match draft.find(key) {
        None => Ok(None),
        Some(Row::Value(value)) => Ok(Some((value, None))),
        Some(Row::Expiring(value, until)) => Ok(Some((value, Some(until)))),
        Some(_) => Err(WRONG_TYPE),
    }
}

/// The row of a string.
pub fn string_row(value: Bytes, until: Option<u64>) -> Row {
    match until {
        Some(until) => Row::Expiring(value, until),
        None => Row::Value(value),
    }
}
