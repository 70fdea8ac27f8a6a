//! What a client can ask, as values.
//!
//! [`parse`] turns the words of a request into a [`Request`] by the one [`table`] of commands, which also feeds arity
//! checks, `COMMAND`, the `HELP` texts and the README. A new command is one row there and the meaning that it names.

pub mod connection;
pub mod glob;
pub mod introspect;
pub mod parse;
pub mod spec;
pub mod table;

use bytes::Bytes;

use crate::resp::Reply;

/// What a request turned out to be, sorted by who can answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The database.
    Database(Command),
    /// The connection, or the server that it leads to.
    Connection(connection::Ask),
    /// Nobody needs to be asked: the answer depends on the words alone.
    Answer(Reply),
}

/// A command that reads or changes the keys of the database. It means the same on every server: see `state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `GET key`
    Get {
        /// The key to read.
        key: Bytes,
    },
    /// `SET key value [NX | XX] [GET]`
    Set {
        /// The key to write.
        key: Bytes,
        /// Its new value.
        value: Bytes,
        /// Whether the key has to be absent or present.
        condition: Option<Existence>,
        /// Whether to answer the old value.
        get: bool,
    },
    /// `DEL key...` and `UNLINK key...`
    Delete {
        /// One or more, perhaps with repetitions.
        keys: Vec<Bytes>,
    },
    /// `EXISTS key...`
    Exists {
        /// One or more; repetitions count again.
        keys: Vec<Bytes>,
    },
    /// `MGET key...`
    MultiGet {
        /// One or more.
        keys: Vec<Bytes>,
    },
    /// `MSET key value...`
    MultiSet {
        /// One or more; the last of equal keys wins.
        pairs: Vec<(Bytes, Bytes)>,
    },
    /// `DBSIZE`
    Size,
    /// `FLUSHALL` and `FLUSHDB`
    Flush,
}

/// The condition of a `SET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existence {
    /// `NX`: only if the key is absent.
    Absent,
    /// `XX`: only if the key is present.
    Present,
}

impl Command {
    /// Whether the database could be larger afterwards, as the table says with the flag DENYOOM.
    pub fn may_grow(&self) -> bool {
        matches!(self, Command::Set { .. } | Command::MultiSet { .. })
    }

    /// The bytes of the keys and values that it sets, if it does.
    pub fn written(&self) -> u64 {
        let pair = |key: &Bytes, value: &Bytes| key.len() as u64 + value.len() as u64;
        match self {
            Command::Set { key, value, .. } => pair(key, value),
            Command::MultiSet { pairs } => pairs.iter().map(|(key, value)| pair(key, value)).sum(),
            _ => 0,
        }
    }

    /// Whether it could change the database. Whether it does shows when it is executed.
    pub fn may_write(&self) -> bool {
        match self {
            Command::Set { .. } | Command::Delete { .. } | Command::MultiSet { .. } | Command::Flush => true,
            Command::Get { .. } | Command::Exists { .. } | Command::MultiGet { .. } | Command::Size => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::spec::Flag;
    use super::*;

    #[test]
    fn a_command_does_what_the_flags_of_its_row_say() {
        let mut seen = 0;
        for spec in table::all() {
            let words = usize::from(spec.arity.unsigned_abs());
            let arguments = std::iter::repeat_n(Bytes::from_static(b"a"), words - 1);
            let request = std::iter::once(Bytes::from_static(spec.name.as_bytes())).chain(arguments).collect();
            if let Ok(Request::Database(command)) = parse::command(request) {
                assert_eq!(command.may_write(), spec.is(Flag::Write), "{}", spec.name);
                assert_eq!(command.may_grow(), spec.is(Flag::Denyoom), "{}", spec.name);
                seen += 1;
            }
        }
        assert!(seen >= 8, "every command of the database can be as short as its arity says");
    }
}
