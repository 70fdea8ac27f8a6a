//! What a draft changes, and how large that is.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::root::length;
use crate::row::{Mention, Row, Table};

/// The rows that a draft changes, by table and name.
pub type Changed = BTreeMap<Table, BTreeMap<Bytes, Overlaid>>;

/// A row that a draft has laid over the version.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlaid {
    /// None is a removal.
    pub row: Option<Row>,
    /// What lies below it.
    pub beneath: Beneath,
}

/// What is known of the name of a changed row. To find it out costs as much as the rest of a SET, so nobody should have to do
/// it again when the commit has landed.
#[derive(Clone, Debug, PartialEq)]
pub struct Beneath {
    /// Where it is looked for: see [`crate::run::Salt::hash`].
    pub hash: u64,
    /// What the version says, or nothing if nobody has looked.
    pub says: Mention,
}

/// How large the effects of one unit may be, in bytes: as large as a request. They are one object in the store, and the
/// other commands of the batch wait for its upload.
pub const MOST_EFFECTS: u64 = 64 << 20;

/// What has to be undone if a unit fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Undoes {
    /// The unit changes nothing.
    #[default]
    Nothing,
    /// The whole draft is spoiled.
    Draft,
    /// The unit has a savepoint.
    Unit,
}

/// The size of what a draft changes. Of a row that changes twice the last change counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Effects {
    /// About how long they are in an entry, in bytes.
    pub(super) bytes: u64,
    /// The same when the present unit began.
    pub(super) before: u64,
    pub(super) is_careful: bool,
    pub(super) is_spoiled: bool,
}

impl Effects {
    /// Notes a changed row.
    pub(super) fn note(&mut self, name: &[u8], row: Option<&Row>) {
        self.bytes += length(name, row) as u64;
    }

    /// Notes that another change has taken the place of this one, or that it does not count any more.
    pub(super) fn forget(&mut self, name: &[u8], row: Option<&Row>) {
        self.bytes = self.bytes.saturating_sub(length(name, row) as u64);
    }
}
