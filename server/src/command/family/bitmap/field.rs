//! `BITFIELD`: integers of 1 to 64 bits anywhere in a string.

use bytes::Bytes;

use super::bit::{Growing, bit_at, put_bit, scaled_offset};
use super::template::{BITMAP, READ};
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, integer};
use crate::command::flag::Flag::{Denyoom, Fast, Readonly, Write};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::string;

pub(super) const FIELDS: Spec = Spec {
    name: "bitfield",
    syntax: "key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | \
             INCRBY encoding offset increment> [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] \
             <SET encoding offset value | INCRBY encoding offset increment> ...]]",
    arity: -2,
    flags: &[Write, Denyoom],
    keys: &[Keys {
        access: &["RW", "access", "update", "variable_flags"],
        notes: "This command allows both access and modification of the key",
        ..Keys::ONE
    }],
    find_keys: Some(|words| {
        let is_read = parse(&words[2..]).is_ok_and(|operations| !operations.iter().any(FieldOperation::writes));
        let access: &[&str] = if is_read { Keys::READ.access } else { &["RW", "access", "update"] };
        vec![(1, access)]
    }),
    since: "3.2.0",
    complexity: "O(M) to read, O(N+M) to write, where M is the number of operations and N the length of the string",
    summary: "Reads, sets and adds to integers in the bits of a string.",
    meaning: Meaning::Data(fields),
    check: Some(|words| parse(&words[2..]).map(drop)),
    ..BITMAP
};

pub(super) const FIELDS_READ: Spec = Spec {
    name: "bitfield_ro",
    syntax: "key [GET encoding offset [GET encoding offset ...]]",
    arity: -2,
    flags: &[Readonly, Fast],
    since: "6.0.0",
    complexity: "O(M) where M is the number of operations",
    summary: "Reads integers in the bits of a string.",
    meaning: Meaning::Data(fields),
    check: Some(|words| parse_reads(words).map(drop)),
    ..READ
};

const INVALID_TYPE: Reply =
    Reply::fault("ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.");

/// What to do with a number that does not fit into its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overflow {
    /// Drop the highest bits.
    Wrap,
    /// Take the nearest number that fits.
    Saturate,
    /// Leave the field alone.
    Fail,
}

/// The numbers that a field can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FieldType {
    signed: bool,
    bits: u32,
}

impl FieldType {
    /// Parses a type such as `i16` or `u8`.
    fn parse(word: &[u8]) -> Result<FieldType, Reply> {
        let (signed, bits) = match word {
            [b'i', bits @ ..] => (true, bits),
            [b'u', bits @ ..] => (false, bits),
            _ => return Err(INVALID_TYPE),
        };
        let most = if signed { 64 } else { 63 };
        let bits = integer(bits).filter(|bits| (1..=most).contains(bits)).ok_or(INVALID_TYPE)?;
        Ok(FieldType { signed, bits: bits as u32 })
    }

    /// The lowest and the highest number.
    fn range(self) -> (i128, i128) {
        if self.signed { (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1) } else { (0, (1 << self.bits) - 1) }
    }

    /// The number that the lowest bits of `bits` mean.
    fn number(self, bits: u64) -> i64 {
        let unused = 64 - self.bits;
        if self.signed { (bits << unused).cast_signed() >> unused } else { (bits << unused >> unused).cast_signed() }
    }

    /// The number to store, or nothing if it does not fit and must not change.
    fn fit(self, number: i128, overflow: Overflow) -> Option<i64> {
        let (low, high) = self.range();
        let fits = (low..=high).contains(&number);
        match overflow {
            // Numbers that fit are equal to their lowest 64 bits.
            _ if fits => Some(number as i64),
            Overflow::Wrap => Some(self.number(number as u64)),
            Overflow::Saturate => Some(number.clamp(low, high) as i64),
            Overflow::Fail => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FieldChange {
    Get,
    Set(i64),
    Add(i64),
}

/// One operation of a `BITFIELD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FieldOperation {
    change: FieldChange,
    field: FieldType,
    offset: u64,
    overflow: Overflow,
}

impl FieldOperation {
    fn last_bit(&self) -> u64 {
        self.offset + u64::from(self.field.bits) - 1
    }

    fn writes(&self) -> bool {
        self.change != FieldChange::Get
    }

    fn read(&self, bytes: &[u8]) -> i64 {
        let bits = (self.offset..=self.last_bit()).fold(0, |bits, at| bits << 1 | u64::from(bit_at(bytes, at)));
        self.field.number(bits)
    }

    fn write(&self, bytes: &mut [u8], number: i64) {
        for (shift, at) in (self.offset..=self.last_bit()).rev().enumerate() {
            put_bit(bytes, at, (number >> shift & 1) as u8);
        }
    }

    /// Executes the operation. Returns the reply, and whether the field has another number now.
    fn apply(&self, bytes: &mut [u8]) -> (Reply, bool) {
        let old = self.read(bytes);
        let new = match self.change {
            FieldChange::Get => return (Reply::Integer(old), false),
            // Valkey takes a negative number for an unsigned field as a large one.
            FieldChange::Set(number) if !self.field.signed => i128::from(number.cast_unsigned()),
            FieldChange::Set(number) => number.into(),
            FieldChange::Add(number) => i128::from(old) + i128::from(number),
        };
        let Some(new) = self.field.fit(new, self.overflow) else { return (Reply::Null, false) };
        self.write(bytes, new);
        let told = if matches!(self.change, FieldChange::Set(_)) { old } else { new };
        (Reply::Integer(told), old != new)
    }
}

/// Parses the operations. Each `OVERFLOW` holds for those that follow it.
fn parse(mut words: &[Bytes]) -> Result<Vec<FieldOperation>, Reply> {
    let (mut operations, mut overflow) = (Vec::new(), Overflow::Wrap);
    while let [name, rest @ ..] = words {
        let name = name.to_ascii_lowercase();
        words = match (name.as_slice(), rest) {
            (b"overflow", [kind, rest @ ..]) => {
                overflow = match kind.to_ascii_lowercase().as_slice() {
                    b"wrap" => Overflow::Wrap,
                    b"sat" => Overflow::Saturate,
                    b"fail" => Overflow::Fail,
                    _ => return Err(Reply::fault("ERR Invalid OVERFLOW type specified")),
                };
                rest
            }
            (b"get", [field, offset, rest @ ..]) => {
                let (field, offset) = field_at(field, offset)?;
                operations.push(FieldOperation { change: FieldChange::Get, field, offset, overflow });
                rest
            }
            (b"set" | b"incrby", [field, offset, number, rest @ ..]) => {
                let (field, offset) = field_at(field, offset)?;
                let number = integer(number).ok_or(NOT_AN_INTEGER)?;
                let change = if name == b"set" { FieldChange::Set(number) } else { FieldChange::Add(number) };
                operations.push(FieldOperation { change, field, offset, overflow });
                rest
            }
            _ => return Err(SYNTAX),
        };
    }
    Ok(operations)
}

/// An offset that begins with `#` counts fields of this type.
fn field_at(field: &[u8], offset: &[u8]) -> Result<(FieldType, u64), Reply> {
    let field = FieldType::parse(field)?;
    let offset = match offset.strip_prefix(b"#") {
        Some(index) => scaled_offset(index, field.bits.into())?,
        None => scaled_offset(offset, 1)?,
    };
    Ok((field, offset))
}

fn parse_reads(words: &[Bytes]) -> Result<Vec<FieldOperation>, Reply> {
    let operations = parse(&words[2..])?;
    if operations.iter().any(FieldOperation::writes) {
        return Err(Reply::fault("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    Ok(operations)
}

/// If an operation may write, the string first grows as far as all of them may write.
fn fields(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, operations @ ..] = words else { return Err(SYNTAX) };
    let operations = parse(operations)?;
    let written = operations.iter().filter(|operation| operation.writes());
    let Some(last) = written.map(FieldOperation::last_bit).max() else {
        let value = string(draft, key)?.map(|(value, _)| value).unwrap_or_default();
        return Ok(Reply::Array(operations.iter().map(|it| Reply::Integer(it.read(&value))).collect()));
    };
    let mut growing = Growing::open(draft, key, last)?;
    let mut has_changed = growing.has_grown;
    let mut replies = Vec::with_capacity(operations.len());
    for operation in operations {
        let (reply, changes) = operation.apply(&mut growing.bytes);
        has_changed |= changes;
        replies.push(reply);
    }
    if has_changed {
        growing.keep(draft, key);
    }
    Ok(Reply::Array(replies))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str) -> FieldType {
        FieldType::parse(text.as_bytes()).expect(text)
    }

    #[test]
    fn fields_have_1_to_64_bits() {
        assert_eq!(field("u63").range(), (0, i64::MAX.into()));
        assert_eq!(field("i64").range(), (i64::MIN.into(), i64::MAX.into()));
        assert_eq!(field("i1").range(), (-1, 0));
        for text in ["u0", "u64", "i65", "U8", "8", "u", "u08", ""] {
            assert_eq!(FieldType::parse(text.as_bytes()), Err(INVALID_TYPE), "{text}");
        }
    }

    #[test]
    fn numbers_that_do_not_fit_wrap_saturate_or_fail() {
        for (text, number, wrapped, saturated) in [
            ("u8", 256, 0, 255),
            ("u8", -1, 255, 0),
            ("i8", 128, -128, 127),
            ("i8", -129, 127, -128),
            ("i64", i128::from(i64::MAX) + 1, i64::MIN, i64::MAX),
        ] {
            assert_eq!(field(text).fit(number, Overflow::Wrap), Some(wrapped), "{text} {number}");
            assert_eq!(field(text).fit(number, Overflow::Saturate), Some(saturated), "{text} {number}");
            assert_eq!(field(text).fit(number, Overflow::Fail), None, "{text} {number}");
        }
    }

    #[test]
    fn a_field_can_lie_across_bytes() {
        let operation =
            FieldOperation { change: FieldChange::Set(-3), field: field("i11"), offset: 3, overflow: Overflow::Wrap };
        let mut bytes = [0; 3];
        assert_eq!(operation.apply(&mut bytes), (Reply::Integer(0), true));
        assert_eq!(bytes, [0b0001_1111, 0b1111_0100, 0]);
        assert_eq!(operation.read(&bytes), -3);
    }
}
