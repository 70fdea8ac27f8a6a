//! The spelling of commands: in requests, in histories and in reports.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::command::{Command, TransactionCommand};
use super::hash::HashCommand;
use super::key::KeyCommand;
use super::list::ListCommand;
use super::script::ScriptCommand;
use super::server::ServerCommand;
use super::set::SetCommand;
use super::sorted_set::SortedSetCommand;
use super::string::StringCommand;
use crate::word::Word;

impl Command {
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

/// How the commands are written.
impl TransactionCommand {
    /// The form in a history of a whole transaction. `None` for a single command.
    fn spelling(&self) -> Option<TransactionSpelling> {
        let (watched, refused) = (Vec::new(), Vec::new());
        match self.clone() {
            TransactionCommand::Watch(_) | TransactionCommand::Unwatch => None,
            TransactionCommand::Exec { watched, commands } => {
                Some(TransactionSpelling { multi: commands, watched, refused, discarded: false })
            }
            TransactionCommand::Discard(multi) => {
                Some(TransactionSpelling { multi, watched, refused, discarded: true })
            }
            TransactionCommand::Spoilt { commands, refused } => {
                Some(TransactionSpelling { multi: commands, watched, refused, discarded: false })
            }
        }
    }

    fn parse(name: &str, arguments: &[Word]) -> Option<TransactionCommand> {
        match (name, arguments) {
            ("WATCH", [_, ..]) => Some(TransactionCommand::Watch(arguments.to_vec())),
            ("UNWATCH", []) => Some(TransactionCommand::Unwatch),
            _ => None,
        }
    }

    /// The requests that a client sends, all at once.
    fn requests(&self) -> Vec<Vec<Word>> {
        self.spelled(Command::requests)
    }

    /// The requests for people: a script stands by its name.
    fn shown(&self) -> Vec<Vec<Word>> {
        self.spelled(|command| vec![command.clone().into_words()])
    }

    fn spelled(&self, queued: impl Fn(&Command) -> Vec<Vec<Word>>) -> Vec<Vec<Word>> {
        let around = |commands: &[Command], refused: Option<&Vec<Word>>, end: &str| {
            let begin = vec![Word::from("MULTI")];
            let queued = commands.iter().flat_map(&queued).chain(refused.cloned());
            std::iter::once(begin).chain(queued).chain([vec![Word::from(end)]]).collect()
        };
        match self {
            TransactionCommand::Watch(keys) => {
                vec![std::iter::once(Word::from("WATCH")).chain(keys.iter().cloned()).collect()]
            }
            TransactionCommand::Unwatch => vec![vec![Word::from("UNWATCH")]],
            TransactionCommand::Exec { commands, .. } => around(commands, None, "EXEC"),
            TransactionCommand::Discard(commands) => around(commands, None, "DISCARD"),
            TransactionCommand::Spoilt { commands, refused } => around(commands, Some(refused), "EXEC"),
        }
    }

    fn abridged(self) -> TransactionCommand {
        let all = |commands: Vec<Command>| commands.into_iter().map(Command::abridged).collect();
        match self {
            TransactionCommand::Exec { watched, commands } => {
                TransactionCommand::Exec { watched, commands: all(commands) }
            }
            TransactionCommand::Discard(commands) => TransactionCommand::Discard(all(commands)),
            TransactionCommand::Spoilt { commands, refused } => {
                TransactionCommand::Spoilt { commands: all(commands), refused }
            }
            command @ (TransactionCommand::Watch(_) | TransactionCommand::Unwatch) => command,
        }
    }
}

impl From<TransactionSpelling> for TransactionCommand {
    fn from(spelling: TransactionSpelling) -> TransactionCommand {
        let TransactionSpelling { multi: commands, watched, refused, discarded } = spelling;
        if discarded {
            TransactionCommand::Discard(commands)
        } else if refused.is_empty() {
            TransactionCommand::Exec { watched, commands }
        } else {
            TransactionCommand::Spoilt { commands, refused }
        }
    }
}

/// How a history holds a command: a list of words, or an object for a whole transaction.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum CommandSpelling {
    Words(Vec<Word>),
    Transaction(TransactionSpelling),
}

/// How a transaction is written in a history.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransactionSpelling {
    multi: Vec<Command>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    watched: Vec<Word>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refused: Vec<Word>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    discarded: bool,
}

impl Serialize for Command {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        CommandSpelling::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Command, D::Error> {
        Command::try_from(CommandSpelling::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl From<Command> for CommandSpelling {
    fn from(command: Command) -> CommandSpelling {
        let whole = command.transaction().and_then(TransactionCommand::spelling);
        whole.map_or_else(|| CommandSpelling::Words(command.into_words()), CommandSpelling::Transaction)
    }
}

impl TryFrom<CommandSpelling> for Command {
    type Error = UnknownCommand;

    fn try_from(spelling: CommandSpelling) -> Result<Command, UnknownCommand> {
        match spelling {
            CommandSpelling::Words(words) => Command::try_from(words),
            CommandSpelling::Transaction(transaction) => Ok(Command::Transaction(transaction.into())),
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
