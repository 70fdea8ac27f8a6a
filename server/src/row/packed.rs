//! Rows as bytes in a layer: a kind, numbers as LEB128, and texts with their length.

use bytes::Bytes;

use super::{Group, Head, Made, Row, Shape, Stream, StreamId};

/// The kinds of rows. A layer with any other kind was written by a later version.
const REMOVED: u8 = 0;
const VALUE: u8 = 1;
const EXPIRING: u8 = 2;
const MEMBER: u8 = 3;
const FIELDS: u8 = 4;
const GROUP: u8 = 5;
const HASH: u8 = 8;
const SET: u8 = 9;
const ZSET: u8 = 10;
const LIST: u8 = 11;
const STREAM: u8 = 12;

/// Bytes that are not a row that this server knows.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpackable {
    /// They end too early.
    #[error("a row is cut short")]
    CutShort,
    /// A number in another spelling than the shortest, or too large.
    #[error("a row has a number that is out of range")]
    Number,
    /// Of a later version.
    #[error("a row is of kind {0}, which this server does not know")]
    Kind(u8),
}

impl Row {
    /// Appends a row; `None` is a removal.
    pub fn pack(row: Option<&Row>, out: &mut Vec<u8>) {
        match row {
            None => out.push(REMOVED),
            Some(Row::Value(value)) => {
                out.push(VALUE);
                put_text(value, out);
            }
            Some(Row::Expiring(value, until)) => {
                out.push(EXPIRING);
                put_number(*until, out);
                put_text(value, out);
            }
            Some(Row::Member) => out.push(MEMBER),
            Some(Row::Fields(fields)) => {
                out.push(FIELDS);
                put_number(fields.len() as u64, out);
                fields.iter().for_each(|field| put_text(field, out));
            }
            Some(Row::Group(group)) => {
                out.push(GROUP);
                put_id(group.last, out);
                put_option(group.read, out);
                put_made(group.pending, out);
                put_made(group.consumers, out);
            }
            Some(Row::Head(head)) => head.pack(out),
        }
    }

    /// Takes a row off the front of `rest`, which lies within `packed`. Its texts share the memory of `packed`.
    pub fn unpack(packed: &Bytes, rest: &mut &[u8]) -> Result<Option<Row>, Unpackable> {
        let share = |text: &[u8]| packed.slice_ref(text);
        let kind = take_byte(rest)?;
        Ok(Some(match kind {
            REMOVED => return Ok(None),
            VALUE => Row::Value(share(take_text(rest)?)),
            EXPIRING => {
                let until = take_number(rest)?;
                Row::Expiring(share(take_text(rest)?), until)
            }
            MEMBER => Row::Member,
            FIELDS => {
                let count = take_number(rest)?;
                // A text takes a byte at least, so a forged count cannot ask for more memory than there are bytes.
                if count > rest.len() as u64 {
                    return Err(Unpackable::CutShort);
                }
                let fields: Result<_, _> = (0..count).map(|_| take_text(rest).map(share)).collect();
                Row::Fields(fields?)
            }
            GROUP => Row::from(Group {
                last: take_id(rest)?,
                read: take_option(rest)?,
                pending: take_made(rest)?,
                consumers: take_made(rest)?,
            }),
            HASH | SET | ZSET | LIST | STREAM => Head::unpack(kind, rest)?.into(),
            _ => return Err(Unpackable::Kind(kind)),
        }))
    }

    /// Whether every row of this kind is there for ever. Its kind is the first byte of a packed row.
    pub fn is_lasting(kind: u8) -> bool {
        matches!(kind, VALUE | MEMBER | FIELDS | GROUP)
    }

    /// Whether a row of this kind names collections.
    pub fn names_collections(kind: u8) -> bool {
        matches!(kind, GROUP | HASH | SET | ZSET | LIST | STREAM)
    }

    /// Whether this is the kind of a removal.
    pub fn is_removal(kind: u8) -> bool {
        kind == REMOVED
    }

    /// Passes a row at the front of `rest` without making it.
    pub fn skip(rest: &mut &[u8]) -> Result<(), Unpackable> {
        let kind = take_byte(rest)?;
        match kind {
            REMOVED | MEMBER => {}
            VALUE => drop(take_text(rest)?),
            EXPIRING => {
                take_number(rest)?;
                take_text(rest)?;
            }
            FIELDS => {
                for _ in 0..take_number(rest)? {
                    take_text(rest)?;
                }
            }
            GROUP => {
                take_id(rest)?;
                take_option(rest)?;
                take_made(rest)?;
                take_made(rest)?;
            }
            HASH | SET | ZSET | LIST | STREAM => drop(Head::unpack(kind, rest)?),
            _ => return Err(Unpackable::Kind(kind)),
        }
        Ok(())
    }
}

impl Head {
    fn pack(&self, out: &mut Vec<u8>) {
        out.push(match self.shape {
            Shape::Hash { .. } => HASH,
            Shape::Set { .. } => SET,
            Shape::Zset { .. } => ZSET,
            Shape::List { .. } => LIST,
            Shape::Stream(_) => STREAM,
        });
        put_made(self.collection, out);
        put_option(self.until, out);
        put_number(self.size, out);
        match &self.shape {
            Shape::Hash { fields, last } => {
                put_number(*fields, out);
                put_number(*last, out);
            }
            Shape::Set { length } | Shape::Zset { length } => put_number(*length, out),
            Shape::List { length, first, last } => {
                put_number(*length, out);
                put_signed(*first, out);
                put_signed(*last, out);
            }
            Shape::Stream(stream) => {
                let Stream { length, first, last, deleted, added, groups } = &**stream;
                put_number(*length, out);
                put_id(*first, out);
                put_id(*last, out);
                put_id(*deleted, out);
                put_number(*added, out);
                out.push(u8::from(groups.is_some()));
                groups.iter().for_each(|groups| put_made(*groups, out));
            }
        }
    }

    fn unpack(kind: u8, rest: &mut &[u8]) -> Result<Head, Unpackable> {
        let (collection, until, size) = (take_made(rest)?, take_option(rest)?, take_number(rest)?);
        let shape = match kind {
            HASH => Shape::Hash { fields: take_number(rest)?, last: take_number(rest)? },
            SET => Shape::Set { length: take_number(rest)? },
            ZSET => Shape::Zset { length: take_number(rest)? },
            LIST => Shape::List { length: take_number(rest)?, first: take_signed(rest)?, last: take_signed(rest)? },
            _ => Shape::Stream(Box::new(Stream {
                length: take_number(rest)?,
                first: take_id(rest)?,
                last: take_id(rest)?,
                deleted: take_id(rest)?,
                added: take_number(rest)?,
                groups: match take_byte(rest)? {
                    0 => None,
                    1 => Some(take_made(rest)?),
                    _ => return Err(Unpackable::Number),
                },
            })),
        };
        Ok(Head { collection, until, size, shape })
    }
}

/// Appends an unsigned number, in as few bytes as it needs.
pub fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number in its only spelling: the last byte is not zero, unless it is the only one.
pub fn take_number(rest: &mut &[u8]) -> Result<u64, Unpackable> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(rest)?;
        let part = u64::from(byte & 0x7f);
        if part << shift >> shift != part {
            return Err(Unpackable::Number);
        }
        number |= part << shift;
        if byte < 0x80 {
            return if byte > 0 || shift == 0 { Ok(number) } else { Err(Unpackable::Number) };
        }
    }
    Err(Unpackable::Number)
}

/// Appends a length and as many bytes.
pub fn put_text(text: &[u8], out: &mut Vec<u8>) {
    put_number(text.len() as u64, out);
    out.extend_from_slice(text);
}

/// Takes a length and as many bytes.
pub fn take_text<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Unpackable> {
    let length = usize::try_from(take_number(rest)?).map_err(|_| Unpackable::Number)?;
    let (text, after) = rest.split_at_checked(length).ok_or(Unpackable::CutShort)?;
    *rest = after;
    Ok(text)
}

fn take_byte(rest: &mut &[u8]) -> Result<u8, Unpackable> {
    let (&byte, after) = rest.split_first().ok_or(Unpackable::CutShort)?;
    *rest = after;
    Ok(byte)
}

/// Signed numbers are folded onto unsigned ones, so that those near zero are short.
fn put_signed(number: i64, out: &mut Vec<u8>) {
    put_number(((number << 1) ^ (number >> 63)).cast_unsigned(), out);
}

fn take_signed(rest: &mut &[u8]) -> Result<i64, Unpackable> {
    let folded = take_number(rest)?;
    Ok((folded >> 1).cast_signed() ^ -((folded & 1).cast_signed()))
}

/// An absent number is 0, and a present one is one more. None of them reaches the largest number.
fn put_option(number: Option<u64>, out: &mut Vec<u8>) {
    put_number(number.map_or(0, |number| number.saturating_add(1)), out);
}

fn take_option(rest: &mut &[u8]) -> Result<Option<u64>, Unpackable> {
    Ok(take_number(rest)?.checked_sub(1))
}

/// Appends an id.
pub fn put_made(id: Made, out: &mut Vec<u8>) {
    put_number(id.generation, out);
    put_number(u64::from(id.ordinal), out);
}

/// Takes an id.
pub fn take_made(rest: &mut &[u8]) -> Result<Made, Unpackable> {
    let generation = take_number(rest)?;
    let ordinal = u32::try_from(take_number(rest)?).map_err(|_| Unpackable::Number)?;
    Ok(Made { generation, ordinal })
}

fn put_id(id: StreamId, out: &mut Vec<u8>) {
    put_number(id.0, out);
    put_number(id.1, out);
}

fn take_id(rest: &mut &[u8]) -> Result<StreamId, Unpackable> {
    Ok((take_number(rest)?, take_number(rest)?))
}
