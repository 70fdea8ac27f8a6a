//! A value with all its elements, as a payload carries it.

use bytes::Bytes;

/// A value with all its elements.
///
/// [`decode`](super::decode) keeps the order of the payload. Only the order of a list and of a stream means anything.
#[derive(Debug, Clone, PartialEq)]
pub enum Whole {
    /// A string.
    String(Bytes),
    /// The elements of a list, from head to tail.
    List(Vec<Bytes>),
    /// The members of a set.
    Set(Vec<Bytes>),
    /// Fields, their values, and when they expire, in milliseconds since 1970.
    Hash(Vec<(Bytes, Bytes, Option<u64>)>),
    /// The members of a sorted set and their scores.
    Zset(Vec<(Bytes, f64)>),
    /// A stream with its consumer groups.
    Stream(WholeStream),
}

/// A stream with its consumer groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WholeStream {
    /// The entries, ascending by id.
    pub entries: Vec<WholeEntry>,
    /// The id after which the next one comes. It is at least that of the last entry.
    pub last_id: (u64, u64),
    /// The highest id that XDEL has deleted.
    pub max_deleted_id: (u64, u64),
    /// How many entries the stream has ever had.
    pub entries_added: u64,
    /// The consumer groups.
    pub groups: Vec<WholeGroup>,
}

impl WholeStream {
    /// The id of the first entry, or 0-0 if there is none.
    pub fn first_id(&self) -> (u64, u64) {
        self.entries.first().map_or((0, 0), |entry| entry.id)
    }
}

/// An entry of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeEntry {
    /// Milliseconds and sequence number.
    pub id: (u64, u64),
    /// Fields and values, at least one pair. A field may repeat.
    pub fields: Vec<(Bytes, Bytes)>,
}

/// A consumer group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WholeGroup {
    /// The name, unique in the stream.
    pub name: Bytes,
    /// The id of the last entry that the group has delivered.
    pub last_id: (u64, u64),
    /// How many entries the group has read. `None` if the server has lost count.
    pub entries_read: Option<u64>,
    /// Delivered entries that no consumer has acknowledged, ascending by id.
    pub pending: Vec<WholePending>,
    /// The consumers.
    pub consumers: Vec<WholeConsumer>,
}

/// An entry that a group has delivered and no consumer has acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholePending {
    /// The id of the entry, which the stream need not have any more.
    pub id: (u64, u64),
    /// The name of the consumer that owns the delivery. It is one of the group's consumers.
    pub consumer: Bytes,
    /// When the group last delivered the entry, in milliseconds since 1970.
    pub delivery_time: u64,
    /// How often the group has delivered the entry.
    pub delivery_count: u64,
}

/// A consumer of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WholeConsumer {
    /// The name, unique in the group.
    pub name: Bytes,
    /// When the consumer last asked for entries, in milliseconds since 1970.
    pub seen_time: u64,
    /// When the consumer last got an entry, in milliseconds since 1970. `None` if it never has.
    pub active_time: Option<u64>,
}
