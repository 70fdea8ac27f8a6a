//! A version that is newer than memory.

use super::freshness::Check;
use crate::run::Name;
use crate::store::ETag;

/// A version that a check has brought. It cannot be used before its runs have been read.
#[derive(Default)]
pub struct Ahead {
    pub version: Option<(Check, ETag)>,
    /// A run that was not there, and the number of the first check that was sent after that was known.
    pub gone: Option<(Name, u64)>,
}

impl Ahead {
    /// Whether runs are being read.
    pub fn is_reading(&self) -> bool {
        self.version.is_some()
    }

    /// A run that was gone, although the version that `check` has brought afterwards still names it. It is forgotten
    /// here, so that the next look tries to read it again.
    pub fn take_still_named(&mut self, check: &Check, missing: &[Name]) -> Option<Name> {
        let is_named = |(gone, from): &mut (Name, u64)| check.number >= *from && missing.contains(gone);
        self.gone.take_if(is_named).map(|(gone, _)| gone)
    }
}
