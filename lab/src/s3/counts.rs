//! What was asked of the stand-in: a cluster pays for every request.

use std::collections::BTreeMap;

use serde::Serialize;

use super::fate::RequestKind;

/// Counts of all requests. In JSON: an object per kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts(BTreeMap<RequestKind, RequestCount>);

/// Counts of the requests of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RequestCount {
    /// Requests that arrived whole.
    pub requests: u64,
    /// The bytes of their bodies.
    pub bytes_received: u64,
    /// Answers by status; 0 for none. A client that hung up before has none of either.
    pub answers: BTreeMap<u16, u64>,
    /// The bytes of the answers' bodies.
    pub bytes_sent: u64,
}

impl Counts {
    /// The requests of one kind.
    pub fn of(&self, kind: RequestKind) -> RequestCount {
        self.0.get(&kind).cloned().unwrap_or_default()
    }

    pub(super) fn asked(&mut self, kind: RequestKind, bytes: usize) {
        let count = self.0.entry(kind).or_default();
        count.requests += 1;
        count.bytes_received += bytes as u64;
    }

    pub(super) fn answered(&mut self, kind: RequestKind, status: u16, bytes: usize) {
        let count = self.0.entry(kind).or_default();
        *count.answers.entry(status).or_default() += 1;
        count.bytes_sent += bytes as u64;
    }
}
