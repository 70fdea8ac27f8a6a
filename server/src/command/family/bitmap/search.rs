//! Counting bits, and finding the first one.

use bytes::Bytes;

use super::template::READ;
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, integer};
use crate::command::family::string::part::{clipped, stretch};
use crate::command::spec::{Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::string;

pub(super) const COUNT: Spec = Spec {
    name: "bitcount",
    syntax: "key [start [end [BYTE | BIT]]]",
    arity: -2,
    since: "2.6.0",
    complexity: "O(N) where N is the length of the part",
    summary: "Counts the bits that are set in a string or a part of it.",
    meaning: Meaning::Data(count),
    check: Some(|words| BitRange::parse(&words[2..]).map(drop)),
    ..READ
};

pub(super) const POSITION: Spec = Spec {
    name: "bitpos",
    syntax: "key bit [start [end [BYTE | BIT]]]",
    arity: -3,
    since: "2.8.7",
    complexity: "O(N) where N is the length of the part",
    summary: "Finds the first bit that is set or clear in a string or a part of it.",
    meaning: Meaning::Data(position),
    check: Some(|words| wanted(words).map(drop)),
    ..READ
};

/// Finds the units between two positions among so many.
type PartFinder = fn((i64, i64), u64) -> Option<(u64, u64)>;

/// The part of a string that a client means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BitRange {
    start: i64,
    /// The last position. None means the end of the string.
    end: Option<i64>,
    /// Whether the positions are those of bits, and not of bytes.
    bits: bool,
}

impl BitRange {
    /// Parses `[start [end [BYTE | BIT]]]`. The errors come in the order of Valkey: the unit before the end.
    fn parse(words: &[Bytes]) -> Result<BitRange, Reply> {
        let number = |word: &Bytes| integer(word).ok_or(NOT_AN_INTEGER);
        match words {
            [] => Ok(BitRange { start: 0, end: None, bits: false }),
            [start] => Ok(BitRange { start: number(start)?, end: None, bits: false }),
            [start, end] => Ok(BitRange { start: number(start)?, end: Some(number(end)?), bits: false }),
            [start, end, unit] => {
                let start = number(start)?;
                let bits = match unit.to_ascii_lowercase().as_slice() {
                    b"bit" => true,
                    b"byte" => false,
                    _ => return Err(SYNTAX),
                };
                Ok(BitRange { start, end: Some(number(end)?), bits })
            }
            _ => Err(SYNTAX),
        }
    }

    /// The bits of a string of so many bytes that are in the part: the first one, and the one after the last one. `part`
    /// finds the units of the part.
    fn of(self, length: usize, part: PartFinder) -> Option<(u64, u64)> {
        let bits = length as u64 * 8;
        let (unit, length) = if self.bits { (1, bits) } else { (8, bits / 8) };
        let (start, end) = part((self.start, self.end.unwrap_or(i64::MAX)), length)?;
        Some((start * unit, end * unit))
    }
}

fn count(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let range = BitRange::parse(&words[2..])?;
    let value = string(draft, &words[1])?.map(|(value, _)| value).unwrap_or_default();
    let part = range.of(value.len(), stretch);
    let ones = part.map_or(0, |(start, end)| whole_bytes(&value, start, end).map(|(_, byte)| byte.count_ones()).sum());
    Ok(Reply::Integer(ones.into()))
}

/// The bytes of a part, with the position of each byte's first bit. Bits outside of the part are clear.
fn whole_bytes(value: &[u8], start: u64, end: u64) -> impl Iterator<Item = (u64, u8)> {
    let (first, after) = ((start / 8) as usize, end.div_ceil(8) as usize);
    (first..after).zip(&value[first..after]).map(move |(at, byte)| {
        let from = at as u64 * 8;
        let left = if start > from { 0xff >> (start - from) } else { 0xff };
        let right = if from + 8 > end { 0xff_u8 << (from + 8 - end) } else { 0xff };
        (from, byte & left & right)
    })
}

fn wanted(words: &[Bytes]) -> Result<(bool, BitRange), Reply> {
    let [_, _, bit, range @ ..] = words else { return Err(SYNTAX) };
    let bit = match integer(bit).ok_or(NOT_AN_INTEGER)? {
        0 => false,
        1 => true,
        _ => return Err(Reply::fault("ERR The bit argument must be 1 or 0.")),
    };
    Ok((bit, BitRange::parse(range)?))
}

/// Unlike BITCOUNT, it lets two negative positions in the wrong order both count as the first one, if they are before it.
/// An absent key is an endless row of zeros, and so is what comes after a string, unless the client names an end.
fn position(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let (wanted, range) = wanted(words)?;
    let Some((value, _)) = string(draft, &words[1])? else {
        return Ok(Reply::Integer(if wanted { -1 } else { 0 }));
    };
    let Some((start, end)) = range.of(value.len(), clipped) else { return Ok(Reply::Integer(-1)) };
    let found = first(&value, start, end, wanted);
    let after = (!wanted && range.end.is_none()).then_some(value.len() as u64 * 8);
    Ok(Reply::Integer(found.or(after).map_or(-1, u64::cast_signed)))
}

/// The first bit of a kind in a part.
fn first(value: &[u8], start: u64, end: u64, wanted: bool) -> Option<u64> {
    if wanted {
        let mut bytes = whole_bytes(value, start, end);
        return bytes.find(|(_, byte)| *byte != 0).map(|(from, byte)| from + u64::from(byte.leading_zeros()));
    }
    // Clear bits of a part are those that differ from a part of ones.
    let (first, after) = ((start / 8) as usize, end.div_ceil(8) as usize);
    let ones = vec![0xff; after - first];
    let masks = whole_bytes(&ones, start - first as u64 * 8, end - first as u64 * 8);
    let clear = masks.zip(&value[first..after]).map(|((from, mask), byte)| (from, mask & !byte));
    let mut clear = clear.filter(|(_, byte)| *byte != 0);
    clear.next().map(|(from, byte)| first as u64 * 8 + from + u64::from(byte.leading_zeros()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::family::bitmap::bit::bit_at;

    #[test]
    fn parts_of_bits_are_counted_and_searched_bit_by_bit() {
        let value = [0xff, 0x00, 0xa5, 0x10, 0xff];
        for start in 0..40 {
            for end in start + 1..=40 {
                let bits: Vec<u64> = (start..end).filter(|bit| bit_at(&value, *bit) == 1).collect();
                let ones: u32 = whole_bytes(&value, start, end).map(|(_, byte)| byte.count_ones()).sum();
                assert_eq!(ones as usize, bits.len(), "{start}..{end}");
                assert_eq!(first(&value, start, end, true), bits.first().copied(), "{start}..{end}");
                let clear = (start..end).find(|bit| bit_at(&value, *bit) == 0);
                assert_eq!(first(&value, start, end, false), clear, "{start}..{end}");
            }
        }
    }
}
