//! The elements of packed collections, and what is common to reading all of them.

use super::PayloadError;
use bytes::Bytes;

/// The memory of an element beside its bytes: its handle, which a growing vector holds twice for a moment, the overhead
/// of its allocation, and its place in the search for duplicates. In bytes.
const ELEMENT_COST: usize = 96;

/// How much memory the value may still take, in bytes.
pub(super) struct Allowance(usize);

impl Allowance {
    pub(super) fn new(limit: usize) -> Self {
        Self(limit)
    }

    /// Counts `size` bytes.
    pub(super) fn charge(&mut self, size: usize) -> Result<(), PayloadError> {
        self.0 = self.0.checked_sub(size).ok_or(PayloadError::TooLarge)?;
        Ok(())
    }

    /// Counts an element of `size` bytes.
    pub(super) fn charge_element(&mut self, size: usize) -> Result<(), PayloadError> {
        self.charge(size.saturating_add(ELEMENT_COST))
    }

    /// Gives back bytes that were charged for something that is gone.
    pub(super) fn refund(&mut self, size: usize) {
        self.0 += size;
    }
}

/// An element of a listpack or a ziplist. Both store integers in binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item<'a> {
    Text(&'a [u8]),
    Integer(i64),
}

impl Item<'_> {
    /// The element as a client sees it.
    pub(super) fn bytes(self, allowance: &mut Allowance) -> Result<Bytes, PayloadError> {
        match self {
            Item::Text(text) => {
                allowance.charge_element(text.len())?;
                Ok(Bytes::copy_from_slice(text))
            }
            Item::Integer(integer) => {
                let text = integer.to_string();
                allowance.charge_element(text.len())?;
                Ok(Bytes::from(text))
            }
        }
    }

    /// The element as the score of a member.
    pub(super) fn score(self) -> Result<f64, PayloadError> {
        match self {
            Item::Text(text) => score(text),
            Item::Integer(integer) => Ok(integer as f64),
        }
    }

    /// The element as a number that only the server itself has written.
    pub(super) fn integer(self) -> Result<i64, PayloadError> {
        match self {
            Item::Text(_) => Err(PayloadError::Format),
            Item::Integer(integer) => Ok(integer),
        }
    }
}

/// Reads a score that is decimal text.
pub(super) fn score(text: &[u8]) -> Result<f64, PayloadError> {
    let text = std::str::from_utf8(text).map_err(|_| PayloadError::Format)?;
    let score: f64 = text.parse().map_err(|_| PayloadError::Format)?;
    if score.is_nan() { Err(PayloadError::Format) } else { Ok(score) }
}

/// Returns elements two by two.
pub(super) fn pairs<'a>(
    mut items: impl Iterator<Item = Result<Item<'a>, PayloadError>>,
) -> impl Iterator<Item = Result<(Item<'a>, Item<'a>), PayloadError>> {
    std::iter::from_fn(move || {
        let first = items.next()?;
        Some(first.and_then(|first| Ok((first, items.next().ok_or(PayloadError::Format)??))))
    })
}

/// Whether no name appears twice. Sorting is slower than hashing, but nobody can choose names that make it slow.
pub(super) fn distinct(mut names: Vec<&Bytes>) -> bool {
    names.sort_unstable();
    names.is_sorted_by(|one, next| one < next)
}
