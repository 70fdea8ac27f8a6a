//! How long scripts have worked on a draft.
//!
//! A server serves nobody else while it executes a draft, and one script may take a second. So all scripts of a unit together
//! keep to the bounds of one, and a draft whose scripts have worked for long takes no more of them: they wait for the next
//! one, and clients that call no script are served in between.

use std::time::Duration;

/// What scripts have used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Labour {
    /// The instructions of Lua.
    pub instructions: u64,
    /// The time, which some instructions need more of than others.
    pub time: Duration,
}

/// A draft whose scripts have done so much takes no more of them. That is a fifth of what one of them may do, so the longest
/// draft takes little longer than the longest script.
const MUCH: Labour = Labour { instructions: 10_000_000, time: Duration::from_millis(200) };

/// The labour of a draft and of its present unit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Labours {
    all: Labour,
    pub(super) of_unit: Labour,
}

impl Labours {
    /// Notes what a script has used up.
    pub(super) fn note(&mut self, labour: Labour) {
        for sum in [&mut self.all, &mut self.of_unit] {
            sum.instructions += labour.instructions;
            sum.time += labour.time;
        }
    }

    /// Whether scripts have worked for long.
    pub(super) fn is_much(self) -> bool {
        self.all.instructions >= MUCH.instructions || self.all.time >= MUCH.time
    }
}
