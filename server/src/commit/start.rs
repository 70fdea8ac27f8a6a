//! What a commit loop starts from.

use std::sync::Arc;
use std::time::Duration;

use super::untaken::Untaken;
use crate::clock::Clock;
use crate::id::Id;
use crate::knobs::Knobs;
use crate::settings::Thresholds;
use crate::state::Database;
use crate::stats::Stats;
use crate::store::Health;

/// Looks at every version that a server knows. For tests.
pub type Witness = Arc<dyn Fn(&Database) + Send + Sync>;

/// What a commit loop starts from.
pub struct Start<S> {
    /// Where the database is.
    pub store: Arc<S>,
    /// Signs the commits. It is new at every start, so that a server never takes a commit of an earlier life for its own.
    pub server: Id,
    /// The id of the database, if this server creates it.
    pub database: Id,
    /// How long a command may take before its client gets an answer of some kind.
    pub deadline: Duration,
    /// The numbers that an operator may change meanwhile.
    pub knobs: Arc<Knobs>,
    /// The sizes from which on the database is kept in several objects.
    pub thresholds: Thresholds,
    /// What INFO tells.
    pub stats: Arc<Stats>,
    /// How the store fares.
    pub health: Arc<Health>,
    /// The time of the server.
    pub clock: Arc<Clock>,
    /// The memory of long replies.
    pub untaken: Arc<Untaken>,
    /// Looks at every version that this server knows. For tests.
    pub witness: Option<Witness>,
}
