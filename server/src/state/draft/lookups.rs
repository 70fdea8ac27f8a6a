//! How often commands have found the keys that they wanted to read.

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
pub(super) struct LookupCount {
    /// Whether the present command counts. Like Valkey, the server counts commands that only read.
    is_on: bool,
    lookups: Lookups,
}

impl LookupCount {
    /// Says whether the look-ups of the next command count.
    pub(super) fn turn(self, is_on: bool) -> LookupCount {
        LookupCount { is_on, ..self }
    }

    /// Those that counted.
    pub(super) fn lookups(self) -> Lookups {
        self.lookups
    }

    /// Notes a look-up.
    pub(super) fn note(self, exists: bool) -> LookupCount {
        let LookupCount { is_on, mut lookups } = self;
        lookups.hits += u32::from(is_on && exists);
        lookups.misses += u32::from(is_on && !exists);
        LookupCount { is_on, lookups }
    }
}
