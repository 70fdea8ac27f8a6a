//! The result of a run.

use std::collections::BTreeMap;

use crate::census::Census;
use crate::class::Class;

/// The answered commands of each class from which on a run means something. Some classes are rare, and a run of a minute
/// has few rounds.
const ENOUGH: u64 = 1;

/// The result of a run.
#[derive(Debug, Default)]
pub struct Summary {
    /// The number of rounds that were played and judged.
    pub rounds: u64,
    /// The counts over all of them.
    pub census: Census,
    /// The descriptions of the rounds without a verdict.
    pub undecided: Vec<String>,
    /// The sentence that says why a round is a violation.
    pub violation: Option<String>,
    /// The classes that the run was allowed to draw.
    pub expected: Vec<Class>,
}

impl Summary {
    /// The classes of which too few commands were answered for the run to mean something.
    pub fn lacking(&self) -> BTreeMap<Class, u64> {
        let counts = self.expected.iter().map(|class| (*class, self.census.answered(*class)));
        counts.filter(|(_, answered)| *answered < ENOUGH).collect()
    }
}
