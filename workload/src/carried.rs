//! Operations that earlier rounds left open and that may still disturb a later round.
//!
//! An operation of unknown outcome may take effect at any later time. Most cannot disturb a later round, because each round
//! has keys of its own. Four kinds can: a FLUSHALL or FLUSHDB empties a database of every later round, a SWAPDB swaps two,
//! a SCRIPT FLUSH forgets its scripts, and a write of an old key changes what DBSIZE counts.
//!
//! A carried operation may be more permissive than the one that it stands for. An open FLUSHDB stands as a FLUSHALL, and
//! an open write of a collection as a SET of its key: both may explain more, and refuse nothing that is right.
//!
//! A key that a late write brings may vanish again: its life ends, or another open operation removes it. So a DEL of the key
//! stands beside each such write. It may happen once, as the write may.

use std::collections::BTreeSet;

use crate::history::{History, Operation};
use crate::operation::{
    Command, GeoCommand, HashCommand, KeyCommand, ListCommand, Script, ScriptCommand, ServerCommand, SetCommand,
    SortedSetCommand, StringCommand,
};
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
    /// The other writes in the first database, each before the DELs of its keys that may vanish again. Once there are more than
    /// [`MOST_WRITES`], no other is added.
    writes: Vec<Command>,
    /// Whether some of these keys may vanish again.
    vanishing: bool,
    /// Whether some write may land in a database other than the first one.
    elsewhere: bool,
}

impl Carried {
    /// Adds what a history left open. Operations that were carried into the history are known already.
    pub fn add(&mut self, history: &History) {
        let own = history.operations.iter().zip(history.databases());
        let own = own.filter(|(operation, _)| operation.client < FIRST_CARRIED);
        let open: Vec<(&Operation, u8)> = own.filter(|(operation, _)| operation.is_open()).collect();
        // No other history has these keys.
        let parts = open.iter().flat_map(|(operation, _)| operation.command.parts());
        let vanishing: BTreeSet<&Word> =
            parts.filter(|part| part.may_write() && !only_adds(part)).flat_map(Command::keys).collect();
        for (operation, database) in open {
            let keys = || operation.command.keys().into_iter().cloned();
            match &operation.command {
                Command::Server(ServerCommand::FlushAll | ServerCommand::FlushDb) => self.flushes += 1,
                Command::Server(ServerCommand::SwapDb(..)) => self.swaps.push(operation.command.clone()),
                Command::Script(ScriptCommand::Flush) => self.script_flushes += 1,
                // They bring no key into being.
                Command::Key(
                    KeyCommand::Del(_)
                    | KeyCommand::Expire(..)
                    | KeyCommand::ExpireIf(..)
                    | KeyCommand::PExpire(..)
                    | KeyCommand::Persist(_)
                    | KeyCommand::PTtl(_)
                    | KeyCommand::Exists(_),
                )
                | Command::String(StringCommand::GetDel(_) | StringCommand::GetEx(..) | StringCommand::StrLen(_))
                | Command::Server(ServerCommand::DbSize | ServerCommand::Ping | ServerCommand::Select(_)) => {}
                Command::Key(KeyCommand::Rename(_, to)) => self.add_write(database, any_write(to.clone()), &vanishing),
                Command::Key(KeyCommand::Copy { .. } | KeyCommand::Move(..)) => {
                    let last = operation.command.places(database).pop();
                    last.into_iter()
                        .for_each(|(database, to)| self.add_write(database, any_write(to.clone()), &vanishing));
                }
                Command::Transaction(_) => {
                    for part in operation.command.parts().into_iter().filter(|part| part.may_write()) {
                        let places = part.places(database).into_iter();
                        places.for_each(|(database, key)| self.add_write(database, any_write(key.clone()), &vanishing));
                    }
                }
                Command::Set(_)
                | Command::Hash(_)
                | Command::List(_)
                | Command::SortedSet(_)
                | Command::String(_)
                | Command::Script(_) => {
                    if !operation.command.may_write() {
                        continue;
                    }
                    if operation.command.is_about_registers() {
                        self.add_write(database, operation.command.clone(), &vanishing);
                    } else {
                        keys().for_each(|key| self.add_write(database, any_write(key), &vanishing));
                    }
                }
            }
        }
    }

    fn add_write(&mut self, database: u8, write: Command, vanishing: &BTreeSet<&Word>) {
        if database > 0 {
            self.elsewhere = true;
        } else if self.writes.len() <= MOST_WRITES {
            let gone: Vec<Word> = write.keys().into_iter().filter(|key| vanishing.contains(key)).cloned().collect();
            self.vanishing |= !gone.is_empty();
            self.writes.push(write);
            self.writes.extend(gone.into_iter().map(|key| Command::Key(KeyCommand::Del(vec![key]))));
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

    /// Whether a round of so many databases may count keys. The carried writes stand in the first database only, and so do the
    /// DELs of their keys, which a swap may take elsewhere.
    pub fn may_count(&self, databases: u8) -> bool {
        let strays = self.elsewhere && (databases > 1 || !self.swaps.is_empty());
        let swept = self.vanishing && !self.swaps.is_empty();
        self.writes.len() <= MOST_WRITES && !strays && !swept
    }

    /// Whether an open operation may swap databases. Only the judge of typed values can follow that.
    pub fn may_swap(&self) -> bool {
        !self.swaps.is_empty()
    }

    /// The operations that the history of a round must hold. `counting` says whether the round counts keys, and `scripting`
    /// whether it calls scripts by their digests.
    pub fn commands(&self, counting: bool, scripting: bool) -> Vec<Command> {
        let writes = if counting { self.writes.as_slice() } else { &[] };
        let flushes = (0..self.flushes).map(|_| Command::FLUSH_ALL);
        let script_flushes = if scripting { self.script_flushes } else { 0 };
        let script_flushes = (0..script_flushes).map(|_| Command::Script(ScriptCommand::Flush));
        flushes.chain(script_flushes).chain(self.swaps.iter().cloned()).chain(writes.iter().cloned()).collect()
    }

    /// All carried operations as a history, for a file that the next run reads.
    pub fn into_history(self) -> History {
        let mut history = History { about: "left open by older rounds".into(), operations: Vec::new() };
        for (number, command) in self.commands(true, true).into_iter().enumerate() {
            let call = history.end();
            let (id, client, server) = (number as u64 + 1, number as u64, String::new());
            history.operations.push(Operation { id, client, server, command, call, end: None });
        }
        if self.elsewhere {
            let client = history.operations.len() as u64;
            for command in [Command::Server(ServerCommand::Select(1)), any_write("carried".into())] {
                let (call, id) = (history.end(), history.operations.len() as u64 + 1);
                history.operations.push(Operation { id, client, server: String::new(), command, call, end: None });
            }
        }
        history
    }
}

/// A write that gives a key some value.
fn any_write(key: Word) -> Command {
    Command::String(StringCommand::Set { key, value: Word::from("carried"), condition: None, get: false })
}

/// Whether a command removes nothing and limits no life, so that a key which it brings stays. It is always safe to leave one
/// out here.
fn only_adds(command: &Command) -> bool {
    matches!(
        command,
        Command::String(
            StringCommand::Set { .. }
                | StringCommand::MSet(_)
                | StringCommand::SetNx(..)
                | StringCommand::GetSet(..)
                | StringCommand::Append(..)
                | StringCommand::IncrBy(..)
        ) | Command::Set(SetCommand::Add(..))
            | Command::Hash(HashCommand::Set(..) | HashCommand::IncrBy(..))
            | Command::List(ListCommand::PushLeft(..) | ListCommand::PushRight(..) | ListCommand::Insert(..))
            | Command::SortedSet(
                SortedSetCommand::Add(..) | SortedSetCommand::IncrBy(..) | SortedSetCommand::Geo(GeoCommand::Add(..))
            )
            | Command::Script(ScriptCommand::Run {
                script: Script::CompareAndSet(..)
                    | Script::IncrWithLimit(..)
                    | Script::PushAndLook(..)
                    | Script::SetAndFail(..)
                    | Script::PutAndSearch(..),
                ..
            })
    )
}
