//! Histories, operations and moments.

use std::collections::HashMap;
use std::time::Duration;

use crate::operation::{Command, Outcome, Reply, ServerCommand, Window};

/// The operations of several clients, in the order of their calls.
///
/// A history makes five claims, and the checker refuses a history that breaks one of the last four
/// (`check/assumptions.rs`):
///
/// - The database is empty when the history begins.
/// - The order of its moments respects real time. If one operation ended before another was called, the end has the
///   earlier moment.
/// - A client is one connection. Its answered operations took effect and were answered in the order of their calls. They
///   overlap only if the client sent them as a pipeline.
/// - A client sends an EXEC that depends on a WATCH after that WATCH was answered.
/// - A client calls nothing after an unknown outcome. The person or program behind it goes on as another client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// A line for people: where the history comes from and how to get it again.
    pub about: String,
    /// The operations, in the order of their calls.
    pub operations: Vec<Operation>,
}

/// One command of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The operation's number in its history.
    pub id: u64,
    /// The client that called it.
    pub client: u64,
    /// The server that the client sent it to.
    pub server: String,
    /// The command.
    pub command: Command,
    /// The moment just before the client sent it.
    pub call: Moment,
    /// When and how it ended for the client. `None` if nobody saw it end: the outcome is then as unknown as with
    /// [`Outcome::Unknown`].
    pub end: Option<(Moment, Outcome)>,
}

/// A point in a history. No two are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// The number of the event in the history, from 0. The checker goes by this number, except for the lives of keys.
    pub event: u64,
    /// The time since the history began. Pictures use it, and the rules on the lives of keys.
    pub at: Duration,
}

impl Operation {
    /// The reply, if the server answered.
    pub fn reply(&self) -> Option<&Reply> {
        match &self.end {
            Some((_, Outcome::Reply(reply))) => Some(reply),
            Some((_, Outcome::Failed(_) | Outcome::Unknown(_))) | None => None,
        }
    }

    /// Whether the operation may take effect at any time after its call, or never.
    pub fn is_open(&self) -> bool {
        matches!(self.end, None | Some((_, Outcome::Unknown(_))))
    }

    /// When the operation may take effect, if the clocks of servers are off by `margin` at most.
    pub fn window(&self, margin: Duration) -> Window {
        let milliseconds = |at: Duration| i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
        let to = match &self.end {
            Some((end, Outcome::Reply(_))) => milliseconds(end.at + margin).saturating_add(1),
            Some((_, Outcome::Failed(_) | Outcome::Unknown(_))) | None => i64::MAX,
        };
        Window { from: milliseconds(self.call.at), to }
    }

    /// Whether the server said that the operation did nothing.
    pub fn has_failed(&self) -> bool {
        matches!(self.end, Some((_, Outcome::Failed(_))))
    }
}

impl History {
    /// The number of the database of each operation: the one that its client selected before, or 0.
    pub fn databases(&self) -> Vec<u8> {
        let mut selected: HashMap<u64, u8> = HashMap::new();
        let database = |operation: &Operation| {
            if let Command::Server(ServerCommand::Select(number)) = operation.command {
                selected.insert(operation.client, number);
            }
            selected.get(&operation.client).copied().unwrap_or(0)
        };
        self.operations.iter().map(database).collect()
    }

    /// The moment after all others.
    pub fn end(&self) -> Moment {
        let moments =
            self.operations.iter().map(|operation| operation.end.as_ref().map_or(operation.call, |end| end.0));
        let last = moments.chain(self.operations.last().map(|operation| operation.call)).max();
        last.map_or(Moment { event: 0, at: Duration::ZERO }, |last| Moment { event: last.event + 1, at: last.at })
    }
}
