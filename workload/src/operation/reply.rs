//! Replies, and the outcomes of operations.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::word::Word;

/// The code of the error to an EXEC after a command that the server refused to queue.
pub(super) const ABORTED: &str = "EXECABORT";

/// A reply as the client received it, of whatever type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reply {
    /// Null.
    Nil,
    /// An integer.
    Integer(i64),
    /// A simple string, such as OK.
    Status {
        /// Its text.
        status: String,
    },
    /// An error that a server must not give to a correct command.
    Error {
        /// Its text.
        error: String,
    },
    /// A reply of a type that no command of the workload has, in words.
    Strange {
        /// A description of the reply.
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

    /// The reply that shows a value, or nil if the key is absent.
    pub(super) fn value(value: Option<&Word>) -> Reply {
        value.map_or(Reply::Nil, |value| Reply::Value(value.clone()))
    }

    /// The error to a command about a value of another type.
    pub(crate) fn wrong_type() -> Reply {
        Reply::Error { error: "WRONGTYPE".into() }
    }

    /// The error to arithmetic on a value that is not an integer.
    pub(crate) fn no_integer() -> Reply {
        Reply::Error { error: "ERR value is not an integer or out of range".into() }
    }

    /// The error to EXEC after a command that the server refused to queue.
    pub(crate) fn aborted() -> Reply {
        Reply::Error { error: ABORTED.into() }
    }

    /// Whether this is that error.
    pub(crate) fn is_aborted(&self) -> bool {
        matches!(self, Reply::Error { error } if error.starts_with(ABORTED))
    }

    /// The error to RENAME or LSET of an absent key.
    pub(crate) fn no_key() -> Reply {
        Reply::Error { error: "ERR no such key".into() }
    }

    /// The error to a search around a member that is not there.
    pub(super) fn no_member() -> Reply {
        Reply::Error { error: "ERR could not decode requested zset member".into() }
    }

    /// The error to LSET of an element that is not there.
    pub(super) fn no_index() -> Reply {
        Reply::Error { error: "ERR index out of range".into() }
    }

    /// The form in which replies are compared: the code of an error, and bytes that are abridged as a history does.
    pub(crate) fn plain(self) -> Reply {
        match self {
            Reply::Error { error } => Reply::Error { error: error.split(' ').next().unwrap_or_default().to_owned() },
            Reply::Value(word) => Reply::Value(word.abridged()),
            Reply::Array(replies) => Reply::Array(replies.into_iter().map(Reply::plain).collect()),
            reply @ (Reply::Nil | Reply::Integer(_) | Reply::Status { .. } | Reply::Strange { .. }) => reply,
        }
    }

    /// The values of an array in the order of a set, which has none of its own. `stride` values belong together.
    pub(super) fn sorted(self, stride: usize) -> Reply {
        match self {
            Reply::Array(replies) if replies.len().is_multiple_of(stride) => {
                let mut groups: Vec<Vec<Reply>> = replies.chunks(stride).map(<[Reply]>::to_vec).collect();
                groups.sort_by_cached_key(|group| format!("{group:?}"));
                Reply::Array(groups.concat())
            }
            reply => reply,
        }
    }

    /// Whether this is an array of values only, in groups of `stride`.
    pub(super) fn is_values(&self, stride: usize) -> bool {
        let value = |reply: &Reply| matches!(reply, Reply::Value(_));
        matches!(self, Reply::Array(replies) if replies.len().is_multiple_of(stride) && replies.iter().all(value))
    }

    /// Whether this is an array of values only, at most so many.
    pub(super) fn is_values_up_to(&self, most: usize) -> bool {
        self.is_values(1) && matches!(self, Reply::Array(replies) if replies.len() <= most)
    }

    /// Whether this is an integer.
    pub(super) fn is_integer(&self) -> bool {
        matches!(self, Reply::Integer(_))
    }

    /// The reply that counts something.
    pub(super) fn count<T>(counted: impl Iterator<Item = T>) -> Reply {
        Reply::Integer(i64::try_from(counted.count()).unwrap_or(i64::MAX))
    }

    /// Whether this is a value or nil.
    pub(super) fn is_value_or_nil(&self) -> bool {
        matches!(self, Reply::Nil | Reply::Value(_))
    }

    /// Whether this is the status of these letters.
    pub(crate) fn is_status(&self, text: &str) -> bool {
        matches!(self, Reply::Status { status } if status == text)
    }

    /// Whether this is a count from zero to `most`.
    pub(super) fn is_count_up_to(&self, most: usize) -> bool {
        matches!(self, Reply::Integer(count) if usize::try_from(*count).is_ok_and(|count| count <= most))
    }

    /// A key with what this reply shows of it, if this is a reply to a read of that key.
    pub(super) fn shown_of<'a>(&'a self, key: &'a Word) -> Option<(&'a Word, Option<&'a Word>)> {
        match self {
            Reply::Value(value) => Some((key, Some(value))),
            Reply::Nil => Some((key, None)),
            Reply::Integer(_)
            | Reply::Status { .. }
            | Reply::Error { .. }
            | Reply::Strange { .. }
            | Reply::Array(_) => None,
        }
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

/// How an operation ended for its client.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The server answered.
    Reply(Reply),
    /// The server said, in these words, that the command did nothing and never will.
    Failed(String),
    /// The command may have taken effect, or may at any later time. The text says why the client does not know.
    Unknown(String),
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
