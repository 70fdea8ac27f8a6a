//! Random choices of commands such as SPOP and RANDOMKEY.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::state::Draft;

/// A source of random numbers for one command. It is seeded from the draft, so that a simulation replays it. Effects are
/// stored, not commands, so other servers need not choose the same.
#[derive(Debug)]
pub struct Chance(StdRng);

impl Chance {
    /// A source for the next command of a draft.
    pub fn of(draft: &Draft<'_>) -> Chance {
        Chance(StdRng::seed_from_u64(draft.seed()))
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.random_range(0..bound)
    }
}
