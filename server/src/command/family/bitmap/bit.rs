//! Single bits: `SETBIT`, `GETBIT`.

use bytes::{Bytes, BytesMut};

use super::template::{BITMAP, READ};
use crate::command::arguments::{exactly, integer};
use crate::command::family::string::length::{LONGEST, LONGEST_OF_VALKEY, TOO_LONG};
use crate::command::flag::Flag::{Denyoom, Fast, Readonly, Write};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::{string, string_row};

pub(super) const GET: Spec = Spec {
    name: "getbit",
    syntax: "key offset",
    arity: 3,
    flags: &[Readonly, Fast],
    summary: "Returns a bit of a string.",
    meaning: Meaning::Data(get_bit),
    check: Some(|words| bit_offset(&words[2]).map(drop)),
    ..READ
};

pub(super) const SET: Spec = Spec {
    name: "setbit",
    syntax: "key offset value",
    arity: 4,
    flags: &[Write, Denyoom],
    keys: &[Keys { access: &["RW", "access", "update"], ..Keys::ONE }],
    complexity: "O(N) where N is the length of the string",
    summary: "Sets or clears a bit of a string, and returns the old one.",
    meaning: Meaning::Data(set_bit),
    check: Some(|words| place_and_bit(words).map(drop)),
    ..BITMAP
};

/// The error for the position of a bit that no string has.
const INVALID_OFFSET: Reply = Reply::fault("ERR bit offset is not an integer or out of range");

/// The position of a bit.
fn bit_offset(word: &[u8]) -> Result<u64, Reply> {
    scaled_offset(word, 1)
}

/// The position of a bit, stated in units of so many bits.
pub(super) fn scaled_offset(word: &[u8], unit: u64) -> Result<u64, Reply> {
    let number = integer(word).and_then(|number| u64::try_from(number).ok());
    let offset = number.and_then(|number| number.checked_mul(unit));
    offset.filter(|offset| *offset >> 3 < LONGEST_OF_VALKEY).ok_or(INVALID_OFFSET)
}

fn place_and_bit(words: &[Bytes]) -> Result<(u64, u8), Reply> {
    let [_, _, offset, bit] = exactly(words)?;
    let offset = bit_offset(offset)?;
    match &bit[..] {
        b"0" => Ok((offset, 0)),
        b"1" => Ok((offset, 1)),
        _ => Err(Reply::fault("ERR bit is not an integer or out of range")),
    }
}

/// A bit of a string.
pub(super) fn bit_at(bytes: &[u8], offset: u64) -> u8 {
    let byte = usize::try_from(offset >> 3).ok().and_then(|at| bytes.get(at));
    byte.map_or(0, |byte| byte >> (7 - (offset & 7)) & 1)
}

/// Sets or clears a bit that the string has.
pub(super) fn put_bit(bytes: &mut [u8], offset: u64, bit: u8) {
    let (byte, shift) = (&mut bytes[(offset >> 3) as usize], 7 - (offset & 7));
    *byte = *byte & !(1 << shift) | bit << shift;
}

/// A string that a command is about to change.
pub(super) struct Growing {
    pub(super) bytes: BytesMut,
    until: Option<u64>,
    /// Whether the key was absent, or too short.
    pub(super) has_grown: bool,
}

impl Growing {
    /// The string under a key, with zeros up to this bit at least.
    pub(super) fn open(draft: &Draft<'_>, key: &[u8], last: u64) -> Result<Growing, Reply> {
        let old = string(draft, key)?;
        let length = (last >> 3) + 1;
        if length > LONGEST {
            return Err(TOO_LONG);
        }
        let has_grown = old.as_ref().is_none_or(|(value, _)| (value.len() as u64) < length);
        let (value, until) = old.unwrap_or_default();
        let length = value.len().max(length as usize);
        let mut bytes = BytesMut::with_capacity(length);
        bytes.extend_from_slice(&value);
        bytes.resize(length, 0);
        Ok(Growing { bytes, until, has_grown })
    }

    pub(super) fn keep(self, draft: &mut Draft<'_>, key: &Bytes) {
        draft.put(key.clone(), string_row(self.bytes.freeze(), self.until));
    }
}

fn get_bit(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, offset] = exactly(words)?;
    let offset = bit_offset(offset)?;
    let bit = string(draft, key)?.map_or(0, |(value, _)| bit_at(&value, offset));
    Ok(Reply::Integer(bit.into()))
}

fn set_bit(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let (offset, bit) = place_and_bit(words)?;
    let mut growing = Growing::open(draft, &words[1], offset)?;
    let old = bit_at(&growing.bytes, offset);
    if old != bit || growing.has_grown {
        put_bit(&mut growing.bytes, offset, bit);
        growing.keep(draft, &words[1]);
    }
    Ok(Reply::Integer(old.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_counted_from_the_highest_one_of_the_first_byte() {
        let mut bytes = [0_u8; 2];
        for offset in [0, 9] {
            put_bit(&mut bytes, offset, 1);
        }
        assert_eq!(bytes, [0x80, 0x40]);
        assert_eq!((0..20).filter(|offset| bit_at(&bytes, *offset) == 1).collect::<Vec<_>>(), [0, 9]);
        put_bit(&mut bytes, 0, 0);
        assert_eq!(bytes, [0, 0x40]);
    }

    #[test]
    fn offsets_end_with_the_longest_string_of_valkey() {
        assert_eq!(bit_offset(b"4294967295"), Ok(u64::from(u32::MAX)));
        for word in ["4294967296", "-1", "x", "01", "9223372036854775808"] {
            assert_eq!(bit_offset(word.as_bytes()), Err(INVALID_OFFSET), "{word}");
        }
        assert_eq!(scaled_offset(b"9223372036854775807", 64), Err(INVALID_OFFSET));
    }
}
