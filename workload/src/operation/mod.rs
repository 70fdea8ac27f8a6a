//! What clients ask and what servers answer.
//!
//! A [`Command`] belongs to a family, and each family is one file: [`string`](StringCommand), [`set`](SetCommand),
//! [`hash`](HashCommand), [`list`](ListCommand), [`sorted_set`](SortedSetCommand), [`key`](KeyCommand),
//! [`server`](ServerCommand), [`transaction`](TransactionCommand) and [`script`](ScriptCommand). The file of a family holds everything that the workload knows about its commands:
//!
//! | method | says |
//! |---|---|
//! | `name`, `arguments`, `parse` | how the command is written |
//! | `requests` | what a client sends for a transaction or a script |
//! | `keys`, `may_write` | which keys it names, and whether it can change one |
//! | `apply` | what it does to a [`State`], and the reply to it |
//! | `allows`, `expected` | which replies are possible at all |
//! | `shown`, `settable`, `always_sets`, `ends_value` | which string values it shows, sets and overwrites |
//!
//! # How to add a command
//!
//! Add a variant to its family. The compiler then names every other place: the methods above, its claim in
//! `check/claim.rs` or its touches in `check/typed/touch.rs`, its class in `class.rs` and its colours in `report/picture.rs`. A new class needs a row in the table of
//! `class.rs` and an arm in `generator/composer.rs`. No match over commands or classes has a wildcard arm.

mod hash;
mod key;
mod list;
mod reply;
mod script;
mod server;
mod set;
mod sorted_set;
mod state;
mod string;
mod transaction;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::hash::HashCommand;
pub use self::key::KeyCommand;
pub use self::list::ListCommand;
pub use self::reply::{Outcome, Reply};
pub use self::script::{Calling, Script, ScriptCommand, ScriptName};
pub use self::server::ServerCommand;
pub use self::set::SetCommand;
pub use self::sorted_set::SortedSetCommand;
pub use self::state::{Entry, Held, Lifetime, Site, State, TypedValue};
pub use self::string::{Condition, StringCommand};
pub use self::transaction::TransactionCommand;
use crate::word::Word;

/// A command of any family.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Spelling", into = "Spelling")]
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
            Command::Set(command) => vec![command.key()],
            Command::Hash(command) => vec![command.key()],
            Command::List(command) => vec![command.key()],
            Command::SortedSet(command) => vec![command.key()],
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
                StringCommand::SetFor(..)
                | StringCommand::GetDel(_)
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

    /// The life in milliseconds that the command gives to a key, with the key.
    pub fn lifetime(&self) -> Option<(&Word, i64)> {
        match self {
            Command::String(StringCommand::SetFor(key, _, milliseconds)) => Some((key, *milliseconds)),
            Command::Key(command) => Some((*command.keys().first()?, command.milliseconds()?)),
            Command::String(_)
            | Command::Set(_)
            | Command::Hash(_)
            | Command::List(_)
            | Command::SortedSet(_)
            | Command::Server(_)
            // Neither a transaction nor a script of the workload limits a life.
            | Command::Transaction(_)
            | Command::Script(_) => None,
        }
    }

    /// The reply in the form in which replies to this command are compared. A set has no order.
    pub fn comparable(&self, reply: Reply) -> Reply {
        match self {
            Command::Set(SetCommand::Members(_)) => reply.plain().sorted(1),
            Command::Hash(HashCommand::All(_)) => reply.plain().sorted(2),
            Command::Transaction(command) => command.with_each(reply, Command::comparable),
            Command::String(_)
            | Command::Set(_)
            | Command::Hash(_)
            | Command::List(_)
            | Command::SortedSet(_)
            | Command::Key(_)
            | Command::Server(_)
            | Command::Script(_) => reply.plain(),
        }
    }

    /// The outcome in the form that it has in RESP2, from the answers to all requests. RESP3 pairs members with their
    /// scores.
    pub(crate) fn received(&self, mut answers: Vec<Outcome>) -> Outcome {
        let outcome = match self.transaction() {
            Some(transaction) => transaction.outcome(answers),
            None => answers.pop().unwrap_or_else(|| Outcome::Unknown("nothing was sent".into())),
        };
        match outcome {
            Outcome::Reply(reply) => Outcome::Reply(self.flat(reply)),
            outcome @ (Outcome::Failed(_) | Outcome::Unknown(_)) => outcome,
        }
    }

    fn flat(&self, reply: Reply) -> Reply {
        match (self, reply) {
            (Command::SortedSet(SortedSetCommand::All(_)), Reply::Array(replies)) => {
                let flat = replies.into_iter().flat_map(|reply| match reply {
                    Reply::Array(pair) => pair,
                    reply => vec![reply],
                });
                Reply::Array(flat.collect())
            }
            (Command::Transaction(TransactionCommand::Exec { commands, .. }), Reply::Array(replies))
                if commands.len() == replies.len() =>
            {
                Reply::Array(commands.iter().zip(replies).map(|(command, reply)| command.flat(reply)).collect())
            }
            (_, reply) => reply,
        }
    }

    /// Whether a reply is right where the model gives another one. Both are comparable.
    pub fn accepts(&self, model: &Reply, seen: &Reply) -> bool {
        match self {
            Command::Key(command) => command.accepts(model, seen),
            Command::String(_)
            | Command::Set(_)
            | Command::Hash(_)
            | Command::List(_)
            | Command::SortedSet(_)
            | Command::Server(_)
            // `model::step` compares the replies in a transaction one by one.
            | Command::Transaction(_)
            | Command::Script(_) => model == seen,
        }
    }

    /// The form in which a history keeps the command: long values are abridged.
    pub fn abridged(self) -> Command {
        match self {
            Command::String(command) => Command::String(command.abridged()),
            Command::Transaction(command) => Command::Transaction(command.abridged()),
            // Keys are short, and so are the elements of collections and the arguments of scripts.
            Command::Set(_)
            | Command::Hash(_)
            | Command::List(_)
            | Command::SortedSet(_)
            | Command::Key(_)
            | Command::Server(_)
            | Command::Script(_) => self,
        }
    }

    /// The words of a single command, as a history holds them.
    fn into_words(self) -> Vec<Word> {
        let mut words = vec![Word::from(self.name())];
        words.extend(match self {
            Command::String(command) => command.arguments(),
            Command::Set(command) => command.arguments(),
            Command::Hash(command) => command.arguments(),
            Command::List(command) => command.arguments(),
            Command::SortedSet(command) => command.arguments(),
            Command::Key(command) => command.arguments(),
            Command::Server(command) => command.arguments(),
            Command::Script(command) => command.arguments(),
            Command::Transaction(TransactionCommand::Watch(keys)) => keys,
            Command::Transaction(_) => Vec::new(),
        });
        words
    }

    /// The requests that a client sends for the command, all at once, each as its words.
    pub fn requests(&self) -> Vec<Vec<Word>> {
        match self {
            Command::Transaction(command) => command.requests(),
            Command::Script(command) => vec![command.request()],
            Command::String(_)
            | Command::Set(_)
            | Command::Hash(_)
            | Command::List(_)
            | Command::SortedSet(_)
            | Command::Key(_)
            | Command::Server(_) => vec![self.clone().into_words()],
        }
    }
}

/// How a history holds a command: a list of words, or an object for a whole transaction.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Spelling {
    Words(Vec<Word>),
    Transaction(transaction::Spelling),
}

impl From<Command> for Spelling {
    fn from(command: Command) -> Spelling {
        let whole = command.transaction().and_then(TransactionCommand::spelling);
        whole.map_or_else(|| Spelling::Words(command.into_words()), Spelling::Transaction)
    }
}

impl TryFrom<Spelling> for Command {
    type Error = UnknownCommand;

    fn try_from(spelling: Spelling) -> Result<Command, UnknownCommand> {
        match spelling {
            Spelling::Words(words) => Command::try_from(words),
            Spelling::Transaction(transaction) => Ok(Command::Transaction(transaction.into())),
        }
    }
}

/// The workload has no command of these words.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not a command that the checker knows")]
pub struct UnknownCommand(String);

impl TryFrom<Vec<Word>> for Command {
    type Error = UnknownCommand;

    fn try_from(words: Vec<Word>) -> Result<Command, UnknownCommand> {
        let unknown = || UnknownCommand(words.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
        let (name, arguments) = words.split_first().ok_or_else(unknown)?;
        let name = name.to_upper_case().ok_or_else(unknown)?;
        let string = || StringCommand::parse(&name, arguments).map(Command::String);
        let key = || KeyCommand::parse(&name, arguments).map(Command::Key);
        let server = || ServerCommand::parse(&name, arguments).map(Command::Server);
        let set = || SetCommand::parse(&name, arguments).map(Command::Set);
        let hash = || HashCommand::parse(&name, arguments).map(Command::Hash);
        let list = || ListCommand::parse(&name, arguments).map(Command::List);
        let sorted_set = || SortedSetCommand::parse(&name, arguments).map(Command::SortedSet);
        let collection = || set().or_else(hash).or_else(list).or_else(sorted_set);
        let transaction = || TransactionCommand::parse(&name, arguments).map(Command::Transaction);
        let script = || ScriptCommand::parse(&name, arguments).map(Command::Script);
        let others = || collection().or_else(transaction).or_else(script);
        string().or_else(key).or_else(server).or_else(others).ok_or_else(unknown)
    }
}

/// The command as a person would type it. Semicolons stand between the requests of a transaction.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = |words: &[Word], first: &str| {
            words
                .iter()
                .enumerate()
                .try_for_each(|(number, word)| write!(f, "{}{word}", if number == 0 { first } else { " " }))
        };
        match self.transaction() {
            Some(transaction) => {
                let requests = transaction.shown();
                requests
                    .iter()
                    .enumerate()
                    .try_for_each(|(number, request)| words(request, if number == 0 { "" } else { "; " }))
            }
            None => words(&self.clone().into_words(), ""),
        }
    }
}
