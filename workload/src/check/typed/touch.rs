//! What a deed looks at and writes: whole values, or elements of collections.

use std::collections::{BTreeMap, BTreeSet};

use super::super::impact::parts;
use super::doing::{Doing, Place};
use crate::model::Site;
use crate::operation::{
    Command, FieldCommand, GeoCommand, HashCommand, KeyCommand, ListCommand, Reply, Script, ScriptCommand,
    ServerCommand, SetCommand, SortedSetCommand, StringCommand, TransactionCommand,
};
use crate::word::Word;

/// An element of a collection, with the type of the collection.
pub(super) type Element = (Collection, Word);

/// The type of a collection. A command of another type does not commute, because it creates or refuses the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collection {
    Set,
    Hash,
    SortedSet,
}

/// A key, or an element of its value, that a deed concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Touch {
    /// The number of the key.
    pub(super) place: u32,
    /// The element. `None` is the whole value.
    pub(super) element: Option<Element>,
    pub(super) writes: bool,
}

impl Touch {
    /// Whether the order of two deeds with these touches matters.
    pub(super) fn conflicts(&self, other: &Touch) -> bool {
        self.place == other.place
            && (self.writes || other.writes)
            && match (&self.element, &other.element) {
                (Some((kind, element)), Some((other_kind, other))) => kind != other_kind || element == other,
                _ => true,
            }
    }
}

/// What a deed touches. The elements of a collection whose life is `limited` are touched as a whole.
pub(super) fn touches<'h>(
    doing: &Doing<'h>,
    places: &[Place<'h>],
    numbers: &BTreeMap<Place<'h>, u32>,
    limited: &BTreeSet<&Word>,
) -> Vec<Touch> {
    let of_places = |chosen: &dyn Fn(u8, &Word) -> bool, writes: bool| {
        let numbered = places.iter().zip(0..).filter(|((database, word), _)| chosen(*database, word));
        numbered.map(|(_, place)| Touch { place, element: None, writes }).collect()
    };
    let (command, seen, site) = match doing {
        Doing::Death { key, fields, .. } if !fields.is_empty() && !limited.contains(key) => {
            let numbered = places.iter().zip(0..).filter(|((_, word), _)| word == key);
            let touch =
                |place, field: &Word| Touch { place, element: Some((Collection::Hash, field.clone())), writes: true };
            return numbered.flat_map(|(_, place)| fields.iter().map(move |field| touch(place, field))).collect();
        }
        Doing::Death { key, .. } => return of_places(&|_, word| word == *key, true),
        Doing::Command { command, seen, site } => (*command, seen.as_ref(), *site),
    };
    if let Command::Server(command) = command {
        return match command {
            ServerCommand::FlushAll => of_places(&|_, _| true, true),
            ServerCommand::FlushDb => of_places(&|database, _| database == site.database, true),
            ServerCommand::SwapDb(one, other) => of_places(&|database, _| [*one, *other].contains(&database), true),
            ServerCommand::DbSize => of_places(&|database, _| database == site.database, false),
            ServerCommand::Ping | ServerCommand::Select(_) => Vec::new(),
        };
    }
    let mut touches = Vec::new();
    // An EXEC looks at the keys that its client watches, and a WATCH notes them: neither changes what others see.
    for key in command.transaction().map(TransactionCommand::noted).unwrap_or_default() {
        touches.push(Touch { place: numbers[&(site.database, key)], element: None, writes: false });
    }
    for (part, seen) in parts(command, seen) {
        touch_keys(&mut touches, part, seen, site, numbers, limited);
    }
    touches.dedup();
    touches
}

/// Adds the touches of a command that names its keys.
fn touch_keys<'h>(
    touches: &mut Vec<Touch>,
    command: &Command,
    seen: Option<&Reply>,
    site: Site,
    numbers: &BTreeMap<Place<'h>, u32>,
    limited: &BTreeSet<&Word>,
) {
    for named in command.places(site.database) {
        let writes = command.may_write() && !only_reads(command, named.1);
        let place = numbers[&named];
        match elements(command, seen).filter(|_| !limited.contains(named.1)) {
            Some((kind, elements)) => {
                let element = |element: Word| Touch { place, element: Some((kind, element)), writes };
                touches.extend(elements.into_iter().map(element));
            }
            None => touches.push(Touch { place, element: None, writes }),
        }
    }
}

/// Whether a command that writes another key reads this one only.
fn only_reads(command: &Command, key: &Word) -> bool {
    matches!(
        command,
        Command::Set(SetCommand::Store(_, to, _))
        | Command::SortedSet(
            SortedSetCommand::StoreRange(to, ..)
            | SortedSetCommand::Union(to, ..)
            | SortedSetCommand::Geo(GeoCommand::Store(to, ..)),
        ) if to != key
    )
}

fn value(reply: &Reply) -> Option<&Word> {
    match reply {
        Reply::Value(word) => Some(word),
        _ => None,
    }
}

/// The elements that a command concerns. `None` if it concerns the whole value, or if nobody knows which.
fn elements(command: &Command, seen: Option<&Reply>) -> Option<(Collection, Vec<Word>)> {
    // An error is about the value as a whole.
    if matches!(seen, Some(Reply::Error { .. })) {
        return None;
    }
    let elements = match command {
        Command::Set(SetCommand::Add(_, members) | SetCommand::Remove(_, members)) => {
            (Collection::Set, members.clone())
        }
        Command::Set(SetCommand::PopMany(_, number)) => match seen {
            // Fewer members than it asked for were all that there were.
            Some(Reply::Array(members)) if members.len() == *number as usize => {
                (Collection::Set, members.iter().filter_map(value).cloned().collect())
            }
            _ => return None,
        },
        // A server looks at the type of the target only if the source has any member, so the whole source counts.
        Command::Set(SetCommand::Move(..)) if seen == Some(&Reply::Integer(0)) => return None,
        Command::Set(SetCommand::Has(_, member) | SetCommand::Move(_, _, member)) => {
            (Collection::Set, vec![member.clone()])
        }
        Command::Set(SetCommand::Pop(_)) => match seen {
            Some(Reply::Value(member)) => (Collection::Set, vec![member.clone()]),
            _ => return None,
        },
        Command::Hash(HashCommand::Set(_, pairs)) => {
            (Collection::Hash, pairs.iter().map(|(field, _)| field.clone()).collect())
        }
        Command::Hash(HashCommand::Delete(_, fields)) => (Collection::Hash, fields.clone()),
        Command::Hash(HashCommand::Get(_, field) | HashCommand::IncrBy(_, field, _)) => {
            (Collection::Hash, vec![field.clone()])
        }
        Command::Hash(HashCommand::Field(command)) => {
            (Collection::Hash, command.fields().into_iter().cloned().collect())
        }
        Command::SortedSet(SortedSetCommand::Add(_, added)) => {
            (Collection::SortedSet, added.iter().map(|(_, member)| member.clone()).collect())
        }
        Command::SortedSet(SortedSetCommand::Remove(_, members)) => (Collection::SortedSet, members.clone()),
        Command::SortedSet(SortedSetCommand::IncrBy(_, _, member) | SortedSetCommand::Score(_, member)) => {
            (Collection::SortedSet, vec![member.clone()])
        }
        Command::SortedSet(SortedSetCommand::Geo(command)) => match command.members() {
            Some(members) => (Collection::SortedSet, members.into_iter().cloned().collect()),
            None => return None,
        },
        Command::Set(SetCommand::Store(..) | SetCommand::Members(_) | SetCommand::Scan(..) | SetCommand::Size(_))
        | Command::Hash(HashCommand::All(_) | HashCommand::Scan(..) | HashCommand::Size(_))
        | Command::SortedSet(
            SortedSetCommand::Pop(..)
            | SortedSetCommand::StoreRange(..)
            | SortedSetCommand::Union(..)
            | SortedSetCommand::Rank(..)
            | SortedSetCommand::All(_)
            | SortedSetCommand::Range(..)
            | SortedSetCommand::Scan(..)
            | SortedSetCommand::Size(_),
        )
        | Command::List(_)
        | Command::String(_)
        | Command::Key(_)
        | Command::Server(_)
        | Command::Script(_)
        | Command::Transaction(_) => return None,
    };
    Some(elements)
}

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
