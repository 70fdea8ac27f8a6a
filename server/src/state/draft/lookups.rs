//! How often commands have found the keys that they wanted to read.

use super::Draft;

/// How many keys were looked up for reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    /// Those that exist.
    pub hits: u32,
    /// Those that do not.
    pub misses: u32,
}

/// The look-ups of the present unit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counting {
    /// Whether the present command counts. Like Valkey, the server counts commands that only read.
    is_on: bool,
    lookups: Lookups,
}

impl Counting {
    /// Notes a look-up.
    pub(super) fn note(self, exists: bool) -> Counting {
        let Counting { is_on, mut lookups } = self;
        lookups.hits += u32::from(is_on && exists);
        lookups.misses += u32::from(is_on && !exists);
        Counting { is_on, lookups }
    }
}

impl Draft<'_> {
    /// Says whether the look-ups of the next command count.
    pub fn count_lookups(&self, is_on: bool) {
        self.counting.set(Counting { is_on, ..self.counting.get() });
    }

    /// The look-ups since this was asked last.
    pub fn take_lookups(&self) -> Lookups {
        self.counting.take().lookups
    }
}
