//! What can still be seen.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::row::{Made, Row, Table};
use crate::zoo::planted;

/// What can be seen in a whole stored version, recent entries included. The version has to contain all runs that are
/// merged: otherwise a collection that is newer than the version would look like one that nobody names.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// The databases that a number maps to. [`Made::SYSTEM`] need not be among them.
    pub databases: BTreeSet<Made>,
    /// The collections that a living head names, directly or through the groups of a stream.
    pub collections: Arc<HashSet<Made>>,
    /// Where the first and the last item of each list stand.
    pub spans: Arc<HashMap<Made, (i64, i64)>>,
    /// The version's `now`, in milliseconds since 1970.
    pub now: u64,
}

/// Whether an item stands outside of its list's ends: it was popped. A pop of an item on the grid writes the head only.
pub fn is_outside(span: Option<(i64, i64)>, name: &[u8]) -> bool {
    let position = || std::str::from_utf8(name).ok()?.parse::<i64>().ok();
    span.is_some_and(|(first, last)| position().is_some_and(|position| position < first || last < position))
}

impl Reach {
    /// Whether somebody can see rows of this table.
    pub fn shows(&self, table: Table) -> bool {
        match table {
            Table::Keys(Made::SYSTEM) => !planted!("merge-drops-the-system"),
            Table::Keys(database) => self.databases.contains(&database),
            Table::Elements(collection) => self.collections.contains(&collection),
        }
    }

    /// Whether nobody can see this element, because it was popped off a list. Whoever pushes to its position again writes
    /// it, so it stays out of sight in every version that follows.
    pub fn is_popped(&self, table: Table, name: &[u8]) -> bool {
        matches!(table, Table::Elements(collection) if is_outside(self.spans.get(&collection).copied(), name))
    }

    /// Whether this row of a key does not exist any more in this version, and so in none that follows. A field that has
    /// ended stays: the head of its hash counts its bytes until a command removes it.
    pub fn is_past(&self, table: Table, row: &Row) -> bool {
        planted!("merge-drops-by-the-clock" => return crate::zoo::run::is_past_ahead(self, table, row));
        matches!(table, Table::Keys(_)) && row.is_dead(self.now)
    }
}
