//! What clients ask, and what they are told.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::word::Word;

/// A command, as far as its meaning goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Word>", into = "Vec<Word>")]
pub enum Command {
    /// Returns a value.
    Get(Word),
    /// Sets a value.
    Set {
        /// Which key.
        key: Word,
        /// To what.
        value: Word,
        /// Only if this holds.
        condition: Option<Condition>,
        /// Whether the old value is to be returned.
        get: bool,
    },
    /// Deletes keys and returns how many there were.
    Del(Vec<Word>),
    /// Returns how many of the keys exist; a key that is named twice counts twice.
    Exists(Vec<Word>),
    /// Returns several values, as of one moment.
    MGet(Vec<Word>),
    /// Sets several values at one moment.
    MSet(Vec<(Word, Word)>),
    /// Deletes every key.
    FlushAll,
    /// Returns the number of keys.
    DbSize,
    /// Returns PONG.
    Ping,
}

/// When a SET sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// NX: the key is absent.
    Absent,
    /// XX: the key is present.
    Present,
}

/// A reply as it came, whatever the command made one expect.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reply {
    /// Null.
    Nil,
    /// An integer.
    Integer(i64),
    /// A string that is no value, such as OK.
    Status {
        /// The string.
        status: String,
    },
    /// An error that no client should get for a correct command.
    Error {
        /// Its text.
        error: String,
    },
    /// What no command of ours is ever answered with, in words.
    Strange {
        /// What it was.
        strange: String,
    },
    /// A value.
    Value(Word),
    /// Several replies.
    Array(Vec<Reply>),
}

impl Reply {
    /// The status `OK`.
    pub fn ok() -> Reply {
        Reply::Status { status: "OK".into() }
    }
}

/// How an operation ended for its client.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The server has answered.
    Reply(Reply),
    /// The server says that nothing happened, nor will it; here in its words.
    Failed(String),
    /// It may have happened, and may yet, at any later time; here what the client knows about why.
    Unknown(String),
}

impl Command {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Get(_) => "GET",
            Command::Set { .. } => "SET",
            Command::Del(_) => "DEL",
            Command::Exists(_) => "EXISTS",
            Command::MGet(_) => "MGET",
            Command::MSet(_) => "MSET",
            Command::FlushAll => "FLUSHALL",
            Command::DbSize => "DBSIZE",
            Command::Ping => "PING",
        }
    }

    /// The keys that it names.
    pub fn keys(&self) -> Vec<&Word> {
        match self {
            Command::Get(key) | Command::Set { key, .. } => vec![key],
            Command::Del(keys) | Command::Exists(keys) | Command::MGet(keys) => keys.iter().collect(),
            Command::MSet(pairs) => pairs.iter().map(|(key, _)| key).collect(),
            Command::FlushAll | Command::DbSize | Command::Ping => Vec::new(),
        }
    }

    /// Whether it concerns every key, named or not.
    pub fn concerns_all_keys(&self) -> bool {
        matches!(self, Command::FlushAll | Command::DbSize)
    }

    /// Whether it can change anything.
    pub fn may_write(&self) -> bool {
        matches!(self, Command::Set { .. } | Command::Del(_) | Command::MSet(_) | Command::FlushAll)
    }

    /// The form in which a history keeps it.
    pub fn abridged(self) -> Command {
        match self {
            Command::Set { key, value, condition, get } => {
                Command::Set { key: key.abridged(), value: value.abridged(), condition, get }
            }
            Command::MSet(pairs) => {
                Command::MSet(pairs.into_iter().map(|(key, value)| (key.abridged(), value.abridged())).collect())
            }
            command => command, // keys are short
        }
    }

    /// As it is sent.
    pub fn into_words(self) -> Vec<Word> {
        let name = Word::from(self.name());
        match self {
            Command::Get(key) => vec![name, key],
            Command::Set { key, value, condition, get } => {
                let condition = condition.map(|condition| match condition {
                    Condition::Absent => Word::from("NX"),
                    Condition::Present => Word::from("XX"),
                });
                let get = get.then(|| Word::from("GET"));
                [name, key, value].into_iter().chain(condition).chain(get).collect()
            }
            Command::Del(keys) | Command::Exists(keys) | Command::MGet(keys) => {
                [name].into_iter().chain(keys).collect()
            }
            Command::MSet(pairs) => {
                [name].into_iter().chain(pairs.into_iter().flat_map(|(key, value)| [key, value])).collect()
            }
            Command::FlushAll | Command::DbSize | Command::Ping => vec![name],
        }
    }
}

impl From<Command> for Vec<Word> {
    fn from(command: Command) -> Vec<Word> {
        command.into_words()
    }
}

/// Why words are not a command of the workload.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not a command that the checker knows")]
pub struct NoCommand(String);

impl TryFrom<Vec<Word>> for Command {
    type Error = NoCommand;

    fn try_from(words: Vec<Word>) -> Result<Command, NoCommand> {
        let unknown = || NoCommand(words.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
        let (name, rest) = words.split_first().ok_or_else(unknown)?;
        let name = upper_case(name).ok_or_else(unknown)?;
        match (name.as_str(), rest) {
            ("GET", [key]) => Ok(Command::Get(key.clone())),
            ("SET", [key, value, options @ ..]) => set(key, value, options).ok_or_else(unknown),
            ("DEL", [_, ..]) => Ok(Command::Del(rest.to_vec())),
            ("EXISTS", [_, ..]) => Ok(Command::Exists(rest.to_vec())),
            ("MGET", [_, ..]) => Ok(Command::MGet(rest.to_vec())),
            ("MSET", [_, _, ..]) if rest.len().is_multiple_of(2) => {
                Ok(Command::MSet(rest.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()))
            }
            ("FLUSHALL", []) => Ok(Command::FlushAll),
            ("DBSIZE", []) => Ok(Command::DbSize),
            ("PING", []) => Ok(Command::Ping),
            _ => Err(unknown()),
        }
    }
}

fn set(key: &Word, value: &Word, options: &[Word]) -> Option<Command> {
    let (mut condition, mut get) = (None, false);
    for option in options {
        match upper_case(option)?.as_str() {
            "NX" if condition != Some(Condition::Present) => condition = Some(Condition::Absent),
            "XX" if condition != Some(Condition::Absent) => condition = Some(Condition::Present),
            "GET" => get = true,
            _ => return None,
        }
    }
    Some(Command::Set { key: key.clone(), value: value.clone(), condition, get })
}

fn upper_case(word: &Word) -> Option<String> {
    let Word::Whole(bytes) = word else { return None };
    str::from_utf8(bytes).ok().map(str::to_uppercase)
}

/// As one would type it.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, word) in self.clone().into_words().iter().enumerate() {
            write!(f, "{}{word}", if number == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Nil => f.write_str("(nil)"),
            Reply::Integer(integer) => integer.fmt(f),
            Reply::Status { status } => f.write_str(status),
            Reply::Error { error } => write!(f, "error: {error}"),
            Reply::Strange { strange } => write!(f, "strange: {strange}"),
            Reply::Value(value) => value.fmt(f),
            Reply::Array(replies) => {
                f.write_str("[")?;
                for (number, reply) in replies.iter().enumerate() {
                    write!(f, "{}{reply}", if number == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Reply(reply) => reply.fmt(f),
            Outcome::Failed(why) => write!(f, "nothing happened: {why}"),
            Outcome::Unknown(why) => write!(f, "unknown: {why}"),
        }
    }
}
