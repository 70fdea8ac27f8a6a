//! The contents of a stand-in: its buckets, and its account of the requests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use tokio::time::Instant;

use super::counts::Counts;
use super::fate::Decide;
use super::objects::{Buckets, Object};

/// What all clones of a stand-in have in common.
pub(super) struct Contents {
    pub(super) buckets: Mutex<Buckets>,
    pub(super) requests: Mutex<Requests>,
    pub(super) opaque_tags: AtomicBool,
    pub(super) region: String,
    pub(super) signed: bool,
    pub(super) started: SystemTime,
    pub(super) origin: Instant,
}

/// The requests so far, and what decides the fates of the next ones.
#[derive(Default)]
pub(super) struct Requests {
    pub(super) number: u64,
    pub(super) decide: Option<Decide>,
    pub(super) counts: Counts,
}

impl Contents {
    // What the locks guard changes in single steps: a panic elsewhere leaves it whole.

    pub(super) fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new object of these bytes.
    pub(super) fn object(&self, bytes: impl Into<Bytes>) -> Object {
        let object = Object::new(bytes, self.now());
        if self.opaque_tags.load(Ordering::Relaxed) { object.with_opaque_tag() } else { object }
    }

    pub(super) fn now(&self) -> SystemTime {
        self.started + self.origin.elapsed()
    }
}
