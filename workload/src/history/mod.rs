//! What clients did and saw: the only thing that the checker is given.

mod lines;
mod recorder;

use std::time::Duration;

pub use self::lines::{Broken, read, write};
pub use self::recorder::{Journal, Recorder, Ticket};
use crate::operation::{Command, Outcome};

/// What several clients did, in the order in which they began it.
///
/// What a history claims, and the checker holds it to (`check::assumptions`):
///
/// - The database is empty when the history begins.
/// - Its moments are one order that respects real time: if an operation ended before another one was called, its end
///   stands before that call.
/// - A client is one connection. The operations of a client that were answered took effect in the order in which they
///   were called, and were answered in that order; they overlap only if they were sent as a pipeline.
/// - After an unknown outcome a client calls nothing more: whoever goes on does so as another client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// A line for people: where it comes from, how to have it again.
    pub about: String,
    /// In the order of their calls.
    pub operations: Vec<Operation>,
}

/// One command of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name in the history.
    pub id: u64,
    /// Whose it is.
    pub client: u64,
    /// Which server it was sent to.
    pub server: String,
    /// What was asked.
    pub command: Command,
    /// When it was about to be sent.
    pub call: Moment,
    /// When and how it ended for the client. `None` if nobody was there any more to see it, which leaves the outcome
    /// as unknown as [`Outcome::Unknown`] does.
    pub end: Option<(Moment, Outcome)>,
}

/// A point in a history. No two are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// Which event of the history it is, from 0. This alone is what the checker goes by.
    pub event: u64,
    /// How long after the beginning of the history it was, for pictures.
    pub at: Duration,
}

impl Operation {
    /// Its reply, if it was answered.
    pub fn reply(&self) -> Option<&crate::operation::Reply> {
        match &self.end {
            Some((_, Outcome::Reply(reply))) => Some(reply),
            _ => None,
        }
    }

    /// Whether it may take effect at any time after its call, or never.
    pub fn is_open(&self) -> bool {
        matches!(self.end, None | Some((_, Outcome::Unknown(_))))
    }

    /// Whether it is known to have done nothing.
    pub fn has_failed(&self) -> bool {
        matches!(self.end, Some((_, Outcome::Failed(_))))
    }
}

impl History {
    /// The moment after all others.
    pub fn end(&self) -> Moment {
        let moments =
            self.operations.iter().map(|operation| operation.end.as_ref().map_or(operation.call, |end| end.0));
        let last = moments.chain(self.operations.last().map(|operation| operation.call)).max();
        last.map_or(Moment { event: 0, at: Duration::ZERO }, |last| Moment { event: last.event + 1, at: last.at })
    }
}
