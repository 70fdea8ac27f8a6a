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
    /// Whether it could change the database. Whether it does shows when it is executed.
    pub fn may_write(&self) -> bool {
        match self {
            Command::Set { .. } | Command::Delete { .. } | Command::MultiSet { .. } | Command::Flush => true,
            Command::Get { .. } | Command::Exists { .. } | Command::MultiGet { .. } | Command::Size => false,
        }
    }
}
