//! The judge: can what clients observed be explained by one order of their operations?

/// What a history is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order of its operations that respects real time and explains every reply.
    Serializable,
    /// There is none.
    Violation(Box<Violation>),
    /// The budget ran out before that was clear, here in words: never a violation, and never a pass.
    Undecided(String),
}

/// Evidence that a history cannot be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The operation that no order explains, as a place in the history.
    pub operation: usize,
    /// Why not, in a sentence for people.
    pub why: String,
    /// The longest beginning that can be explained: operations of the history, as places in it, in an order in which
    /// they can have taken effect.
    pub prefix: Vec<usize>,
}

/// How much a check may cost: steps, not seconds, so that a verdict is the same on every machine.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Configurations that may be looked at.
    pub steps: u64,
}
