//! Commands about whole databases and the server.

use super::reply::Reply;
use super::state::{Site, State};
use crate::word::Word;

/// A command about the whole database or the server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerCommand {
    /// Deletes every key of every database.
    FlushAll,
    /// Returns the number of keys.
    DbSize,
    /// Returns PONG.
    Ping,
    /// Chooses the database of this client. The clients of the workload do so once, before all else.
    Select(u8),
    /// Deletes every key of the client's database.
    FlushDb,
    /// Swaps two databases.
    SwapDb(u8, u8),
}

/// How the commands are written.
impl ServerCommand {
    pub(super) fn name(&self) -> &'static str {
        match self {
            ServerCommand::FlushAll => "FLUSHALL",
            ServerCommand::DbSize => "DBSIZE",
            ServerCommand::Ping => "PING",
            ServerCommand::Select(_) => "SELECT",
            ServerCommand::FlushDb => "FLUSHDB",
            ServerCommand::SwapDb(..) => "SWAPDB",
        }
    }

    pub(super) fn arguments(self) -> Vec<Word> {
        match self {
            ServerCommand::FlushAll | ServerCommand::FlushDb | ServerCommand::DbSize | ServerCommand::Ping => {
                Vec::new()
            }
            ServerCommand::Select(number) => vec![Word::from(number.to_string())],
            ServerCommand::SwapDb(one, other) => vec![Word::from(one.to_string()), Word::from(other.to_string())],
        }
    }

    pub(super) fn parse(name: &str, arguments: &[Word]) -> Option<ServerCommand> {
        match (name, arguments) {
            ("FLUSHALL", []) => Some(ServerCommand::FlushAll),
            ("DBSIZE", []) => Some(ServerCommand::DbSize),
            ("PING", []) => Some(ServerCommand::Ping),
            ("FLUSHDB", []) => Some(ServerCommand::FlushDb),
            ("SELECT", [number]) => Some(ServerCommand::Select(database(number)?)),
            ("SWAPDB", [one, other]) => Some(ServerCommand::SwapDb(database(one)?, database(other)?)),
            _ => None,
        }
    }
}

fn database(number: &Word) -> Option<u8> {
    number.to_integer()?.try_into().ok()
}

/// What the commands mean.
impl ServerCommand {
    pub(crate) fn apply(&self, state: &mut State, site: Site) -> Reply {
        match self {
            ServerCommand::FlushAll => {
                state.retain(|_, _| false);
                Reply::ok()
            }
            ServerCommand::FlushDb => {
                state.retain(|database, _| database != site.database);
                Reply::ok()
            }
            ServerCommand::SwapDb(one, other) => {
                state.swap(*one, *other);
                Reply::ok()
            }
            ServerCommand::Select(_) => Reply::ok(),
            ServerCommand::DbSize => Reply::Integer(i64::try_from(state.count(site.database)).unwrap_or(i64::MAX)),
            ServerCommand::Ping => Reply::Status { status: "PONG".into() },
        }
    }

    pub(crate) fn allows(&self, reply: &Reply) -> bool {
        match self {
            ServerCommand::FlushAll | ServerCommand::FlushDb | ServerCommand::Select(_) | ServerCommand::SwapDb(..) => {
                reply.is_status("OK")
            }
            ServerCommand::DbSize => reply.is_count_up_to(usize::MAX),
            ServerCommand::Ping => reply.is_status("PONG"),
        }
    }

    pub(crate) fn expected(&self) -> String {
        let expected = match self {
            ServerCommand::FlushAll | ServerCommand::FlushDb | ServerCommand::Select(_) | ServerCommand::SwapDb(..) => {
                "OK"
            }
            ServerCommand::DbSize => "a count",
            ServerCommand::Ping => "PONG",
        };
        expected.into()
    }
}

/// What the commands concern. None names a key.
impl ServerCommand {
    pub(super) fn may_write(&self) -> bool {
        match self {
            ServerCommand::FlushAll | ServerCommand::FlushDb | ServerCommand::SwapDb(..) => true,
            ServerCommand::DbSize | ServerCommand::Ping | ServerCommand::Select(_) => false,
        }
    }

    pub(super) fn concerns_all_keys(&self) -> bool {
        match self {
            ServerCommand::FlushAll | ServerCommand::FlushDb | ServerCommand::SwapDb(..) | ServerCommand::DbSize => {
                true
            }
            ServerCommand::Ping | ServerCommand::Select(_) => false,
        }
    }
}
