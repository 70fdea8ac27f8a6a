//! Versions of the database, and the next one while a batch of commands changes it.
//!
//! Nothing here waits, fails or knows other servers. A batch is executed on a [`Draft`]: the newest known version of the
//! database, with the batch's own changes laid over it. If the commit lands, [`Database::apply`] makes the changes part of
//! the version. If another server was faster, the draft is dropped and leaves no trace.
//!
//! Only its execution shows whether a command is a write. `DEL` of an absent key changes nothing, so it may be answered
//! like a read. `SET` always counts as a change, even to an equal value: it promises that a version with this value was
//! stored after it was called.

mod audit;
mod changes;
mod database;
mod derived;
mod deriving;
mod draft;
mod finished;
mod newest;
pub mod order;
mod orders;
mod runs;
mod squash;
mod tally;
mod touched;
mod watched;

pub use changes::{Added, Change, Folded, Merged, Proposal};
pub use database::Database;
pub use derived::Installed;
pub use deriving::{Derived, Deriving};
pub use draft::{Draft, Labour, Lookups, MOST_EFFECTS, Moment};
pub use finished::{Finished, Prepared};
pub use orders::{By, OrderKey, position_of_rank, rank_of_position, rank_of_score, scatter, score_of_rank};
pub use runs::{Below, Laying, Runs, Stretch};
pub use squash::Squashing;
pub use tally::{DatabaseFigures, Figures, Tally};
pub use touched::Touched;
pub use watched::{Stale, Watched};

#[cfg(test)]
mod tests;
