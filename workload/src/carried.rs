//! Operations that earlier rounds left open and that may still disturb a later round.
//!
//! An operation of unknown outcome may take effect at any later time. Most cannot disturb a later round, because each round
//! has keys of its own. Four kinds can: a FLUSHALL or FLUSHDB empties a database of every later round, a SWAPDB swaps two,
//! a SCRIPT FLUSH forgets its scripts, and a write of an old key changes what DBSIZE counts.
//!
//! A carried operation may be more permissive than the one that it stands for. An open FLUSHDB stands as a FLUSHALL, and
//! an open write of a collection as a SET of its key: both may explain more, and refuse nothing that is right.

use crate::history::{History, Operation};
use crate::operation::{Command, KeyCommand, ScriptCommand, ServerCommand, StringCommand};
use crate::word::Word;

/// The first client number of the carried operations in a history. The clients of a round never reach it.
pub const FIRST_CARRIED: u64 = 1_000_000;

/// The number of open FLUSHALLs from which on no further one is drawn. Each stands in the history of every later round.
const MOST_FLUSHES: usize = 6;

/// The number of other open writes up to which rounds count keys. Each may explain one more key, and with three times as
/// many some rounds are undecided (`tests/rounds.rs`).
const MOST_WRITES: usize = 16;

/// The number of open SCRIPT FLUSHes from which on no further one is drawn.
const MOST_SCRIPT_FLUSHES: usize = 6;

/// The open operations of earlier rounds.
#[derive(Debug, Default)]
pub struct Carried {
    flushes: usize,
    /// The SCRIPT FLUSHes. Each may make a server forget the scripts of a later round.
    script_flushes: usize,
    /// The swaps of databases.
    swaps: Vec<Command>,
    /// The other writes, at most one more than [`MOST_WRITES`].
    writes: Vec<Command>,
}

impl Carried {
    /// Adds what a history left open. Operations that were carried into the history are known already.
    pub fn add(&mut self, history: &History) {
        let own = history.operations.iter().filter(|operation| operation.client < FIRST_CARRIED);
        for operation in own.filter(|operation| operation.is_open()) {
            match &operation.command {
                Command::Server(ServerCommand::FlushAll | ServerCommand::FlushDb) => self.flushes += 1,
                Command::Server(ServerCommand::SwapDb(..)) => self.swaps.push(operation.command.clone()),
                // It can only delete keys that nobody looks at any more.
                Command::Key(KeyCommand::Del(_)) => {}
                Command::Set(_) | Command::Hash(_) | Command::List(_) | Command::SortedSet(_) => {
                    if operation.command.may_write() && self.may_count() {
                        self.writes.extend(operation.command.keys().into_iter().cloned().map(any_write));
                    }
                }
                Command::String(command) if !operation.command.is_about_registers() => {
                    if !matches!(command, StringCommand::GetDel(_) | StringCommand::StrLen(_)) && self.may_count() {
                        self.writes.extend(operation.command.keys().into_iter().cloned().map(any_write));
                    }
                }
                Command::Key(KeyCommand::Rename(_, to)) => {
                    if self.may_count() {
                        self.writes.push(any_write(to.clone()));
                    }
                }
                Command::Script(ScriptCommand::Flush) => self.script_flushes += 1,
                Command::Transaction(_) | Command::Script(_) => {
                    if operation.command.may_write() && self.may_count() {
                        self.writes.extend(operation.command.keys().into_iter().cloned().map(any_write));
                    }
                }
                // They bring no key into being.
                Command::Key(
                    KeyCommand::Expire(..) | KeyCommand::PExpire(..) | KeyCommand::Persist(_) | KeyCommand::PTtl(_),
                ) => {}
                Command::String(_)
                | Command::Key(KeyCommand::Exists(_))
                | Command::Server(ServerCommand::DbSize | ServerCommand::Ping | ServerCommand::Select(_)) => {
                    if operation.command.may_write() && self.may_count() {
                        self.writes.push(operation.command.clone());
                    }
                }
            }
        }
    }

    /// Whether a round may draw another FLUSHALL.
    pub fn may_flush(&self) -> bool {
        self.flushes + self.swaps.len() < MOST_FLUSHES
    }

    /// Whether a round may draw another SCRIPT FLUSH.
    pub fn may_flush_scripts(&self) -> bool {
        self.script_flushes < MOST_SCRIPT_FLUSHES
    }

    /// Whether an open operation reaches every key.
    pub fn may_disturb(&self) -> bool {
        self.flushes + self.swaps.len() > 0
    }

    /// Whether a round may count keys.
    pub fn may_count(&self) -> bool {
        self.writes.len() <= MOST_WRITES
    }

    /// The operations that the history of a round must hold. `counting` says whether the round counts keys.
    pub fn commands(&self, counting: bool) -> Vec<Command> {
        let writes = if counting { self.writes.as_slice() } else { &[] };
        let flushes = (0..self.flushes).map(|_| Command::FLUSH_ALL);
        let script_flushes = (0..self.script_flushes).map(|_| Command::Script(ScriptCommand::Flush));
        flushes.chain(script_flushes).chain(self.swaps.iter().cloned()).chain(writes.iter().cloned()).collect()
    }

    /// All carried operations as a history, for a file that the next run reads.
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

/// A write that gives a key some value.
fn any_write(key: Word) -> Command {
    Command::String(StringCommand::Set { key, value: Word::from("carried"), condition: None, get: false })
}
