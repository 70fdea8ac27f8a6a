//! What earlier rounds have left in the air.
//!
//! An operation whose outcome is unknown may take effect at any time. Most can't disturb a later round, which has keys
//! of its own. Two can: a FLUSHALL empties every later round too, and where keys are counted every key counts.

use crate::history::{History, Operation};
use crate::operation::Command;
use crate::round::FIRST_CARRIED;

/// With so many FLUSHALLs in the air no further one is drawn: each of them stands in the history of every later round.
const MOST_FLUSHES: usize = 6;

/// With so many other writes in the air, keys are not counted any more: each may be why there is one more of them, and with
/// three times as many some rounds are undecided (`tests/rounds.rs`).
const MOST_WRITES: usize = 16;

/// The commands of earlier rounds that may still take effect.
#[derive(Debug, Default)]
pub struct Carried {
    flushes: usize,
    /// At most one more than may be carried.
    writes: Vec<Command>,
}

impl Carried {
    /// Adds what a history has left open itself. What it was given, it was given from here.
    pub fn add(&mut self, history: &History) {
        let open =
            history.operations.iter().filter(|operation| operation.is_open() && operation.client < FIRST_CARRIED);
        for operation in open.filter(|operation| operation.command.may_write()) {
            match &operation.command {
                Command::FlushAll => self.flushes += 1,
                Command::Del(_) => {} // can only delete what nobody looks at
                command if self.may_count() => self.writes.push(command.clone()),
                _ => {}
            }
        }
    }

    /// Whether another FLUSHALL may be drawn.
    pub fn may_flush(&self) -> bool {
        self.flushes < MOST_FLUSHES
    }

    /// Whether something is in the air that reaches every key.
    pub fn may_disturb(&self) -> bool {
        self.flushes > 0
    }

    /// Whether keys may be counted.
    pub fn may_count(&self) -> bool {
        self.writes.len() <= MOST_WRITES
    }

    /// What has to stand in the history of a round.
    pub fn commands(&self, counting: bool) -> Vec<Command> {
        let writes = if counting { self.writes.as_slice() } else { &[] };
        (0..self.flushes).map(|_| Command::FlushAll).chain(writes.iter().cloned()).collect()
    }

    /// All of it, as a history that somebody else can go on from.
    pub fn into_history(self) -> History {
        let mut history = History { about: "left open by older rounds".into(), operations: Vec::new() };
        for (number, command) in self.commands(true).into_iter().enumerate() {
            let call = history.end();
            let (id, client, server) = (number as u64 + 1, number as u64, String::new());
            history.operations.push(Operation { id, client, server, command, call, end: None });
        }
        history
    }
}
