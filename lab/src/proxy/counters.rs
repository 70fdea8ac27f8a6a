//! The counters of a proxy.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::network_fault::FaultKind;
use super::requests::Method;

/// Everything that has passed. Bytes and requests count when they arrive at the proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProxyCounts {
    /// Connections that clients made.
    pub connections: u64,
    /// Connections that are open.
    pub open: u64,
    /// Connections that ended at once because the server refused them.
    pub refused: u64,
    /// Connections on which the client sent something other than HTTP/1.1. The proxy counts no later request on them.
    pub foreign: u64,
    /// Requests by method.
    pub requests: BTreeMap<Method, u64>,
    /// Bytes from clients to the server.
    pub bytes_there: u64,
    /// Bytes from the server to clients.
    pub bytes_back: u64,
    /// Faults that changed the fate of a request or of its answer, by kind.
    pub faults: BTreeMap<FaultKind, u64>,
}

/// Running counters. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Counters(Arc<Mutex<ProxyCounts>>);

impl Counters {
    /// Counters at zero.
    pub fn new() -> Counters {
        Counters::default()
    }

    /// The counts so far.
    pub fn counts(&self) -> ProxyCounts {
        self.lock().clone()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, ProxyCounts> {
        // A panic of another thread leaves the numbers whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a connection as open while this lives, even if its task is dropped.
pub(super) struct OpenConnection(Counters);

impl OpenConnection {
    pub fn new(counters: Counters) -> OpenConnection {
        let mut counts = counters.lock();
        counts.connections += 1;
        counts.open += 1;
        drop(counts);
        OpenConnection(counters)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.lock().open -= 1;
    }
}
