//! What a deed looks at and writes: whole values, or elements of collections.

use std::collections::{BTreeMap, BTreeSet};

use super::super::impact::parts;
use super::doing::{Doing, Place};
use crate::model::Site;
use crate::operation::{
    Command, GeoCommand, HashCommand, Reply, ServerCommand, SetCommand, SortedSetCommand, TransactionCommand,
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
pub(super) fn only_reads(command: &Command, key: &Word) -> bool {
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

pub(super) fn value(reply: &Reply) -> Option<&Word> {
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
