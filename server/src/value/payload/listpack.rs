//! Listpacks: small collections in one string.
//!
//! A listpack is its size in bytes (4 bytes), its number of elements (2 bytes, 65535 if there are more), the elements,
//! and a byte of ones. An element is its data and then the length of that data, so that a reader can also walk
//! backwards. The first bits of the data say what it is:
//!
//! | bits       | data                                             |
//! |------------|--------------------------------------------------|
//! | `0xxxxxxx` | an integer up to 127                             |
//! | `10xxxxxx` | a string of up to 63 bytes                       |
//! | `110xxxxx` | an integer of 13 bits, in two bytes              |
//! | `1110xxxx` | a string of up to 4095 bytes                     |
//! | `11110000` | a string with a length of 4 bytes                |
//! | `11110001` | an integer of 2 bytes, then of 3, 4 and 8 bytes  |

use super::PayloadError;
use super::cursor::{Cursor, i24};
use super::integer::canonical;
use super::packed::Item;

const HEADER: usize = 6;
const END: u8 = 0xff;
/// The number of elements in the header when it does not fit there.
const UNCOUNTED: u16 = u16::MAX;
/// The least data that needs one more byte for its length. The third should be 16384, but servers write and check
/// 16383.
const WIDER_LENGTHS: [usize; 4] = [128, 16_383, 2_097_151, 268_435_455];

/// The elements of a listpack. The iterator checks what it passes, so only one that came to its end has checked
/// everything.
pub(super) struct Listpack<'a> {
    cursor: Cursor<'a>,
    declared: u16,
    passed: usize,
    ended: bool,
}

impl<'a> Listpack<'a> {
    pub(super) fn open(blob: &'a [u8]) -> Result<Self, PayloadError> {
        let mut cursor = Cursor::new(blob);
        let size = u32::from_le_bytes(cursor.array()?);
        let declared = u16::from_le_bytes(cursor.array()?);
        if size as usize != blob.len() {
            return Err(PayloadError::Format);
        }
        Ok(Self { cursor, declared, passed: 0, ended: false })
    }

    /// Returns the next element, which must exist.
    pub(super) fn require(&mut self) -> Result<Item<'a>, PayloadError> {
        self.next().ok_or(PayloadError::Format)?
    }

    fn element(&mut self) -> Result<Option<Item<'a>>, PayloadError> {
        let before = self.cursor.left();
        let first = self.cursor.byte()?;
        if first == END {
            self.cursor.end()?;
            let agrees = self.declared == UNCOUNTED || usize::from(self.declared) == self.passed;
            return if agrees { Ok(None) } else { Err(PayloadError::Format) };
        }
        let item = self.data(first)?;
        let (length, width) = trailer(before - self.cursor.left());
        if self.cursor.take(width)? != &length[..width] {
            return Err(PayloadError::Format);
        }
        self.passed += 1;
        Ok(Some(item))
    }

    fn data(&mut self, first: u8) -> Result<Item<'a>, PayloadError> {
        let cursor = &mut self.cursor;
        let length = match first {
            0x00..=0x7f => return Ok(Item::Integer(first.into())),
            0x80..=0xbf => usize::from(first & 0x3f),
            0xc0..=0xdf => {
                let thirteen = u16::from(first & 0x1f) << 8 | u16::from(cursor.byte()?);
                return Ok(Item::Integer(i64::from((thirteen << 3) as i16 >> 3)));
            }
            0xe0..=0xef => usize::from(first & 0x0f) << 8 | usize::from(cursor.byte()?),
            0xf0 => u32::from_le_bytes(cursor.array()?) as usize,
            0xf1 => return Ok(Item::Integer(i16::from_le_bytes(cursor.array()?).into())),
            0xf2 => return Ok(Item::Integer(i24(cursor.array()?))),
            0xf3 => return Ok(Item::Integer(i32::from_le_bytes(cursor.array()?).into())),
            0xf4 => return Ok(Item::Integer(i64::from_le_bytes(cursor.array()?))),
            0xf5..=0xff => return Err(PayloadError::Format),
        };
        cursor.take(length).map(Item::Text)
    }
}

impl<'a> Iterator for Listpack<'a> {
    type Item = Result<Item<'a>, PayloadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.element().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// A listpack that grows.
pub(super) struct ListpackBuilder {
    bytes: Vec<u8>,
    count: usize,
}

impl ListpackBuilder {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; HEADER], count: 0 }
    }

    /// Appends an element, in binary if it is an integer.
    pub(super) fn push(&mut self, element: &[u8]) {
        if let Some(integer) = canonical(element) {
            return self.push_integer(integer);
        }
        let start = self.bytes.len();
        match element.len() {
            length @ 0..0x40 => self.bytes.push(0x80 | length as u8),
            length @ 0x40..0x1000 => self.bytes.extend([0xe0 | (length >> 8) as u8, length as u8]),
            length => {
                let length = u32::try_from(length).expect("no element is 4 GiB");
                self.bytes.push(0xf0);
                self.bytes.extend(length.to_le_bytes());
            }
        }
        self.bytes.extend_from_slice(element);
        self.close(start);
    }

    /// Appends an integer in the shortest binary form.
    pub(super) fn push_integer(&mut self, integer: i64) {
        let start = self.bytes.len();
        let wide = integer.to_le_bytes();
        match integer {
            0..=127 => self.bytes.push(integer as u8),
            -4096..=4095 => self.bytes.extend([0xc0 | (integer >> 8) as u8 & 0x1f, integer as u8]),
            -0x8000..=0x7fff => self.push_wide(0xf1, &wide[..2]),
            -0x80_0000..=0x7f_ffff => self.push_wide(0xf2, &wide[..3]),
            -0x8000_0000..=0x7fff_ffff => self.push_wide(0xf3, &wide[..4]),
            _ => self.push_wide(0xf4, &wide),
        }
        self.close(start);
    }

    fn push_wide(&mut self, form: u8, bytes: &[u8]) {
        self.bytes.push(form);
        self.bytes.extend_from_slice(bytes);
    }

    fn close(&mut self, start: usize) {
        let (length, width) = trailer(self.bytes.len() - start);
        self.bytes.extend_from_slice(&length[..width]);
        self.count += 1;
    }

    /// Replaces the first element, which was an integer up to 127, by another.
    pub(super) fn set_first(&mut self, integer: u8) {
        debug_assert!(integer < 0x80 && self.bytes[HEADER] < 0x80);
        self.bytes[HEADER] = integer;
    }

    /// The size that [`finish`](Self::finish) would return now, in bytes.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + 1
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(END);
        let size = u32::try_from(self.bytes.len()).expect("callers start a new listpack long before 4 GiB");
        self.bytes[..4].copy_from_slice(&size.to_le_bytes());
        let count = u16::try_from(self.count).unwrap_or(UNCOUNTED);
        self.bytes[4..HEADER].copy_from_slice(&count.to_le_bytes());
        self.bytes
    }
}

/// The length of an element's data as it stands behind the data, and how many of the bytes it takes: seven bits a byte,
/// and the highest bit set in all but the first.
fn trailer(length: usize) -> ([u8; WIDER_LENGTHS.len() + 1], usize) {
    let more = WIDER_LENGTHS.iter().filter(|&&wider| length >= wider).count();
    let mut bytes = [0; WIDER_LENGTHS.len() + 1];
    for position in 0..=more {
        bytes[more - position] = 0x80 | (length >> (7 * position)) as u8;
    }
    bytes[0] &= 0x7f;
    (bytes, more + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_of_integer_and_string_comes_back() {
        let mut builder = ListpackBuilder::new();
        let mut integers = vec![i64::MIN, i64::MAX];
        for power in 0..63 {
            integers.extend([(1 << power) - 1, 1 << power, -(1 << power), -(1 << power) - 1]);
        }
        let lengths = [0, 1, 63, 64, 122, 127, 128, 4095, 4096, 16_376, 16_377, 16_378, 16_379, 2_097_160];
        let texts: Vec<Vec<u8>> = lengths.iter().map(|&length| vec![b'x'; length]).collect();
        integers.iter().for_each(|&integer| builder.push(integer.to_string().as_bytes()));
        texts.iter().for_each(|text| builder.push(text));
        let blob = builder.finish();
        let items: Vec<Item> = Listpack::open(&blob).and_then(Iterator::collect).expect("the listpack is whole");
        let expected = integers.into_iter().map(Item::Integer).chain(texts.iter().map(|text| Item::Text(text)));
        assert_eq!(items, expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_wrong_count_or_size_is_refused() {
        let mut builder = ListpackBuilder::new();
        builder.push(b"a");
        let blob = builder.finish();
        for (position, byte) in [(0, 11), (4, 2), (4, 0)] {
            let mut wrong = blob.clone();
            wrong[position] = byte;
            let read: Result<Vec<Item>, _> = Listpack::open(&wrong).and_then(Iterator::collect);
            assert_eq!(read, Err(PayloadError::Format), "{position}");
        }
    }
}
