//! Goals: what a reply says of the value before it. A state from which no waiting deed leads there is hopeless.

use std::collections::BTreeSet;

use super::super::impact::parts;
use super::change::{Change, changes};
use super::deed::Deed;
use super::doing::{Doing, Place};
use crate::operation::{
    self, Command, Entry, HashCommand, ListCommand, Reply, Script, ScriptCommand, SetCommand, SortedSetCommand,
    StringCommand, TypedValue,
};
use crate::word::Word;

/// What the value of a key must be before a deed.
pub(super) enum Goal {
    /// A collection of these elements, fields or members.
    Elements(BTreeSet<Word>),
    /// A collection of so many.
    Size(usize),
    /// This number.
    Number(i64),
    /// This string.
    Text(Word),
}

/// Up to this many amounts, the search tries every sum.
const MOST_AMOUNTS: usize = 22;

impl Goal {
    /// The goal of a deed and its key, if its reply sets one. For a transaction it is the goal of its first command that has
    /// one, if no earlier command looks at that key.
    pub(super) fn of<'d>(deed: &'d Deed<'_>) -> Option<(Goal, Place<'d>)> {
        let Doing::Command { command, seen: Some(seen), site } = &deed.doing else { return None };
        let parts = parts(command, Some(seen));
        let first = |index: usize| {
            let (command, seen) = parts[index];
            let key = *command.keys().first()?;
            let earlier = parts[..index].iter().any(|(before, _)| before.keys().contains(&key));
            Some((Goal::of_command(command, seen?).filter(|_| !earlier)?, (site.database, key)))
        };
        (0..parts.len()).find_map(first)
    }

    fn of_command(command: &Command, seen: &Reply) -> Option<Goal> {
        let size = |less: usize| match seen {
            Reply::Integer(size) => Some(Goal::Size(usize::try_from(*size).ok()?.checked_sub(less)?)),
            _ => None,
        };
        match command {
            Command::Set(SetCommand::Members(_)) | Command::List(ListCommand::All(_)) => elements(seen, 1),
            Command::Hash(HashCommand::All(_)) | Command::SortedSet(SortedSetCommand::All(_)) => elements(seen, 2),
            Command::Hash(HashCommand::Scan(_, cursor, _)) => elements(operation::whole(cursor, seen)?, 2),
            Command::Set(SetCommand::Size(_))
            | Command::Hash(HashCommand::Size(_))
            | Command::SortedSet(SortedSetCommand::Size(_))
            | Command::List(ListCommand::Size(_)) => size(0),
            Command::List(ListCommand::PushLeft(_, pushed) | ListCommand::PushRight(_, pushed)) => size(pushed.len()),
            Command::List(ListCommand::Insert(..)) => match seen {
                Reply::Integer(1..) => size(1),
                _ => None,
            },
            Command::String(StringCommand::IncrBy(_, amount)) => match seen {
                Reply::Integer(sum) => Some(Goal::Number(sum.checked_sub(*amount)?)),
                _ => None,
            },
            Command::String(
                StringCommand::Get(_)
                | StringCommand::GetDel(_)
                | StringCommand::GetEx(..)
                | StringCommand::GetSet(..)
                | StringCommand::Set { get: true, .. }
                | StringCommand::SetFor { get: true, .. },
            ) => match seen {
                Reply::Value(word) => Some(word.to_integer().map_or_else(|| Goal::Text(word.clone()), Goal::Number)),
                _ => None,
            },
            Command::Script(ScriptCommand::Run { script: Script::PushAndLook(..), .. }) => match seen {
                Reply::Array(replies) => elements(&Reply::Array(replies[..replies.len().checked_sub(1)?].to_vec()), 1),
                _ => None,
            },
            Command::Set(_)
            | Command::Hash(_)
            | Command::List(_)
            | Command::SortedSet(_)
            | Command::String(_)
            | Command::Key(_)
            | Command::Server(_)
            | Command::Script(_)
            | Command::Transaction(_) => None,
        }
    }

    /// Whether the goal may be reached from an entry by some of the waiting deeds.
    pub(super) fn is_within_reach<'d>(
        &self,
        key: &Word,
        entry: Option<&Entry>,
        waiting: impl Iterator<Item = &'d Deed<'d>> + Clone,
    ) -> bool {
        let changes = || waiting.clone().flat_map(|deed| changes(&deed.doing, key));
        let about_text = |change: &Change| matches!(change, Change::Sets(_) | Change::Appends);
        let is_wild = |change: &Change| match self {
            Goal::Text(_) => matches!(change, Change::Anything | Change::Increases(_)),
            Goal::Elements(_) | Goal::Size(_) | Goal::Number(_) => {
                matches!(change, Change::Anything) || about_text(change)
            }
        };
        if changes().any(|change| is_wild(&change)) {
            return true;
        }
        let pops = || changes().filter(|change| matches!(change, Change::Pops)).count();
        let shrinks = || changes().any(|change| matches!(change, Change::Shrinks));
        match self {
            Goal::Elements(wanted) => {
                let there = entry.map(|entry| elements_of(&entry.value)).unwrap_or_default();
                let added = |element: &Word| {
                    changes().any(|change| matches!(change, Change::Adds(added) if added.contains(&element)))
                };
                let removed = |element: &Word| {
                    changes().any(|change| matches!(change, Change::Removes(removed) if removed.contains(element)))
                };
                wanted.iter().all(|element| there.contains(element) || added(element))
                    && (shrinks()
                        || there.iter().filter(|element| !wanted.contains(**element) && !removed(element)).count()
                            <= pops())
            }
            Goal::Size(size) => {
                let there = entry.map_or(0, |entry| length_of(&entry.value));
                let removes = || changes().any(|change| matches!(change, Change::Removes(_) | Change::Pops));
                let added: usize = changes()
                    .map(|change| match change {
                        Change::Adds(added) => added.len(),
                        _ => 0,
                    })
                    .sum();
                (there <= *size || shrinks() || removes()) && (there + added >= *size)
            }
            Goal::Number(wanted) => {
                let there = match entry.map(|entry| &entry.value) {
                    None => 0,
                    Some(TypedValue::Text(text)) => match text.to_integer() {
                        Some(number) => number,
                        None => return true,
                    },
                    Some(_) => return true,
                };
                let amount = |change| match change {
                    Change::Increases(amount) => Some(amount),
                    _ => None,
                };
                let amounts: Vec<i64> = changes().filter_map(amount).collect();
                let adds_up = |from: i64| wanted.checked_sub(from).is_some_and(|missing| can_add_up(&amounts, missing));
                adds_up(there) || shrinks() && adds_up(0)
            }
            Goal::Text(wanted) => {
                let begins = |text: &Word| match (text, wanted) {
                    (Word::Whole(text), Word::Whole(wanted)) => wanted.starts_with(text),
                    _ => true,
                };
                let appends = || changes().any(|change| matches!(change, Change::Appends));
                let there = match entry.map(|entry| &entry.value) {
                    None => appends(),
                    Some(TypedValue::Text(text)) => text == wanted || begins(text) && appends(),
                    Some(_) => false,
                };
                let sets = || changes().any(|change| matches!(change, Change::Sets(value) if begins(value)));
                there || sets() || shrinks() && appends()
            }
        }
    }
}

/// The elements that an array shows, of which every `stride`-th counts.
fn elements(seen: &Reply, stride: usize) -> Option<Goal> {
    let Reply::Array(replies) = seen else { return None };
    let word = |reply: &Reply| match reply {
        Reply::Value(word) => Some(word.clone()),
        _ => None,
    };
    Some(Goal::Elements(replies.iter().step_by(stride).map(word).collect::<Option<_>>()?))
}

/// Whether some of the amounts, none of which is negative, add up to a sum. Of many amounts it looks at the bounds alone.
fn can_add_up(amounts: &[i64], sum: i64) -> bool {
    let all = amounts.iter().fold(0_i64, |all, amount| all.saturating_add(*amount));
    if sum <= 0 || sum >= all || amounts.len() > MOST_AMOUNTS {
        return sum == 0 || sum == all || (0..=all).contains(&sum) && amounts.len() > MOST_AMOUNTS;
    }
    // Each sum is one of a half of the amounts and one of the other half.
    let (one, other) = amounts.split_at(amounts.len() / 2);
    let mut others = sums(other);
    others.sort_unstable();
    sums(one).into_iter().any(|part| others.binary_search(&(sum - part)).is_ok())
}

/// The sums of all choices of amounts.
fn sums(amounts: &[i64]) -> Vec<i64> {
    let mut sums = vec![0_i64];
    for amount in amounts {
        for index in 0..sums.len() {
            sums.push(sums[index].saturating_add(*amount));
        }
    }
    sums
}

/// The length of a collection. A copy of a list and a move into it can double an element.
fn length_of(value: &TypedValue) -> usize {
    match value {
        TypedValue::List(elements) => elements.len(),
        TypedValue::Text(_) | TypedValue::Hash(_) | TypedValue::Set(_) | TypedValue::SortedSet(_) => {
            elements_of(value).len()
        }
    }
}

pub(super) fn elements_of(value: &TypedValue) -> BTreeSet<&Word> {
    match value {
        TypedValue::Text(_) => BTreeSet::new(),
        TypedValue::Hash(fields) => fields.keys().collect(),
        TypedValue::List(elements) => elements.iter().collect(),
        TypedValue::Set(members) => members.iter().collect(),
        TypedValue::SortedSet(members) => members.keys().collect(),
    }
}
