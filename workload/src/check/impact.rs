//! The impact of a command, as far as its reply shows it: which of its parts took effect, and whether it changed anything.

use crate::operation::{
    Command, HashCommand, ListCommand, Reply, Script, ScriptCommand, ServerCommand, SetCommand, SortedSetCommand,
    StringCommand, TransactionCommand,
};

/// The commands that take effect with a command, each with the reply to it.
pub(super) fn parts<'c>(command: &'c Command, seen: Option<&'c Reply>) -> Vec<(&'c Command, Option<&'c Reply>)> {
    match (command.transaction(), seen) {
        (None, seen) => vec![(command, seen)],
        (Some(transaction), Some(seen)) => {
            transaction.answered(seen).into_iter().map(|(command, reply)| (command, Some(reply))).collect()
        }
        (Some(transaction), None) => transaction.effective().iter().map(|command| (command, None)).collect(),
    }
}

/// Whether a command with this reply, in its comparable form, changes nothing in any state.
pub(super) fn does_nothing(command: &Command, seen: &Reply) -> bool {
    is_idle(command, Some(seen)) || is_harmless(command, seen)
}

/// Whether a command with this reply, or without any, changes nothing and depends on nothing.
pub(super) fn is_idle(command: &Command, reply: Option<&Reply>) -> bool {
    match command {
        Command::Server(command) => match command {
            ServerCommand::Ping | ServerCommand::Select(_) => true,
            ServerCommand::FlushAll | ServerCommand::DbSize | ServerCommand::FlushDb | ServerCommand::SwapDb(..) => {
                false
            }
        },
        Command::Transaction(command) => match command {
            TransactionCommand::Exec { .. } => reply == Some(&Reply::Nil),
            TransactionCommand::Watch(_) => false,
            TransactionCommand::Unwatch | TransactionCommand::Discard(_) | TransactionCommand::Spoilt { .. } => true,
        },
        Command::Script(command) => match command {
            ScriptCommand::Run { .. } => reply.is_some_and(|reply| command.is_unknown(reply)),
            ScriptCommand::Load { .. } | ScriptCommand::Flush => true,
        },
        Command::String(_)
        | Command::Set(_)
        | Command::Hash(_)
        | Command::List(_)
        | Command::SortedSet(_)
        | Command::Key(_) => false,
    }
}

/// Whether a command with this reply changes nothing in any state.
pub(super) fn is_harmless(command: &Command, seen: &Reply) -> bool {
    let none = *seen == Reply::Integer(0);
    if !command.may_write() && !matches!(command, Command::Transaction(_)) {
        return true;
    }
    // A script that stops with an error keeps what it did before.
    if matches!(seen, Reply::Error { .. }) && !matches!(command, Command::Script(_)) {
        return true;
    }
    match command {
        Command::Set(SetCommand::Add(..) | SetCommand::Remove(..) | SetCommand::Move(..))
        | Command::Hash(HashCommand::Delete(..))
        | Command::SortedSet(SortedSetCommand::Remove(..))
        | Command::List(ListCommand::Remove(..))
        | Command::String(StringCommand::SetNx(..))
        | Command::Key(_) => none,
        Command::List(ListCommand::Insert(..)) => matches!(seen, Reply::Integer(..=0)),
        Command::Hash(HashCommand::Field(command)) => command.changes_nothing(seen),
        Command::Set(SetCommand::PopMany(..)) | Command::SortedSet(SortedSetCommand::Pop(..)) => {
            *seen == Reply::Array(Vec::new())
        }
        Command::Set(SetCommand::Pop(_))
        | Command::List(
            ListCommand::PopLeft(_) | ListCommand::PopRight(_) | ListCommand::Move(..) | ListCommand::PopMany(..),
        )
        | Command::String(StringCommand::GetDel(_) | StringCommand::GetEx(..)) => *seen == Reply::Nil,
        // Without GET, nil says that its condition did not hold.
        Command::String(StringCommand::SetFor { get: false, .. }) => *seen == Reply::Nil,
        Command::Transaction(command) => match command {
            TransactionCommand::Exec { watched, .. } => {
                watched.is_empty() && command.answered(seen).iter().all(|(command, seen)| is_harmless(command, seen))
            }
            TransactionCommand::Watch(_) => false,
            TransactionCommand::Unwatch | TransactionCommand::Discard(_) | TransactionCommand::Spoilt { .. } => true,
        },
        Command::Script(ScriptCommand::Run { script, .. }) => match script {
            Script::CompareAndSet(..) => none,
            Script::MoveIf(..) => *seen == Reply::Nil,
            Script::IncrWithLimit(..)
            | Script::PushAndLook(..)
            | Script::SetAndFail(..)
            | Script::SetFieldFor(..)
            | Script::PutAndSearch(..) => false,
        },
        // They write whatever their reply is, or read only.
        Command::Script(ScriptCommand::Load { .. } | ScriptCommand::Flush)
        | Command::Set(
            SetCommand::Store(..)
            | SetCommand::Has(..)
            | SetCommand::Members(_)
            | SetCommand::Scan(..)
            | SetCommand::Size(_),
        )
        | Command::Hash(_)
        | Command::List(_)
        | Command::SortedSet(_)
        | Command::String(_)
        | Command::Server(_) => false,
    }
}
