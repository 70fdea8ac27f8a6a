//! The classes of commands that the workload tells apart when it draws, counts and reports.

use serde::Serialize;

use crate::operation::{Command, Condition};

/// A class of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "&'static str")]
pub enum Class {
    /// GET
    Get,
    /// SET without an option
    Set,
    /// SET with NX
    SetAbsent,
    /// SET with XX
    SetPresent,
    /// SET with GET, whatever else
    SetGet,
    /// DEL of one key
    Del,
    /// DEL of several keys
    DelMany,
    /// EXISTS
    Exists,
    /// MGET
    MGet,
    /// MSET
    MSet,
    /// PING
    Ping,
    /// FLUSHALL
    FlushAll,
    /// DBSIZE
    DbSize,
}

impl Class {
    /// Those that any database bears.
    pub const GENTLE: [Class; 11] = [
        Class::Get,
        Class::Set,
        Class::SetAbsent,
        Class::SetPresent,
        Class::SetGet,
        Class::Del,
        Class::DelMany,
        Class::Exists,
        Class::MGet,
        Class::MSet,
        Class::Ping,
    ];

    /// All of them.
    pub const ALL: [Class; 13] = {
        let mut all = [Class::DbSize; 13];
        let mut place = 0;
        while place < Class::GENTLE.len() {
            all[place] = Class::GENTLE[place];
            place += 1;
        }
        all[place] = Class::FlushAll;
        all
    };

    /// Whether its commands concern several keys at once.
    pub fn joins(self) -> bool {
        matches!(self, Class::DelMany | Class::Exists | Class::MGet | Class::MSet)
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Class::Get => "GET",
            Class::Set => "SET",
            Class::SetAbsent => "SET NX",
            Class::SetPresent => "SET XX",
            Class::SetGet => "SET GET",
            Class::Del => "DEL",
            Class::DelMany => "DEL of several keys",
            Class::Exists => "EXISTS",
            Class::MGet => "MGET",
            Class::MSet => "MSET",
            Class::Ping => "PING",
            Class::FlushAll => "FLUSHALL",
            Class::DbSize => "DBSIZE",
        }
    }
}

impl From<Class> for &'static str {
    fn from(class: Class) -> &'static str {
        class.name()
    }
}

impl From<&Command> for Class {
    fn from(command: &Command) -> Class {
        match command {
            Command::Get(_) => Class::Get,
            Command::Set { get: true, .. } => Class::SetGet,
            Command::Set { condition: Some(Condition::Absent), .. } => Class::SetAbsent,
            Command::Set { condition: Some(Condition::Present), .. } => Class::SetPresent,
            Command::Set { .. } => Class::Set,
            Command::Del(keys) if keys.len() > 1 => Class::DelMany,
            Command::Del(_) => Class::Del,
            Command::Exists(_) => Class::Exists,
            Command::MGet(_) => Class::MGet,
            Command::MSet(_) => Class::MSet,
            Command::FlushAll => Class::FlushAll,
            Command::DbSize => Class::DbSize,
            Command::Ping => Class::Ping,
        }
    }
}
