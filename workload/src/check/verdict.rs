//! Verdicts, and what they may cost.

use std::time::Duration;

use crate::model::MOST_STATES;

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Some order of the operations respects real time and explains every reply.
    Serializable,
    /// No order does.
    Violation(Box<Violation>),
    /// The search would have been too large, as the text says. This is neither a violation nor a pass.
    Undecided(String),
    /// The history breaks the rules of histories, as the text says. Its author made a mistake.
    Malformed(String),
}

/// A verdict without evidence.
pub(super) enum Judgement {
    Serializable,
    /// No order explains the reply to the operation at this index, or some later reply.
    Violation {
        index: usize,
    },
    Undecided(Excess),
}

/// What a search had too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    /// Search states.
    States,
    /// Search states of one event: more than this many, which bounds the memory.
    StatesOfOneEvent(usize),
    /// Choices of a server in one command. Some of them were left out.
    Choices,
}

impl Excess {
    /// Why there is no verdict.
    pub(super) fn why(self, budget: &Budget) -> String {
        match self {
            Excess::States => format!("no verdict within {} search states", budget.steps),
            Excess::StatesOfOneEvent(most) => format!("no verdict within {most} search states of one event"),
            Excess::Choices => format!("no verdict: a command leaves the server more than {MOST_STATES} choices"),
        }
    }
}

/// The evidence that no order explains a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The index of the operation that no order explains.
    pub operation: usize,
    /// A sentence that says why.
    pub why: String,
    /// An order of the longest beginning that has one, as indexes of operations.
    pub prefix: Vec<usize>,
}

/// The cost that a check may have, and how exactly it knows the time.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// The number of search states that the checker may visit. It counts steps, not seconds, so that a verdict is the same
    /// on every machine.
    pub steps: u64,
    /// How far the clocks of servers may be off while a key lives.
    pub margin: Duration,
}

impl Default for Budget {
    /// Far more than a round needs. The checker spends it in some seconds.
    fn default() -> Budget {
        Budget { steps: 4_000_000, margin: Duration::from_millis(500) }
    }
}
