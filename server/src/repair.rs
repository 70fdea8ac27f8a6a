//! Mends what servers cannot mend: `valthree repair`.
//!
//! # The stored time
//!
//! `now` in `db.json` only grows. If a wrong clock once moved it far ahead, every expiry that clients set from then on counts
//! from there, and `repair --now` takes it back to the present. That must not bring a key back which some client has seen
//! expire. So the same commit removes everything that is dead at the wrong time: keys, and fields of living hashes. What it
//! leaves alone lives until after the wrong time, so no count changes.
//!
//! Servers take a time that goes back for damage. So none may run meanwhile. If one commits nevertheless, the condition of
//! the PUT fails and nothing is changed.

use std::sync::Arc;

use tokio::time::timeout;

use crate::id::Id;
use crate::inspect::{InspectError, read_database};
use crate::root::{self, LAST_GENERATION};
use crate::row::{self, Row, Table};
use crate::run::{Name, Salt};
use crate::state::{Database, Draft};
use crate::stats::Stats;
use crate::store::{Condition, Store, StoreError};
use crate::upkeep::{Content, RunWriter, bound};

/// Removals of more bytes than this become a run, so that `db.json` stays small.
const LARGE: u64 = 128 << 10;

/// Why a database was not repaired.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] InspectError),
    /// Somebody has committed in between.
    #[error("a server has committed meanwhile, so nothing was changed: stop all servers first")]
    InUse,
    /// The store did not confirm the change.
    #[error("cannot write {location}; look whether it has changed before you try again")]
    Store {
        /// The object.
        location: String,
        /// What the store says.
        #[source]
        cause: StoreError,
    },
    /// The removals could not be stored.
    #[error("the removals could not be stored, so nothing was changed")]
    NotStored,
    /// The answers of the store have no date.
    #[error("the answers of the store do not tell the time, so nothing was changed")]
    Timeless,
    /// No further commit is possible.
    #[error("the database has reached its last generation")]
    Full,
}

/// What a repair has done to the stored time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeRepaired {
    /// The stored time is not ahead of the present.
    NotAhead {
        /// The stored time.
        stored: u64,
    },
    /// It was taken back.
    Lowered {
        /// The time before.
        from: u64,
        /// The time since.
        to: u64,
        /// The keys and fields that were dead at the time before, and are removed.
        removed: usize,
        /// The new generation.
        generation: u64,
    },
}

/// Takes the stored time back to `present`, as servers will estimate it. Both are milliseconds since 1970. `author` signs the
/// commit.
pub async fn lower_now<S: Store>(
    store: &Arc<S>,
    present: impl FnOnce() -> u64,
    author: Id,
) -> Result<TimeRepaired, RepairError> {
    let (database, etag) = read_database(&**store).await?;
    let header = &database.root.header;
    // Asked only now, because the answers to the reads tell the time of the store.
    let (from, to) = (header.now, present());
    if from <= to {
        return Ok(TimeRepaired::NotAhead { stored: from });
    }
    if to == 0 {
        return Err(RepairError::Timeless);
    }
    if header.generation >= LAST_GENERATION {
        return Err(RepairError::Full);
    }
    let mut draft = Draft::stored(&database, None, from);
    let removed = remove_dead(&database, &mut draft, from);
    let large = draft.effects() > LARGE;
    let prepared = draft.prepare(author).at(to);
    let generation = prepared.generation();
    let finished = if large {
        let writer = RunWriter {
            store: Arc::clone(store),
            stats: Arc::new(Stats::default()),
            database: header.id,
            salt: Salt::default(),
        };
        let name = Name { generation: header.generation, id: author };
        let uploaded = writer.store(name, Content::Rows(prepared.rows())).await.ok_or(RepairError::NotStored)?;
        prepared.finish_with(&uploaded.added(0, 0))
    } else {
        prepared.finish()
    };
    let length = finished.bytes.len() as u64;
    let condition = Condition::Match(etag);
    let put = store.put(root::NAME, finished.bytes, &condition);
    match timeout(bound(length), put).await.unwrap_or_else(|_| Err(StoreError::Unclear("no answer".into()))) {
        Ok(_) => Ok(TimeRepaired::Lowered { from, to, removed, generation }),
        Err(StoreError::Conflict(_)) => Err(RepairError::InUse),
        Err(cause) => Err(RepairError::Store { location: store.locate(root::NAME), cause }),
    }
}

/// Removes the keys and fields that were dead at this time, and counts them.
fn remove_dead(database: &Database, draft: &mut Draft<'_>, now: u64) -> usize {
    let mut removed = 0;
    for table in database.root.header.databases.iter().map(|number| Table::Keys(number.id)) {
        for (name, row) in database.rows(table) {
            if row.is_dead(now) {
                draft.set(table, name, None);
                removed += 1;
            } else if let Row::Head(mut head) = row {
                let fields = Table::Elements(head.collection);
                let ended: Vec<_> = database.rows(fields).into_iter().filter(|(_, field)| field.is_dead(now)).collect();
                if ended.is_empty() {
                    continue;
                }
                head.size -= ended.iter().map(|(field, row)| row::size(field, row)).sum::<u64>().min(head.size);
                removed += ended.len();
                ended.into_iter().for_each(|(field, _)| draft.set(fields, field, None));
                draft.set(table, name, Some(Row::Head(head)));
            }
        }
    }
    removed
}
