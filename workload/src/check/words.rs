//! The words of a history as numbers.

use bytes::Bytes;

use super::numbers::Numbers;
use crate::word::Word;

/// Words that have numbers.
pub(super) struct Words<'h> {
    keys: Numbers<Word>,
    /// Each with its key.
    values: Numbers<(u32, Spelt<'h>)>,
}

impl<'h> Words<'h> {
    /// With room for so many values.
    pub(super) fn with_capacity(values: usize) -> Words<'h> {
        Words { keys: Numbers::with_capacity(0), values: Numbers::with_capacity(values) }
    }

    pub(super) fn key(&mut self, word: &Word) -> u32 {
        // Copies that lie side by side: the first mentions of many keys are all over the history.
        self.keys.number(word, || match word {
            Word::Whole(bytes) => Word::Whole(Bytes::copy_from_slice(bytes)),
            Word::Abridged { .. } => word.clone(),
        })
    }

    pub(super) fn value(&mut self, key: u32, word: &'h Word) -> u32 {
        let value = (key, Spelt::of(word));
        self.values.number(&value, || value)
    }

    /// The keys by their numbers.
    pub(super) fn into_keys(self) -> Vec<Word> {
        self.keys.things
    }
}

/// A word that can be compared without a look at the operation that says it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Spelt<'h> {
    Whole(&'h [u8]),
    Abridged(&'h Word),
}

impl Spelt<'_> {
    fn of(word: &Word) -> Spelt<'_> {
        match word {
            Word::Whole(bytes) => Spelt::Whole(bytes),
            Word::Abridged { .. } => Spelt::Abridged(word),
        }
    }
}
