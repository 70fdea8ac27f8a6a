//! Ziplists: what Redis before 7.0 had instead of listpacks.
//!
//! A ziplist is its size in bytes (4 bytes), the position of its last element (4 bytes), its number of elements (2
//! bytes, 65535 if there are more), the elements, and a byte of ones. An element is the size of the element before it
//! (a byte, or 254 and four bytes), the length and kind of its data, and the data.

use super::PayloadError;
use super::cursor::{Cursor, i24};
use super::packed::Item;

const HEADER: usize = 10;
const END: u8 = 0xff;
/// In place of the size of the element before: it follows in four bytes.
const WIDE: u8 = 0xfe;
/// The number of elements in the header when it does not fit there.
const UNCOUNTED: u16 = u16::MAX;

/// The elements of a ziplist. The iterator checks what it passes, so only one that came to its end has checked
/// everything.
pub(super) struct Ziplist<'a> {
    cursor: Cursor<'a>,
    size: usize,
    tail: usize,
    declared: u16,
    passed: usize,
    /// Where the last element starts, and how long it is.
    last: (usize, usize),
    ended: bool,
}

impl<'a> Ziplist<'a> {
    pub(super) fn open(blob: &'a [u8]) -> Result<Self, PayloadError> {
        let mut cursor = Cursor::new(blob);
        let size = u32::from_le_bytes(cursor.array()?) as usize;
        let tail = u32::from_le_bytes(cursor.array()?) as usize;
        let declared = u16::from_le_bytes(cursor.array()?);
        if size != blob.len() {
            return Err(PayloadError::Format);
        }
        Ok(Self { cursor, size, tail, declared, passed: 0, last: (HEADER, 0), ended: false })
    }

    fn element(&mut self) -> Result<Option<Item<'a>>, PayloadError> {
        let start = self.size - self.cursor.left();
        let first = self.cursor.byte()?;
        if first == END {
            self.cursor.end()?;
            let agrees = self.declared == UNCOUNTED || usize::from(self.declared) == self.passed;
            return if agrees && self.tail == self.last.0 { Ok(None) } else { Err(PayloadError::Format) };
        }
        let before = if first == WIDE { u32::from_le_bytes(self.cursor.array()?) as usize } else { first.into() };
        if before != self.last.1 {
            return Err(PayloadError::Format);
        }
        let item = self.data()?;
        self.last = (start, self.size - self.cursor.left() - start);
        self.passed += 1;
        Ok(Some(item))
    }

    fn data(&mut self) -> Result<Item<'a>, PayloadError> {
        let cursor = &mut self.cursor;
        let kind = cursor.byte()?;
        let length = match kind {
            0x00..=0x3f => usize::from(kind),
            0x40..=0x7f => usize::from(kind & 0x3f) << 8 | usize::from(cursor.byte()?),
            0x80..=0xbf => u32::from_be_bytes(cursor.array()?) as usize,
            0xc0 => return Ok(Item::Integer(i16::from_le_bytes(cursor.array()?).into())),
            0xd0 => return Ok(Item::Integer(i32::from_le_bytes(cursor.array()?).into())),
            0xe0 => return Ok(Item::Integer(i64::from_le_bytes(cursor.array()?))),
            0xf0 => return Ok(Item::Integer(i24(cursor.array()?))),
            0xfe => return Ok(Item::Integer(i8::from_le_bytes(cursor.array()?).into())),
            0xf1..=0xfd => return Ok(Item::Integer(i64::from(kind) - 0xf1)), // 0 to 12
            _ => return Err(PayloadError::Format),
        };
        cursor.take(length).map(Item::Text)
    }
}

impl<'a> Iterator for Ziplist<'a> {
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
