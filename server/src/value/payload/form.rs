//! The first byte of a payload: the type of the value and the layout of its body.
//!
//! The comment behind a form names the first RDB version that has it.

pub(super) const STRING: u8 = 0;
pub(super) const LIST: u8 = 1;
pub(super) const SET: u8 = 2;
pub(super) const ZSET_TEXT: u8 = 3; // scores are decimal text
pub(super) const HASH: u8 = 4;
pub(super) const ZSET: u8 = 5; // 8: scores are binary
pub(super) const HASH_ZIPMAP: u8 = 9;
pub(super) const LIST_ZIPLIST: u8 = 10;
pub(super) const SET_INTSET: u8 = 11;
pub(super) const ZSET_ZIPLIST: u8 = 12;
pub(super) const HASH_ZIPLIST: u8 = 13; // 4
pub(super) const LIST_ZIPLISTS: u8 = 14; // 7: a quicklist of ziplists
pub(super) const STREAM: u8 = 15; // 9
pub(super) const HASH_LISTPACK: u8 = 16; // 10
pub(super) const ZSET_LISTPACK: u8 = 17; // 10
pub(super) const LIST_LISTPACKS: u8 = 18; // 10: a quicklist of listpacks and single elements
pub(super) const STREAM_COUNTED: u8 = 19; // 10: adds the counters of entries added and entries read
pub(super) const SET_LISTPACK: u8 = 20; // 11
pub(super) const STREAM_ACTIVE: u8 = 21; // 11: adds the active times of consumers
pub(super) const HASH_EXPIRING: u8 = 22; // 80: adds the expiry of fields

/// A node of a [`LIST_LISTPACKS`] that is one large element.
pub(super) const NODE_PLAIN: u64 = 1;
/// A node of a [`LIST_LISTPACKS`] that is a listpack.
pub(super) const NODE_PACKED: u64 = 2;
/// The expiry of a field that does not expire.
pub(super) const NO_EXPIRY: i64 = -1;

/// Every entry of a stream's listpack has one of these flags or none: XDEL has deleted the entry.
pub(super) const ENTRY_DELETED: i64 = 1;
/// The entry has the fields of the listpack's first one, so it stores only values.
pub(super) const ENTRY_SAME_FIELDS: i64 = 2;
