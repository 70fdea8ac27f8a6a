//! What a server counts about itself; INFO shows it.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that other tasks may read at any time. Nothing is decided by it.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts up.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Notes the newest value.
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// Notes the value if it is the largest so far.
    pub fn at_least(&self, n: u64) {
        self.0.fetch_max(n, Ordering::Relaxed);
    }

    /// The value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// See the module.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Stats {
    pub connections_received: Counter,
    pub commands: Counter,
    pub commits: Counter,
    pub conflicts: Counter,
    pub unclear_landed: Counter,
    pub unclear_lost: Counter,
    pub unclear_unknown: Counter,
    pub freshness_checks: Counter,
    pub batched_commands: Counter,
    pub largest_batch: Counter,
    pub puts: Counter,
    pub gets: Counter,
    pub bytes_put: Counter,
    pub bytes_got: Counter,
    pub folds: Counter,
    pub merges: Counter,
    pub runs_deleted: Counter,
    pub told_tryagain: Counter,
    pub told_uncertain: Counter,
    pub keys: Counter,
    pub database_bytes: Counter,
    pub generation: Counter,
}
