//! A command of any family: its name, and the keys and values that it concerns.
//!
//! A transaction is a command that holds commands. So the two types share this file.

use super::hash::HashCommand;
use super::key::KeyCommand;
use super::life::Life;
use super::list::ListCommand;
use super::reply::Reply;
use super::script::{Script, ScriptCommand};
use super::server::ServerCommand;
use super::set::SetCommand;
use super::sorted_set::SortedSetCommand;
use super::string::StringCommand;
use crate::word::Word;

/// A command of any family.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// A command about string values.
    String(StringCommand),
    /// A command about sets.
    Set(SetCommand),
    /// A command about hashes.
    Hash(HashCommand),
    /// A command about lists.
    List(ListCommand),
    /// A command about sorted sets.
    SortedSet(SortedSetCommand),
    /// A command about keys, whatever their values.
    Key(KeyCommand),
    /// A command about the whole database or the server.
    Server(ServerCommand),
    /// A transaction, or a command about transactions.
    Transaction(TransactionCommand),
    /// A script, or a command about scripts.
    Script(ScriptCommand),
}

/// A command about transactions, or a whole one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TransactionCommand {
    /// Watches keys: the next EXEC of the client does nothing if one of them was touched.
    Watch(Vec<Word>),
    /// Watches no key any more.
    Unwatch,
    /// MULTI, commands and EXEC.
    Exec {
        /// The keys that the client watches. A client without any never gets a null reply.
        watched: Vec<Word>,
        /// The commands.
        commands: Vec<Command>,
    },
    /// MULTI, commands and DISCARD: nothing happens.
    Discard(Vec<Command>),
    /// MULTI, commands, one that the server has to refuse, and EXEC: nothing happens.
    Spoilt {
        /// The commands that the server queues.
        commands: Vec<Command>,
        /// The words of the one that it refuses.
        refused: Vec<Word>,
    },
}

/// Calls the method of the family that a command belongs to.
macro_rules! of_family {
    ($command:expr, $inner:ident => $call:expr) => {
        match $command {
            Command::String($inner) => $call,
            Command::Set($inner) => $call,
            Command::Hash($inner) => $call,
            Command::List($inner) => $call,
            Command::SortedSet($inner) => $call,
            Command::Key($inner) => $call,
            Command::Server($inner) => $call,
            Command::Transaction($inner) => $call,
            Command::Script($inner) => $call,
        }
    };
}

impl Command {
    /// `GET key`.
    pub fn get(key: Word) -> Command {
        Command::String(StringCommand::Get(key))
    }

    /// `FLUSHALL`.
    pub const FLUSH_ALL: Command = Command::Server(ServerCommand::FlushAll);

    /// `PING`.
    pub const PING: Command = Command::Server(ServerCommand::Ping);

    /// The command's name in upper case.
    pub fn name(&self) -> &'static str {
        of_family!(self, command => command.name())
    }

    /// The keys that the command names, in order. A key that it names twice is there twice.
    pub fn keys(&self) -> Vec<&Word> {
        match self {
            Command::String(command) => command.keys(),
            Command::Set(command) => command.keys(),
            Command::Hash(command) => vec![command.key()],
            Command::List(command) => command.keys(),
            Command::SortedSet(command) => command.keys(),
            Command::Key(command) => command.keys(),
            Command::Server(_) => Vec::new(),
            Command::Transaction(command) => command.keys(),
            Command::Script(command) => command.keys(),
        }
    }

    /// The transaction, or the command about transactions.
    pub fn transaction(&self) -> Option<&TransactionCommand> {
        match self {
            Command::Transaction(transaction) => Some(transaction),
            Command::String(_)
            | Command::Set(_)
            | Command::Hash(_)
            | Command::List(_)
            | Command::SortedSet(_)
            | Command::Key(_)
            | Command::Server(_)
            | Command::Script(_) => None,
        }
    }

    /// The keys that must be untouched since the client's WATCH if the command takes effect.
    pub fn watched(&self) -> &[Word] {
        match self.transaction() {
            Some(TransactionCommand::Exec { watched, .. }) => watched,
            Some(
                TransactionCommand::Watch(_)
                | TransactionCommand::Unwatch
                | TransactionCommand::Discard(_)
                | TransactionCommand::Spoilt { .. },
            )
            | None => &[],
        }
    }

    /// The command about scripts.
    pub fn script(&self) -> Option<&ScriptCommand> {
        match self {
            Command::Script(script) => Some(script),
            Command::String(_)
            | Command::Set(_)
            | Command::Hash(_)
            | Command::List(_)
            | Command::SortedSet(_)
            | Command::Key(_)
            | Command::Server(_)
            | Command::Transaction(_) => None,
        }
    }

    /// The commands that take effect when this one does: those of a transaction, or itself.
    pub fn parts(&self) -> Vec<&Command> {
        match self {
            Command::Transaction(command) => command.effective().iter().collect(),
            Command::String(_)
            | Command::Set(_)
            | Command::Hash(_)
            | Command::List(_)
            | Command::SortedSet(_)
            | Command::Key(_)
            | Command::Server(_)
            | Command::Script(_) => vec![self],
        }
    }

    /// Whether the command can change the database.
    pub fn may_write(&self) -> bool {
        of_family!(self, command => command.may_write())
    }

    /// Whether the command concerns every key, named or not.
    pub fn concerns_all_keys(&self) -> bool {
        match self {
            Command::String(_)
            | Command::Set(_)
            | Command::Hash(_)
            | Command::List(_)
            | Command::SortedSet(_)
            | Command::Key(_)
            | Command::Transaction(_)
            | Command::Script(_) => false,
            Command::Server(command) => command.concerns_all_keys(),
        }
    }

    /// Whether the command deletes every key.
    pub fn is_flush(&self) -> bool {
        *self == Command::FLUSH_ALL
    }

    /// The string command, whose values are named in replies.
    fn string(&self) -> Option<&StringCommand> {
        match self {
            Command::String(command) => Some(command),
            // Counts show existence, not values. What a collection shows is more than one value.
            Command::Set(_)
            | Command::Hash(_)
            | Command::List(_)
            | Command::SortedSet(_)
            | Command::Key(_)
            | Command::Server(_)
            | Command::Transaction(_)
            | Command::Script(_) => None,
        }
    }

    /// The keys whose string values a reply shows, each with its value, or `None` if the reply shows that the key is
    /// absent.
    pub fn shown<'a>(&'a self, reply: &'a Reply) -> Vec<(&'a Word, Option<&'a Word>)> {
        self.string().map(|command| command.shown(reply)).unwrap_or_default()
    }

    /// The string values that the command sets if its condition holds, each with its key.
    pub fn settable(&self) -> Vec<(&Word, &Word)> {
        self.string().map(StringCommand::settable).unwrap_or_default()
    }

    /// The string values that the command sets in every state of the database.
    pub fn always_sets(&self) -> Vec<&Word> {
        self.string().map(StringCommand::always_sets).unwrap_or_default()
    }

    /// Whether a key that is present loses its string value when the command takes effect.
    pub fn ends_value(&self, key: &Word) -> bool {
        match self {
            Command::String(command) => command.ends_value(key),
            Command::Key(command) => command.ends_value(key),
            Command::Set(_) | Command::Hash(_) | Command::List(_) | Command::SortedSet(_) => false,
            Command::Transaction(_) | Command::Script(_) => false,
            Command::Server(_) => self.is_flush(),
        }
    }

    /// Whether the command knows strings, keys and the whole database only, and takes a value as a whole. The claims of
    /// the checker cover these commands.
    pub fn is_about_registers(&self) -> bool {
        match self {
            Command::String(command) => match command {
                StringCommand::Get(_) | StringCommand::Set { .. } | StringCommand::MGet(_) | StringCommand::MSet(_) => {
                    true
                }
                StringCommand::SetFor { .. }
                | StringCommand::GetDel(_)
                | StringCommand::GetEx(..)
                | StringCommand::SetNx(..)
                | StringCommand::GetSet(..)
                | StringCommand::Append(..)
                | StringCommand::IncrBy(..)
                | StringCommand::StrLen(_) => false,
            },
            Command::Key(command) => matches!(command, KeyCommand::Del(_) | KeyCommand::Exists(_)),
            Command::Server(command) => match command {
                ServerCommand::FlushAll | ServerCommand::DbSize | ServerCommand::Ping => true,
                ServerCommand::Select(_) | ServerCommand::FlushDb | ServerCommand::SwapDb(..) => false,
            },
            Command::Set(_) | Command::Hash(_) | Command::List(_) | Command::SortedSet(_) => false,
            Command::Transaction(_) | Command::Script(_) => false,
        }
    }

    /// The lives in milliseconds that the command gives to keys, each with its key.
    pub fn lifetimes(&self) -> Vec<(&Word, i64)> {
        match self {
            Command::String(StringCommand::SetFor { key, life, .. } | StringCommand::GetEx(key, life)) => {
                life.milliseconds().map(|milliseconds| (key, milliseconds)).into_iter().collect()
            }
            Command::Key(command) => {
                let keys = command.keys().into_iter().take(1);
                keys.filter_map(|key| Some((key, command.milliseconds()?))).collect()
            }
            Command::Transaction(command) => command.effective().iter().flat_map(Command::lifetimes).collect(),
            Command::String(_)
            | Command::Set(_)
            | Command::Hash(_)
            | Command::List(_)
            | Command::SortedSet(_)
            | Command::Server(_)
            // No script of the workload limits the life of a key.
            | Command::Script(_) => Vec::new(),
        }
    }

    /// The lives in milliseconds that the command gives to fields of hashes, each with its key and the fields.
    pub fn field_lifetimes(&self) -> Vec<(&Word, i64, Vec<&Word>)> {
        match self {
            Command::Hash(HashCommand::Field(command)) => {
                let life = command.life().and_then(Life::milliseconds);
                life.map(|milliseconds| (command.key(), milliseconds, command.fields())).into_iter().collect()
            }
            Command::Script(ScriptCommand::Run { script: Script::SetFieldFor(key, field, _, life), .. }) => {
                vec![(key, *life, vec![field])]
            }
            Command::Transaction(command) => command.effective().iter().flat_map(Command::field_lifetimes).collect(),
            Command::Hash(_)
            | Command::String(_)
            | Command::Set(_)
            | Command::List(_)
            | Command::SortedSet(_)
            | Command::Key(_)
            | Command::Server(_)
            | Command::Script(_) => Vec::new(),
        }
    }

    /// The keys that the command names, each with its database, for a client that has selected `database`.
    pub fn places(&self, database: u8) -> Vec<(u8, &Word)> {
        if let Command::Transaction(command) = self {
            let watched = command.noted().iter().map(|key| (database, key));
            return watched.chain(command.effective().iter().flat_map(|part| part.places(database))).collect();
        }
        let mut places: Vec<(u8, &Word)> = self.keys().into_iter().map(|key| (database, key)).collect();
        if let Command::Key(command) = self
            && let Some(other) = command.elsewhere()
            && let Some(last) = places.last().copied()
        {
            // COPY names the key of the copy, and MOVE names one key for both.
            if matches!(command, KeyCommand::Copy { .. }) {
                places.pop();
            }
            places.push((other, last.1));
        }
        places
    }
}

impl TransactionCommand {
    pub(super) fn name(&self) -> &'static str {
        match self {
            TransactionCommand::Watch(_) => "WATCH",
            TransactionCommand::Unwatch => "UNWATCH",
            TransactionCommand::Exec { .. } | TransactionCommand::Discard(_) | TransactionCommand::Spoilt { .. } => {
                "MULTI"
            }
        }
    }

    /// The commands that take effect.
    pub fn effective(&self) -> &[Command] {
        match self {
            TransactionCommand::Exec { commands, .. } => commands,
            TransactionCommand::Watch(_)
            | TransactionCommand::Unwatch
            | TransactionCommand::Discard(_)
            | TransactionCommand::Spoilt { .. } => &[],
        }
    }

    /// The commands that the client sends between MULTI and its end, whether or not they take effect.
    pub fn queued(&self) -> &[Command] {
        match self {
            TransactionCommand::Exec { commands, .. }
            | TransactionCommand::Discard(commands)
            | TransactionCommand::Spoilt { commands, .. } => commands,
            TransactionCommand::Watch(_) | TransactionCommand::Unwatch => &[],
        }
    }

    /// The keys that the client begins to watch, or watches up to here.
    pub fn noted(&self) -> &[Word] {
        match self {
            TransactionCommand::Watch(keys) | TransactionCommand::Exec { watched: keys, .. } => keys,
            TransactionCommand::Unwatch | TransactionCommand::Discard(_) | TransactionCommand::Spoilt { .. } => &[],
        }
    }

    pub(super) fn keys(&self) -> Vec<&Word> {
        match self {
            TransactionCommand::Watch(keys) => keys.iter().collect(),
            TransactionCommand::Exec { watched, commands } => {
                watched.iter().chain(commands.iter().flat_map(Command::keys)).collect()
            }
            TransactionCommand::Unwatch | TransactionCommand::Discard(_) | TransactionCommand::Spoilt { .. } => {
                Vec::new()
            }
        }
    }

    pub(super) fn may_write(&self) -> bool {
        self.effective().iter().any(Command::may_write)
    }
}
