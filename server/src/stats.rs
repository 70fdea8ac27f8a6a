//! The counters that INFO shows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::state::{DatabaseFigures, Figures, Lookups, Stale};

/// A number that other tasks may read at any time. The server decides nothing by it.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to the value.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Replaces the value.
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// Raises the value to `n` if it is smaller.
    pub fn at_least(&self, n: u64) {
        self.0.fetch_max(n, Ordering::Relaxed);
    }

    /// The value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one server.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Stats {
    pub loading: Counter,
    pub connections_received: Counter,
    pub connections_rejected: Counter,
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
    pub squashes: Counter,
    pub merges: Counter,
    pub runs_deleted: Counter,
    pub net_input_bytes: Counter,
    pub net_output_bytes: Counter,
    pub told_tryagain: Counter,
    pub told_uncertain: Counter,
    pub exec_watch_outdated: Counter,
    pub exec_watch_remapped: Counter,
    pub keyspace_hits: Counter,
    pub keyspace_misses: Counter,
    pub expired_keys: Counter,
    pub keys: Counter,
    databases: Mutex<Vec<DatabaseFigures>>,
    pub database_bytes: Counter,
    pub generation: Counter,
}

impl Stats {
    /// Notes the version in memory.
    pub fn count_version(&self, figures: Figures) {
        self.keys.set(figures.keys());
        self.database_bytes.set(figures.size);
        self.generation.set(figures.generation);
        *self.databases.lock().unwrap_or_else(PoisonError::into_inner) = figures.databases;
    }

    /// Notes which keys a unit has found.
    pub fn count_lookups(&self, lookups: Lookups) {
        self.keyspace_hits.add(lookups.hits.into());
        self.keyspace_misses.add(lookups.misses.into());
    }

    /// Notes why a transaction was refused. A refusal because of a touched or ended key is the client's business.
    pub fn count_refused(&self, why: Option<Stale>) {
        match why {
            Some(Stale::Forgotten) => self.exec_watch_outdated.add(1),
            Some(Stale::Remapped) => self.exec_watch_remapped.add(1),
            Some(Stale::Touched | Stale::Ended) | None => {}
        }
    }

    /// Sets the counters of past work to zero.
    pub fn reset(&self) {
        let counters = [
            &self.connections_received,
            &self.connections_rejected,
            &self.commands,
            &self.commits,
            &self.conflicts,
            &self.unclear_landed,
            &self.unclear_lost,
            &self.unclear_unknown,
            &self.freshness_checks,
            &self.batched_commands,
            &self.largest_batch,
            &self.puts,
            &self.gets,
            &self.bytes_put,
            &self.bytes_got,
            &self.folds,
            &self.squashes,
            &self.merges,
            &self.runs_deleted,
            &self.net_input_bytes,
            &self.net_output_bytes,
            &self.told_tryagain,
            &self.told_uncertain,
            &self.exec_watch_outdated,
            &self.exec_watch_remapped,
            &self.keyspace_hits,
            &self.keyspace_misses,
            &self.expired_keys,
        ];
        counters.into_iter().for_each(|counter| counter.set(0));
    }

    /// What INFO says of each database that has keys.
    pub fn databases(&self) -> Vec<DatabaseFigures> {
        self.databases.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
