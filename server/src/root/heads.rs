//! Heads and groups as JSON: the first field says the kind, and the others are its numbers.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess};

use super::number;
use super::strict::spelled;
use crate::row::{Group, Head, Made, Row, Shape, Stream, StreamId};

/// The kinds, which are also the names of the field that comes first.
const HASH: &str = "hash";
const SET: &str = "set";
const ZSET: &str = "zset";
const LIST: &str = "list";
const STREAM: &str = "stream";

/// The kind of a group of a stream's readers. The field has the last id that the group was given.
pub const GROUP: &str = "group";

/// An object on its way out, field by field.
struct Fields<'a>(&'a mut Vec<u8>);

impl Fields<'_> {
    fn name(&mut self, name: &str) {
        let comma = if self.0.ends_with(b"{") { "" } else { "," };
        self.0.extend_from_slice(format!("{comma}\"{name}\":").as_bytes());
    }

    fn number(&mut self, name: &str, number: impl Into<i128>) -> &mut Self {
        self.name(name);
        number::write(number, self.0);
        self
    }

    fn text(&mut self, name: &str, text: impl fmt::Display) -> &mut Self {
        self.name(name);
        self.0.extend_from_slice(format!("\"{text}\"").as_bytes());
        self
    }

    fn optional(&mut self, name: &str, number: Option<u64>) -> &mut Self {
        number.map(|number| self.number(name, number));
        self
    }
}

/// Appends a head.
pub fn write_head(head: &Head, out: &mut Vec<u8>) {
    let Head { collection, until, size, shape } = head;
    out.push(b'{');
    let mut fields = Fields(out);
    match shape {
        Shape::Hash { fields: lasting, last } => {
            fields.text(HASH, collection).number("fields", *lasting);
            fields.optional("last", Some(*last).filter(|last| *last > 0))
        }
        Shape::Set { length } => fields.text(SET, collection).number("length", *length),
        Shape::Zset { length } => fields.text(ZSET, collection).number("length", *length),
        Shape::List { length, first, last } => {
            fields.text(LIST, collection).number("length", *length).number("first", *first).number("last", *last)
        }
        Shape::Stream(stream) => {
            let Stream { length, first, last, deleted, added, groups } = &**stream;
            fields.text(STREAM, collection).number("length", *length);
            fields.text("first", EntryId(*first)).text("last", EntryId(*last)).text("deleted", EntryId(*deleted));
            fields.number("added", *added);
            groups.map(|groups| fields.text("groups", groups).0.len());
            &mut fields
        }
    };
    fields.optional("until", *until).number("size", *size);
    out.push(b'}');
}

/// Appends a group.
pub fn write_group(group: &Group, out: &mut Vec<u8>) {
    let Group { last, read, pending, consumers } = group;
    out.push(b'{');
    Fields(out)
        .text(GROUP, EntryId(*last))
        .optional("read", *read)
        .text("pending", pending)
        .text("consumers", consumers);
    out.push(b'}');
}

/// The id of a stream's entry in its only spelling, `milliseconds-number`.
struct EntryId(StreamId);

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.0, self.0.1)
    }
}

impl FromStr for EntryId {
    type Err = String;

    fn from_str(text: &str) -> Result<EntryId, String> {
        let parts = text.split_once('-');
        let id = parts.and_then(|(time, number)| Some(EntryId((time.parse().ok()?, number.parse().ok()?))));
        id.filter(|id| id.to_string() == text).ok_or_else(|| format!("{text:?} is not the id of an entry"))
    }
}

/// What follows the kind of a hash.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashNumbers {
    #[serde(deserialize_with = "number::read")]
    fields: u64,
    #[serde(default, deserialize_with = "number::read_present")]
    last: Option<u64>,
    #[serde(default, deserialize_with = "number::read_present")]
    until: Option<u64>,
    #[serde(deserialize_with = "number::read")]
    size: u64,
}

/// What follows the kind of a set or a sorted set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetNumbers {
    #[serde(deserialize_with = "number::read")]
    length: u64,
    #[serde(default, deserialize_with = "number::read_present")]
    until: Option<u64>,
    #[serde(deserialize_with = "number::read")]
    size: u64,
}

/// What follows the kind of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListNumbers {
    #[serde(deserialize_with = "number::read")]
    length: u64,
    #[serde(deserialize_with = "number::read")]
    first: i64,
    #[serde(deserialize_with = "number::read")]
    last: i64,
    #[serde(default, deserialize_with = "number::read_present")]
    until: Option<u64>,
    #[serde(deserialize_with = "number::read")]
    size: u64,
}

/// What follows the kind of a stream.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamNumbers {
    #[serde(deserialize_with = "number::read")]
    length: u64,
    #[serde(deserialize_with = "spelled::deserialize")]
    first: EntryId,
    #[serde(deserialize_with = "spelled::deserialize")]
    last: EntryId,
    #[serde(deserialize_with = "spelled::deserialize")]
    deleted: EntryId,
    #[serde(deserialize_with = "number::read")]
    added: u64,
    #[serde(default, deserialize_with = "spelled::present")]
    groups: Option<Made>,
    #[serde(default, deserialize_with = "number::read_present")]
    until: Option<u64>,
    #[serde(deserialize_with = "number::read")]
    size: u64,
}

/// What follows the kind of a group.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupNumbers {
    #[serde(default, deserialize_with = "number::read_present")]
    read: Option<u64>,
    #[serde(deserialize_with = "spelled::deserialize")]
    pending: Made,
    #[serde(deserialize_with = "spelled::deserialize")]
    consumers: Made,
}

/// Reads what follows a kind.
pub fn rest<'de, A: MapAccess<'de>, T: Deserialize<'de>>(map: A) -> Result<T, A::Error> {
    T::deserialize(MapAccessDeserializer::new(map))
}

/// Reads a head of which only the kind was read.
pub fn read_head<'de, A: MapAccess<'de>>(kind: &str, mut map: A) -> Result<Row, A::Error> {
    if ![HASH, SET, ZSET, LIST, STREAM].contains(&kind) {
        return Err(A::Error::custom(format_args!("unknown kind of key {kind:?}")));
    }
    let collection = spelled_value(&mut map)?;
    let (until, size, shape) = match kind {
        HASH => {
            let HashNumbers { fields, last, until, size } = rest(map)?;
            if last == Some(0) {
                return Err(A::Error::custom("a hash whose last expiry is 0"));
            }
            (until, size, Shape::Hash { fields, last: last.unwrap_or(0) })
        }
        SET | ZSET => {
            let SetNumbers { length, until, size } = rest(map)?;
            (until, size, if kind == SET { Shape::Set { length } } else { Shape::Zset { length } })
        }
        LIST => {
            let ListNumbers { length, first, last, until, size } = rest(map)?;
            (until, size, Shape::List { length, first, last })
        }
        _ => {
            let StreamNumbers { length, first, last, deleted, added, groups, until, size } = rest(map)?;
            let stream = Stream { length, first: first.0, last: last.0, deleted: deleted.0, added, groups };
            (until, size, Shape::Stream(Box::new(stream)))
        }
    };
    Ok(Head { collection, until, size, shape }.into())
}

/// Reads a group of which only the kind was read.
pub fn read_group<'de, A: MapAccess<'de>>(mut map: A) -> Result<Row, A::Error> {
    let EntryId(last) = spelled_value(&mut map)?;
    let GroupNumbers { read, pending, consumers } = rest(map)?;
    Ok(Group { last, read, pending, consumers }.into())
}

fn spelled_value<'de, A: MapAccess<'de>, T: FromStr<Err: fmt::Display>>(map: &mut A) -> Result<T, A::Error> {
    map.next_value::<std::borrow::Cow<str>>()?.parse().map_err(A::Error::custom)
}
