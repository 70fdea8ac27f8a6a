//! Reading the body of a payload: lengths, strings, and the blobs that hold packed collections.
//!
//! The first two bits of a length say how wide it is. The fourth combination stands for strings that are stored
//! otherwise: as an integer of 1, 2 or 4 bytes, or compressed.

use super::PayloadError;
use super::cursor::Cursor;
use super::lzf;
use super::packed::Allowance;
use bytes::Bytes;
use std::borrow::Cow;

/// What a length says.
enum Prefix {
    Length(u64),
    /// A string in another form, with the number of that form.
    Special(u8),
}

/// The unread rest of a body, and how much memory its value may still take.
pub(super) struct BodyReader<'a> {
    cursor: Cursor<'a>,
    pub(super) allowance: Allowance,
}

impl<'a> BodyReader<'a> {
    pub(super) fn new(body: &'a [u8], limit: usize) -> Self {
        Self { cursor: Cursor::new(body), allowance: Allowance::new(limit) }
    }

    pub(super) fn byte(&mut self) -> Result<u8, PayloadError> {
        self.cursor.byte()
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], PayloadError> {
        self.cursor.array()
    }

    /// Takes bytes that have no length before them.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], PayloadError> {
        self.cursor.take(length)
    }

    /// Requires that nothing is left.
    pub(super) fn end(&self) -> Result<(), PayloadError> {
        self.cursor.end()
    }

    /// Reads a length, or a number that is written like one.
    pub(super) fn length(&mut self) -> Result<u64, PayloadError> {
        match self.prefix()? {
            Prefix::Length(length) => Ok(length),
            Prefix::Special(_) => Err(PayloadError::Format),
        }
    }

    fn prefix(&mut self) -> Result<Prefix, PayloadError> {
        let first = self.cursor.byte()?;
        Ok(match first {
            0x00..=0x3f => Prefix::Length(first.into()),
            0x40..=0x7f => Prefix::Length(u64::from(first & 0x3f) << 8 | u64::from(self.cursor.byte()?)),
            0x80 => Prefix::Length(u32::from_be_bytes(self.cursor.array()?).into()),
            0x81 => Prefix::Length(u64::from_be_bytes(self.cursor.array()?)),
            0x82..=0xbf => return Err(PayloadError::Format),
            0xc0..=0xff => Prefix::Special(first & 0x3f),
        })
    }

    /// Reads the length of bytes that follow.
    fn size(&mut self) -> Result<usize, PayloadError> {
        usize::try_from(self.length()?).map_err(|_| PayloadError::Format)
    }

    /// Reads a string. Charges it if it does not lie in the body as it is.
    fn string(&mut self) -> Result<Cow<'a, [u8]>, PayloadError> {
        let integer: i32 = match self.prefix()? {
            Prefix::Length(length) => {
                let length = usize::try_from(length).map_err(|_| PayloadError::Format)?;
                return self.cursor.take(length).map(Cow::Borrowed);
            }
            Prefix::Special(0) => i8::from_le_bytes(self.cursor.array()?).into(),
            Prefix::Special(1) => i16::from_le_bytes(self.cursor.array()?).into(),
            Prefix::Special(2) => i32::from_le_bytes(self.cursor.array()?),
            Prefix::Special(3) => return self.compressed().map(Cow::Owned),
            Prefix::Special(_) => return Err(PayloadError::Format),
        };
        let text = integer.to_string().into_bytes();
        self.allowance.charge(text.len())?;
        Ok(Cow::Owned(text))
    }

    fn compressed(&mut self) -> Result<Vec<u8>, PayloadError> {
        let packed = self.size()?;
        let length = self.size()?;
        let packed = self.cursor.take(packed)?;
        self.allowance.charge(length)?;
        lzf::decompress(packed, length)
    }

    /// Reads a string that becomes part of the value.
    pub(super) fn element(&mut self) -> Result<Bytes, PayloadError> {
        match self.string()? {
            Cow::Borrowed(text) => {
                self.allowance.charge_element(text.len())?;
                Ok(Bytes::copy_from_slice(text))
            }
            Cow::Owned(text) => {
                self.allowance.charge_element(0)?;
                Ok(Bytes::from(text))
            }
        }
    }

    /// Reads a string that holds a packed collection, which `read` takes apart.
    pub(super) fn blob<T>(
        &mut self,
        read: impl FnOnce(&[u8], &mut Allowance) -> Result<T, PayloadError>,
    ) -> Result<T, PayloadError> {
        let blob = self.string()?;
        let value = read(&blob, &mut self.allowance)?;
        if let Cow::Owned(blob) = blob {
            self.allowance.refund(blob.len());
        }
        Ok(value)
    }
}
