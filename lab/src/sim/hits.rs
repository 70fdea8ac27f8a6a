//! The faults of a run that took effect. A partition without a message is no fault.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// An effect of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Hit {
    MessageDropped,
    MessageDroppedOneWay,
    MessageHeld,
    MessageSlow,
    ConnectionCut,
    ServerCrashed,
    ServerStopped,
    StoreGone,
    StoreSlow,
    Answer500,
    Answer503,
    Answer409,
    AnswerLate,
    AnswerLost,
    AnswerFalse412,
    AnswerCutShort,
    AnswerTorn,
    Answer404Passing,
    RequestLost,
    PutAppliedLate,
}

impl Hit {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Hit::MessageDropped => "messages dropped",
            Hit::MessageDroppedOneWay => "messages dropped one way",
            Hit::MessageHeld => "messages held back",
            Hit::MessageSlow => "messages slowed",
            Hit::ConnectionCut => "connections cut",
            Hit::ServerCrashed => "servers crashed",
            Hit::ServerStopped => "servers stopped",
            Hit::StoreGone => "store gone",
            Hit::StoreSlow => "requests slowed",
            Hit::Answer500 => "answers 500",
            Hit::Answer503 => "answers 503",
            Hit::Answer409 => "answers 409",
            Hit::AnswerLate => "answers late",
            Hit::AnswerLost => "PUTs applied, answer lost",
            Hit::AnswerFalse412 => "PUTs applied, answered 412",
            Hit::AnswerCutShort => "answers cut short",
            Hit::AnswerTorn => "answers torn",
            Hit::Answer404Passing => "answers 404 for a moment",
            Hit::RequestLost => "requests lost",
            Hit::PutAppliedLate => "PUTs applied late",
        }
    }
}

/// The effects of a run's faults. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Hits(Arc<Mutex<Met>>);

/// The effects of faults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// The number of effects of each kind.
    pub kinds: BTreeMap<Hit, u64>,
    /// The faults that took effect, by their place in the plan.
    pub faults: BTreeSet<usize>,
}

impl Hits {
    /// Counts one more effect of this fault.
    pub fn count(&self, hit: Hit, fault: usize) {
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *met.kinds.entry(hit).or_default() += 1;
        met.faults.insert(fault);
    }

    /// All effects so far.
    pub fn all(&self) -> Met {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
