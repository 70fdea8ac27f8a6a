//! How a deed may change the elements of a value.

use super::super::impact::parts;
use super::doing::Doing;
use super::touch::{only_reads, value};
use crate::operation::{
    Command, FieldCommand, GeoCommand, HashCommand, KeyCommand, ListCommand, Reply, Script, ScriptCommand,
    ServerCommand, SetCommand, SortedSetCommand, StringCommand,
};
use crate::word::Word;

/// Up to this many pops of unknown elements are counted one by one.
const FEW: u32 = 4;

/// How a deed may change the elements of a value, as far as that is certain.
pub(super) enum Change<'h> {
    /// Not at all.
    Nothing,
    /// It adds these, and removes none.
    Adds(Vec<&'h Word>),
    /// It adds so much to a number.
    Increases(i64),
    /// It sets a string to this, or leaves it.
    Sets(&'h Word),
    /// It appends to a string.
    Appends,
    /// It removes at most these, and adds none.
    Removes(Vec<Word>),
    /// It removes at most one element, and adds none.
    Pops,
    /// It may remove anything, and adds nothing.
    Shrinks,
    /// It may do anything.
    Anything,
}

/// How a deed may change the elements of the value of a key, command by command.
pub(super) fn changes<'h>(doing: &'h Doing<'_>, key: &Word) -> Vec<Change<'h>> {
    match doing {
        Doing::Death { fields, .. } if !fields.is_empty() => {
            vec![Change::Removes(fields.iter().map(|field| (*field).clone()).collect())]
        }
        Doing::Death { .. } => vec![Change::Shrinks],
        Doing::Command { command, seen, .. } => {
            let parts = parts(command, seen.as_ref()).into_iter();
            let of_key = parts.filter(|(part, _)| part.concerns_all_keys() || part.keys().contains(&key));
            of_key.flat_map(|(part, seen)| changes_by(part, seen, key)).collect()
        }
    }
}

/// How a command may change the elements of the value of a key. One that adds an element and removes another makes two
/// changes, and so does one that removes two.
fn changes_by<'h>(command: &'h Command, seen: Option<&'h Reply>, key: &Word) -> Vec<Change<'h>> {
    match (command, seen) {
        (Command::List(ListCommand::Replace(_, _, element)), None | Some(Reply::Status { .. })) => {
            vec![Change::Adds(vec![element]), Change::Pops]
        }
        (
            Command::Set(SetCommand::PopMany(_, number)) | Command::SortedSet(SortedSetCommand::Pop(_, _, number)),
            None,
        ) if *number <= FEW => (0..*number).map(|_| Change::Pops).collect(),
        (command, seen) => vec![change(command, seen, key)],
    }
}

fn change<'h>(command: &'h Command, seen: Option<&'h Reply>, key: &Word) -> Change<'h> {
    if let Command::Script(ScriptCommand::Run { script, .. }) = command {
        return match (script, seen) {
            (Script::CompareAndSet(..), Some(Reply::Integer(0))) | (Script::MoveIf(..), Some(Reply::Nil)) => {
                Change::Nothing
            }
            (Script::CompareAndSet(_, _, value) | Script::SetAndFail(_, value), _) => Change::Sets(value),
            (Script::PushAndLook(_, element), Some(Reply::Array(_)) | None) => Change::Adds(vec![element]),
            (Script::SetFieldFor(_, field, ..), Some(Reply::Integer(_)) | None) => Change::Adds(vec![field]),
            (Script::PutAndSearch(_, _, member, _), Some(Reply::Array(_)) | None) => Change::Adds(vec![member]),
            (Script::IncrWithLimit(..), Some(Reply::Nil)) => Change::Nothing, // it adds what it takes away again
            (Script::IncrWithLimit(_, amount, _), Some(Reply::Integer(_)) | None) => Change::Increases(*amount),
            (Script::MoveIf(from, to, _), Some(Reply::Value(element))) if from != to => {
                if from == key {
                    Change::Removes(vec![element.clone()])
                } else {
                    Change::Adds(vec![element])
                }
            }
            _ => Change::Anything,
        };
    }
    if !command.may_write() || matches!(seen, Some(Reply::Error { .. })) {
        return Change::Nothing;
    }
    // The elements of an array, of which every `stride`-th counts.
    let removed = |seen: Option<&Reply>, stride: usize| match seen {
        Some(Reply::Array(replies)) => {
            Change::Removes(replies.iter().step_by(stride).filter_map(value).cloned().collect())
        }
        Some(_) => Change::Nothing,
        None => Change::Shrinks,
    };
    let popped = || match seen {
        Some(Reply::Value(element)) => Change::Removes(vec![element.clone()]),
        Some(_) => Change::Nothing,
        None => Change::Pops,
    };
    match command {
        Command::Set(SetCommand::Add(_, members)) => Change::Adds(members.iter().collect()),
        Command::Hash(HashCommand::Set(_, pairs)) => Change::Adds(pairs.iter().map(|(field, _)| field).collect()),
        Command::Hash(HashCommand::IncrBy(_, field, _)) => Change::Adds(vec![field]),
        Command::Hash(HashCommand::Field(command)) if seen.is_some_and(|seen| command.changes_nothing(seen)) => {
            Change::Nothing
        }
        Command::Hash(HashCommand::Field(command)) if command.removes() => {
            Change::Removes(command.fields().into_iter().cloned().collect())
        }
        Command::Hash(HashCommand::Field(FieldCommand::SetEx { pairs, .. })) => {
            Change::Adds(pairs.iter().map(|(field, _)| field).collect())
        }
        Command::Hash(HashCommand::Field(_)) => Change::Nothing, // it changes lives, or nothing
        Command::SortedSet(SortedSetCommand::Add(_, added)) => {
            Change::Adds(added.iter().map(|(_, member)| member).collect())
        }
        Command::SortedSet(SortedSetCommand::IncrBy(_, _, member)) => Change::Adds(vec![member]),
        Command::SortedSet(SortedSetCommand::Geo(GeoCommand::Add(_, places))) => {
            Change::Adds(places.iter().map(|(_, member)| member).collect())
        }
        Command::List(ListCommand::PushRight(_, pushed) | ListCommand::PushLeft(_, pushed)) => {
            Change::Adds(pushed.iter().collect())
        }
        Command::List(ListCommand::Move(from, to, ..)) => match seen {
            _ if from == to => Change::Nothing, // the same elements in another order
            Some(Reply::Value(element)) if from == key => Change::Removes(vec![element.clone()]),
            Some(Reply::Value(element)) => Change::Adds(vec![element]),
            Some(_) => Change::Nothing,
            None if from == key => Change::Pops,
            None => Change::Anything, // nobody knows the element
        },
        Command::List(ListCommand::PopMany(..)) => match seen {
            Some(Reply::Array(replies)) => match replies.as_slice() {
                [Reply::Value(of), popped] if of == key => removed(Some(popped), 1),
                _ => Change::Nothing,
            },
            seen => removed(seen, 1),
        },
        Command::List(ListCommand::Trim(..)) => Change::Shrinks,
        Command::Set(SetCommand::Move(from, to, member)) => match seen {
            _ if from == to => Change::Nothing,
            Some(Reply::Integer(0)) => Change::Nothing,
            _ if from == key => Change::Removes(vec![member.clone()]),
            _ => Change::Adds(vec![member]),
        },
        Command::Set(SetCommand::PopMany(..)) => removed(seen, 1),
        Command::SortedSet(SortedSetCommand::Pop(..)) => removed(seen, 2),
        Command::Set(SetCommand::Store(..))
        | Command::SortedSet(
            SortedSetCommand::StoreRange(..)
            | SortedSetCommand::Union(..)
            | SortedSetCommand::Geo(GeoCommand::Store(..)),
        ) if only_reads(command, key) => Change::Nothing,
        Command::List(ListCommand::Insert(_, _, element)) => Change::Adds(vec![element]),
        Command::List(ListCommand::Remove(_, element)) => Change::Removes(vec![element.clone()]),
        Command::Set(SetCommand::Remove(_, removed))
        | Command::Hash(HashCommand::Delete(_, removed))
        | Command::SortedSet(SortedSetCommand::Remove(_, removed)) => Change::Removes(removed.clone()),
        Command::Set(SetCommand::Pop(_)) | Command::List(ListCommand::PopLeft(_) | ListCommand::PopRight(_)) => {
            popped()
        }
        Command::String(StringCommand::IncrBy(_, amount)) if *amount >= 0 => Change::Increases(*amount),
        Command::String(StringCommand::GetDel(_) | StringCommand::GetEx(..))
        | Command::Key(
            KeyCommand::Del(_)
            | KeyCommand::Exists(_)
            | KeyCommand::Expire(..)
            | KeyCommand::ExpireIf(..)
            | KeyCommand::PExpire(..)
            | KeyCommand::Persist(_)
            | KeyCommand::PTtl(_),
        ) => Change::Shrinks,
        Command::String(StringCommand::Append(..)) => Change::Appends,
        Command::String(
            StringCommand::Set { value, .. }
            | StringCommand::SetFor { value, .. }
            | StringCommand::SetNx(_, value)
            | StringCommand::GetSet(_, value),
        ) => Change::Sets(value),
        Command::Server(ServerCommand::FlushAll | ServerCommand::FlushDb) => Change::Shrinks,
        Command::Server(_)
        | Command::String(_)
        | Command::Script(_)
        | Command::Transaction(_)
        | Command::Key(KeyCommand::Rename(..) | KeyCommand::Copy { .. } | KeyCommand::Move(..))
        | Command::Set(
            SetCommand::Store(..)
            | SetCommand::Has(..)
            | SetCommand::Members(_)
            | SetCommand::Scan(..)
            | SetCommand::Size(_),
        )
        | Command::Hash(HashCommand::Get(..) | HashCommand::All(_) | HashCommand::Scan(..) | HashCommand::Size(_))
        | Command::List(
            ListCommand::Replace(..)
            | ListCommand::At(..)
            | ListCommand::Find(..)
            | ListCommand::All(_)
            | ListCommand::Size(_),
        )
        | Command::SortedSet(
            SortedSetCommand::StoreRange(..)
            | SortedSetCommand::Union(..)
            | SortedSetCommand::Geo(_)
            | SortedSetCommand::Score(..)
            | SortedSetCommand::Rank(..)
            | SortedSetCommand::All(_)
            | SortedSetCommand::Range(..)
            | SortedSetCommand::Scan(..)
            | SortedSetCommand::Size(_),
        ) => Change::Anything,
    }
}
