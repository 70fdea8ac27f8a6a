//! Zipmaps: the small hashes of Redis before 2.6.
//!
//! A zipmap is a byte with its number of pairs (unknown from 254 on), the pairs, and a byte of ones. A pair is the
//! length of the field, the field, the length of the value, a byte with the number of unused bytes behind the value,
//! the value, and those unused bytes. A length is a byte up to 253, or 254 and four bytes.

use super::PayloadError;
use super::cursor::Cursor;

const END: u8 = 0xff;
/// In place of a length: it follows in four bytes. As the number of pairs: the reader has to count.
const WIDE: u8 = 0xfe;

type TextPair<'a> = (&'a [u8], &'a [u8]);

/// The fields and values of a zipmap.
pub(super) struct Zipmap<'a> {
    cursor: Cursor<'a>,
    declared: u8,
    passed: usize,
    ended: bool,
}

impl<'a> Zipmap<'a> {
    pub(super) fn open(blob: &'a [u8]) -> Result<Self, PayloadError> {
        let mut cursor = Cursor::new(blob);
        let declared = cursor.byte()?;
        Ok(Self { cursor, declared, passed: 0, ended: false })
    }

    fn pair(&mut self) -> Result<Option<TextPair<'a>>, PayloadError> {
        let first = self.cursor.byte()?;
        if first == END {
            self.cursor.end()?;
            let agrees = self.declared >= WIDE || usize::from(self.declared) == self.passed;
            return if agrees { Ok(None) } else { Err(PayloadError::Format) };
        }
        let length = self.length(first)?;
        let field = self.cursor.take(length)?;
        let first = self.cursor.byte()?;
        let length = self.length(first)?;
        let unused = self.cursor.byte()?;
        let value = self.cursor.take(length)?;
        self.cursor.take(unused.into())?;
        self.passed += 1;
        Ok(Some((field, value)))
    }

    fn length(&mut self, first: u8) -> Result<usize, PayloadError> {
        match first {
            END => Err(PayloadError::Format),
            WIDE => Ok(u32::from_le_bytes(self.cursor.array()?) as usize),
            length => Ok(length.into()),
        }
    }
}

impl<'a> Iterator for Zipmap<'a> {
    type Item = Result<TextPair<'a>, PayloadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.pair().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}
