//! Elements that somebody sees later, so that nobody may have removed them before.
//!
//! An element that only one deed adds comes into a collection once. If it has gone, it never comes back. So a state is
//! hopeless in which it is gone while an answered deed that shows it has not happened yet. This rules out most of the places
//! at which a pop of unknown outcome could have happened.

use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;

use super::super::impact::parts;
use super::atlas::places_of;
use super::change::{Change, changes};
use super::deed::Deeds;
use super::doing::Doing;
use super::goal::elements_of;
use super::group::Group;
use crate::operation::{Command, Entry, ListCommand, Reply, Script, ScriptCommand, SetCommand};
use crate::word::Word;

/// For each key and element that only one deed adds, the answered deed that shows it and ends last.
pub(super) struct Shown<'a>(HashMap<(u32, &'a Word), u32, FixedState>);

impl<'a> Shown<'a> {
    /// What the deeds of a group show.
    pub(super) fn of(deeds: &'a Deeds<'a>, group: &Group) -> Shown<'a> {
        let mut added: HashMap<(u32, Word), u32, FixedState> = HashMap::default();
        let mut wild: HashSet<u32, FixedState> = HashSet::default();
        let mut shown: HashMap<(u32, &'a Word), u32, FixedState> = HashMap::default();
        for number in &group.deeds {
            let deed = &deeds.all[*number as usize];
            for place in places_of(deed) {
                let key = deeds.places[place as usize].1;
                for change in changes(&deed.doing, key) {
                    match change {
                        Change::Adds(elements) => {
                            for element in elements {
                                *added.entry((place, element.clone())).or_default() += 1;
                            }
                        }
                        Change::Anything => {
                            wild.insert(place);
                        }
                        Change::Nothing
                        | Change::Increases(_)
                        | Change::Sets(_)
                        | Change::Appends
                        | Change::Removes(_)
                        | Change::Pops
                        | Change::Shrinks => {}
                    }
                }
                let Doing::Command { command, seen: Some(seen), .. } = &deed.doing else { continue };
                for (part, seen) in parts(command, Some(seen)) {
                    for element in seen.map(|seen| elements_in(part, seen, key)).unwrap_or_default() {
                        let last = shown.entry((place, element)).or_insert(*number);
                        if deeds.all[*last as usize].end < deed.end {
                            *last = *number;
                        }
                    }
                }
            }
        }
        shown.retain(|(place, element), _| {
            !wild.contains(place) && added.get(&(*place, (*element).clone())) == Some(&1)
        });
        Shown(shown)
    }

    /// The deeds that still show an element which a step from one entry to another removes.
    pub(super) fn removed(&self, place: u32, before: Option<&Entry>, after: Option<&Entry>) -> Vec<u32> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let Some(before) = before else { return Vec::new() };
        let left = after.map(|after| elements_of(&after.value)).unwrap_or_default();
        let gone = elements_of(&before.value).into_iter().filter(|element| !left.contains(element));
        gone.filter_map(|element| self.0.get(&(place, element)).copied()).collect()
    }
}

/// The elements that a reply shows to be in the collection of a key just before, or after, its command.
fn elements_in<'a>(command: &'a Command, seen: &'a Reply, key: &Word) -> Vec<&'a Word> {
    if let (Command::List(ListCommand::PopMany(..)), Reply::Array(replies)) = (command, seen) {
        return match replies.as_slice() {
            [Reply::Value(of), popped] if of == key => words(popped),
            _ => Vec::new(),
        };
    }
    // The others show elements of their first key.
    if command.keys().first().is_none_or(|first| *first != key) {
        return Vec::new();
    }
    match command {
        Command::List(
            ListCommand::All(_)
            | ListCommand::At(..)
            | ListCommand::PopLeft(_)
            | ListCommand::PopRight(_)
            | ListCommand::Move(..),
        )
        | Command::Set(SetCommand::Members(_) | SetCommand::Pop(_) | SetCommand::PopMany(..))
        | Command::Script(ScriptCommand::Run { script: Script::PushAndLook(..) | Script::MoveIf(..), .. }) => {
            words(seen)
        }
        Command::List(ListCommand::Find(_, element)) => {
            if matches!(seen, Reply::Integer(_)) {
                vec![element]
            } else {
                Vec::new()
            }
        }
        Command::List(ListCommand::Insert(_, element, _) | ListCommand::Remove(_, element))
        | Command::Set(SetCommand::Has(_, element) | SetCommand::Move(_, _, element)) => {
            if matches!(seen, Reply::Integer(1..)) { vec![element] } else { Vec::new() }
        }
        Command::List(_)
        | Command::Set(_)
        | Command::Hash(_)
        | Command::SortedSet(_)
        | Command::String(_)
        | Command::Key(_)
        | Command::Server(_)
        | Command::Script(_)
        | Command::Transaction(_) => Vec::new(),
    }
}

/// The words of a reply.
fn words(reply: &Reply) -> Vec<&Word> {
    match reply {
        Reply::Value(word) => vec![word],
        Reply::Array(replies) => replies.iter().flat_map(words).collect(),
        _ => Vec::new(),
    }
}
