//! Rows: what a database consists of, below all types and commands.
//!
//! | table | name of a row | what the row is |
//! |---|---|---|
//! | the keys of a database | a key | a string, or the *head* of a collection |
//! | the elements of a collection | a field, a member, a position, an id | the element |
//!
//! To a reader, an absent row and a removed row are the same. But a removal has to hide older rows, so layers keep it as
//! a row of its own, `None`: a tombstone. Of two rows with the same name in the same table the newer one counts. Folds,
//! merges and layers know no more than that.
//!
//! A head is small, and names the collection by an id that was never used before: see [`Made`]. So DEL, RENAME, EXPIRE and
//! an overwrite touch one row of a collection, however many elements it has. The elements of an id that no head names any
//! more cannot be reached, and a merge leaves them out.

mod made;
mod packed;

use bytes::Bytes;

pub use made::Made;
pub use packed::{Unpackable, put_made, put_number, put_text, take_made, take_number, take_text};

/// What a row counts beyond the bytes of its name and its value, in bytes: a million empty ones take memory, too, and room
/// in `db.json`. A constant, so that every server counts alike.
pub const OVERHEAD: u64 = 96;

/// The place of rows: the keys of one database, or the elements of one collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// The keys of the database with this id.
    Keys(Made),
    /// The elements of the collection with this id.
    Elements(Made),
}

/// The content of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// A string, the value of a field, an item of a list, or a score in the spelling of ZSCORE.
    Value(Bytes),
    /// A key or a field that expires: its value, and the moment in milliseconds since 1970.
    Expiring(Bytes, u64),
    /// A key that is a collection. In a box, because most rows are something else and would be as large.
    Head(Box<Head>),
    /// A member of a set: its name is all there is to it.
    Member,
    /// An entry of a stream, as fields and values in turn; also a pending entry or a consumer.
    Fields(Vec<Bytes>),
    /// A group of a stream.
    Group(Box<Group>),
}

/// What a layer says of a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Mention {
    /// Nothing: an older layer has the answer.
    Nothing,
    /// The row was removed.
    Removal,
    /// The row.
    Row(Row),
}

impl Mention {
    /// The row, if it is one.
    pub fn into_row(self) -> Option<Row> {
        match self {
            Mention::Row(row) => Some(row),
            Mention::Nothing | Mention::Removal => None,
        }
    }
}

impl From<Head> for Row {
    fn from(head: Head) -> Row {
        Row::Head(Box::new(head))
    }
}

impl From<Group> for Row {
    fn from(group: Group) -> Row {
        Row::Group(Box::new(group))
    }
}

impl From<Option<Row>> for Mention {
    fn from(row: Option<Row>) -> Mention {
        row.map_or(Mention::Removal, Mention::Row)
    }
}

/// What a key row says of a collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Names the elements.
    pub collection: Made,
    /// When the key expires, in milliseconds since 1970.
    pub until: Option<u64>,
    /// What its elements count together: see [`size`]. For a stream, the rows of its groups count as well.
    pub size: u64,
    /// The kind, with the numbers that would take a walk over the elements.
    pub shape: Shape,
}

/// The kind of a collection, with its numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Fields and values.
    Hash {
        /// How many fields have no expiry. The others cannot be counted here, because they end without a commit.
        fields: u64,
        /// The latest expiry of the other fields, or 0. It may be too late while some field has no expiry; it is exact when
        /// none has, because the hash ends then.
        last: u64,
    },
    /// Members.
    Set {
        /// How many there are.
        length: u64,
    },
    /// Members with a score.
    Zset {
        /// How many there are.
        length: u64,
    },
    /// Items at positions.
    List {
        /// How many there are.
        length: u64,
        /// Where the first one stands.
        first: i64,
        /// Where the last one stands.
        last: i64,
    },
    /// Entries in the order of their ids.
    Stream(Box<Stream>),
}

/// The id of a stream's entry: milliseconds, and a number within them.
pub type StreamId = (u64, u64);

/// The numbers of a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stream {
    /// How many entries there are.
    pub length: u64,
    /// The id of the first one; 0-0 if there is none.
    pub first: StreamId,
    /// The highest id that was ever added.
    pub last: StreamId,
    /// The highest id that was ever deleted.
    pub deleted: StreamId,
    /// How many entries were ever added.
    pub added: u64,
    /// The collection of its groups, once there was one.
    pub groups: Option<Made>,
}

/// The state of a group of a stream's readers.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The newest id that was delivered.
    pub last: StreamId,
    /// How many entries were delivered, if that is known.
    pub read: Option<u64>,
    /// The collection of the entries that were delivered and not acknowledged.
    pub pending: Made,
    /// The collection of its consumers.
    pub consumers: Made,
}

/// What a row of this name and value counts, in bytes.
pub fn size(name: &[u8], row: &Row) -> u64 {
    name.len() as u64 + row.weight() + OVERHEAD
}

impl Table {
    /// The id of the database or of the collection.
    pub fn id(self) -> Made {
        match self {
            Table::Keys(id) | Table::Elements(id) => id,
        }
    }
}

impl Row {
    /// The moment from which on the row does not exist any more, if there is one. A hash without lasting fields ends with
    /// the last of the others.
    pub fn end(&self) -> Option<u64> {
        match self {
            Row::Expiring(_, until) => Some(*until),
            Row::Head(head) => match head.shape {
                Shape::Hash { fields: 0, last } => Some(head.until.map_or(last, |until| until.min(last))),
                _ => head.until,
            },
            Row::Value(_) | Row::Member | Row::Fields(_) | Row::Group(_) => None,
        }
    }

    /// Whether the row does not exist any more at this moment.
    pub fn is_dead(&self, now: u64) -> bool {
        self.end().is_some_and(|end| end <= now)
    }

    /// The value, if the row is one.
    pub fn value(&self) -> Option<&Bytes> {
        match self {
            Row::Value(value) | Row::Expiring(value, _) => Some(value),
            _ => None,
        }
    }

    /// The head, if the row is one.
    pub fn head(&self) -> Option<&Head> {
        match self {
            Row::Head(head) => Some(head),
            _ => None,
        }
    }

    /// The collections that the row names: what it keeps alive.
    pub fn collections(&self) -> impl Iterator<Item = Made> {
        let named = match self {
            Row::Head(head) => match &head.shape {
                Shape::Stream(stream) => [Some(head.collection), stream.groups],
                _ => [Some(head.collection), None],
            },
            Row::Group(group) => [Some(group.pending), Some(group.consumers)],
            _ => [None, None],
        };
        named.into_iter().flatten()
    }

    /// The bytes of its content, those of a collection's elements included.
    fn weight(&self) -> u64 {
        match self {
            Row::Value(value) | Row::Expiring(value, _) => value.len() as u64,
            Row::Head(head) => head.size,
            Row::Fields(fields) => fields.iter().map(|field| field.len() as u64).sum(),
            Row::Member | Row::Group(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_hardly_larger_than_a_value_with_its_end() {
        assert!(size_of::<Option<Row>>() <= size_of::<(Bytes, u64)>() + size_of::<u64>());
    }
}
