//! Reading positions in bytes that nobody trusts.

use super::PayloadError;

/// The unread rest of some bytes.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Takes the next `length` bytes.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], PayloadError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(PayloadError::Format)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes the next `N` bytes, which the caller turns into a number of its own byte order.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], PayloadError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(PayloadError::Format)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, PayloadError> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Requires that nothing is left.
    pub(super) fn end(&self) -> Result<(), PayloadError> {
        if self.rest.is_empty() { Ok(()) } else { Err(PayloadError::Format) }
    }
}

/// A signed number of three bytes, little-endian.
pub(super) fn i24([low, middle, high]: [u8; 3]) -> i64 {
    // The shift back copies the sign into the fourth byte.
    i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8)
}
