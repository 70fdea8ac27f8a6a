//! The keys and values of a history, as numbers.

use bytes::Bytes;

use super::numbers::Numbers;
use crate::word::Word;

/// The numbers of the words seen so far.
pub(super) struct Vocabulary<'h> {
    keys: Numbers<Word>,
    /// Each value with the number of its key.
    values: Numbers<(u32, Spelt<'h>)>,
}

impl<'h> Vocabulary<'h> {
    /// An empty vocabulary with room for so many values.
    pub(super) fn with_capacity(values: usize) -> Vocabulary<'h> {
        Vocabulary { keys: Numbers::with_capacity(0), values: Numbers::with_capacity(values) }
    }

    /// The number of a key.
    pub(super) fn key(&mut self, word: &Word) -> u32 {
        // The copies lie side by side in memory, while the first mentions of keys are scattered over the history.
        self.keys.number(word, || match word {
            Word::Whole(bytes) => Word::Whole(Bytes::copy_from_slice(bytes)),
            Word::Abridged { .. } => word.clone(),
        })
    }

    /// The number of a value of a key.
    pub(super) fn value(&mut self, key: u32, word: &'h Word) -> u32 {
        let value = (key, Spelt::of(word));
        self.values.number(&value, || value)
    }

    /// The keys, in the order of their numbers.
    pub(super) fn into_keys(self) -> Vec<Word> {
        self.keys.things
    }
}

/// A word that can be compared without following the pointer to its operation.
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
