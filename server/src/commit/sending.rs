//! A batch as a commit: the executed units, and the bytes that the store is asked to take.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::time::Instant;

use super::answer::Yield;
use super::arrival::{Arrival, ValueUpload};
use super::waiting::Proposed;
use crate::run::Name;
use crate::state::Finished;
use crate::store::Condition;

/// A unit of a commit, with what it yields if the commit lands.
pub struct Executed {
    pub arrival: Arrival,
    pub result: Yield,
    /// Whether the bytes of the commit hold an effect of it.
    pub changed: bool,
}

impl Executed {
    /// Whether the client has to be left in doubt if nobody knows the fate of the commit. A read that has moved the time has an
    /// effect in the bytes, but the client has changed nothing.
    pub fn is_change(&self) -> bool {
        self.changed && self.arrival.unit.may_write()
    }
}

/// A proposal of a commit, and whether it changed something.
pub struct Adopted {
    pub proposed: Proposed,
    pub changed: bool,
}

/// A batch whose bytes have been sent, or are about to be.
pub struct Commit {
    /// Tells its answers from those of other commits.
    pub number: u64,
    /// The units without an answer. A unit leaves when it is answered, so that it cannot be executed again.
    pub units: VecDeque<Executed>,
    pub proposals: Vec<Adopted>,
    /// The version that it stores.
    pub finished: Finished,
    /// The bytes that its entry adds to `recent`.
    pub written: u64,
    pub condition: Condition,
    pub sending: Sending,
}

/// How the bytes of a commit fare.
pub struct Sending {
    /// How often they have been sent.
    pub attempts: u32,
    /// How many attempts have no answer yet.
    pub unanswered: u32,
    /// Whether some answer was another than "nothing was sent".
    pub exposed: bool,
    /// The first check that can settle the fate, once an answer is overdue or was not 200.
    pub doubt: Option<u64>,
    /// When the newest attempt was sent.
    pub sent: Instant,
}

impl Commit {
    /// A batch whose bytes can be sent.
    pub fn new(
        number: u64,
        units: VecDeque<Executed>,
        proposals: Vec<Adopted>,
        finished: Finished,
        condition: Condition,
        now: Instant,
    ) -> Commit {
        let written = finished.root.recent.last().map_or(0, |entry| entry.encoded().len() as u64);
        let sending = Sending { attempts: 0, unanswered: 0, exposed: false, doubt: None, sent: now };
        Commit { number, units, proposals, finished, written, condition, sending }
    }

    /// The generation that it was built on.
    pub fn base(&self) -> u64 {
        self.generation() - 1
    }

    /// The generation that it stores.
    pub fn generation(&self) -> u64 {
        self.finished.root.header.generation
    }

    /// The bytes that it stores.
    pub fn bytes(&self) -> &Bytes {
        &self.finished.bytes
    }

    /// Whether its effects were stored for it alone: no other commit may name their run.
    pub fn has_effects_apart(&self) -> bool {
        let named = self.finished.root.recent.last().and_then(|entry| entry.parts().run);
        let is_of = |upload: &Option<ValueUpload>, named: Name| matches!(upload, Some(ValueUpload::Ready(it)) if it.name == named);
        named.is_some_and(|run| !self.units.iter().any(|executed| is_of(&executed.arrival.upload, run.name)))
    }

    /// Whether several clients share it.
    pub fn is_shared(&self) -> bool {
        let mut clients = self.units.iter().map(|executed| executed.arrival.unit.client);
        clients.next().is_some_and(|first| clients.any(|other| other != first))
    }
}
