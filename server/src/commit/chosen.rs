//! Which of the waiting units join the next batch, and what limits it.

use std::time::Duration;

use tokio::time::Instant;

use super::arrival::Arrival;

/// What limits the next batch.
pub struct Room {
    /// The bytes that one commit may write.
    pub bytes: u64,
    /// The present time.
    pub now: Instant,
    /// A unit whose deadline is nearer than this is not executed any more: see [`Room::is_too_late`].
    pub margin: Duration,
    /// The same for a unit that has lost a race before.
    pub margin_after_loss: Duration,
    /// Whether there is no memory for a long reply.
    pub is_full: bool,
}

impl Room {
    /// Whether a commit that starts now could still be undecided at the unit's deadline. Its client would then hear
    /// UNCERTAIN without need; left out, it hears TRYAGAIN.
    pub(super) fn is_too_late(&self, arrival: &Arrival) -> bool {
        let margin = if arrival.lost { self.margin_after_loss } else { self.margin };
        arrival.deadline.saturating_duration_since(self.now) < margin
    }
}

/// Which units join the next batch.
pub enum Chosen {
    /// All of them.
    All,
    /// One flag for each unit behind the barren ones.
    Some(Vec<bool>),
}

impl Chosen {
    pub(super) fn has(&self, place: usize) -> bool {
        match self {
            Chosen::All => true,
            Chosen::Some(flags) => flags[place],
        }
    }

    /// Leaves out the units from a place on. There are `count` in all.
    pub(super) fn end_at(&mut self, place: usize, count: usize) {
        self.keep(count, |other| other < place);
    }

    /// Leaves out all but these units. There are `count` in all.
    pub(super) fn keep(&mut self, count: usize, stays: impl Fn(usize) -> bool) {
        let flags = (0..count).map(|place| stays(place) && self.has(place));
        *self = Chosen::Some(flags.collect());
    }
}
