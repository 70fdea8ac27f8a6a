//! What commands mean: a pure function from a state and a batch to a state and replies.
//!
//! Nothing here waits, fails or knows of other servers. A batch is executed on a [`Draft`]: the newest known version
//! of the database with the batch's own changes laid over it. If the commit lands, [`Database::apply`] makes the changes
//! part of the version; if another server won, the draft is dropped and no trace of it remains.
//!
//! Whether a command *is* a write shows only when it is executed: `DEL` of an absent key changes nothing and may be
//! answered like a read. `SET` always counts as a change, even to the value that is there already: it promises that a
//! version with this value was stored after it was called.

mod changes;
mod database;
mod draft;
mod finish;
mod runs;

pub use changes::{Added, Merged};
pub use database::Database;
pub use draft::Draft;
pub use finish::{Changes, Finished};
pub use runs::{Laying, Runs, Stretch};

#[cfg(test)]
mod tests;
