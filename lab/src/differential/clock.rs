//! The machine's time, for limits and rates. No drawn command and no comparison depends on it.

use std::time::{Duration, Instant};

/// The time since a moment.
#[derive(Clone, Copy, Debug)]
pub struct Watch(Instant);

impl Watch {
    /// Starts to measure.
    #[expect(clippy::disallowed_methods, reason = "the servers are processes, and their time is the machine's")]
    pub fn start() -> Watch {
        Watch(Instant::now())
    }

    /// The time that has passed.
    pub fn passed(self) -> Duration {
        self.0.elapsed()
    }
}
