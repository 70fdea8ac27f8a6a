//! What histories show: how much was done, and which of the situations that matter came up.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use crate::class::Class;
use crate::history::{History, Operation};
use crate::operation::{Command, Condition, Outcome, Reply};
use crate::word::Word;

/// Counts over the operations of histories.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Census {
    /// Operations.
    pub operations: u64,
    /// Those that were answered, by class.
    pub answered: BTreeMap<Class, u64>,
    /// Those of which the server said that nothing happened.
    pub failed: u64,
    /// Those of which the server said that it does not know.
    pub uncertain: u64,
    /// Those of which nothing was heard any more.
    pub lost: u64,
    /// Those that were sent together with others.
    pub pipelined: u64,
    /// FLUSHALLs that were under way while a write was.
    pub flushes_beside_writes: u64,
    /// Keys that were used over three servers or more.
    pub keys_on_three_servers: u64,
    /// Unknown writes that were seen to have taken effect.
    pub unknown_applied: u64,
    /// Unknown writes that had not taken effect when somebody looked later.
    pub unknown_not_applied: u64,
}

impl Census {
    /// Counts a history.
    pub fn of(history: &History) -> Census {
        let operations = &history.operations;
        let mut census = Census { operations: operations.len() as u64, ..Census::default() };
        for operation in operations {
            match &operation.end {
                Some((_, Outcome::Reply(_))) => {
                    *census.answered.entry(Class::from(&operation.command)).or_default() += 1
                }
                Some((_, Outcome::Failed(_))) => census.failed += 1,
                Some((_, Outcome::Unknown(why))) if why.starts_with("UNCERTAIN") => census.uncertain += 1,
                Some((_, Outcome::Unknown(_))) | None => census.lost += 1,
            }
        }
        census.pipelined = pipelined(operations);
        census.flushes_beside_writes = flushes_beside_writes(operations);
        census.keys_on_three_servers = keys_on_three_servers(operations);
        let sightings = Sightings::of(operations);
        for open in operations.iter().filter(|operation| operation.is_open()) {
            census.unknown_applied += u64::from(sightings.show_applied(open));
            census.unknown_not_applied += u64::from(sightings.show_not_applied(open));
        }
        census
    }

    /// Adds the counts of another one.
    pub fn add(&mut self, other: &Census) {
        for (class, number) in &other.answered {
            *self.answered.entry(*class).or_default() += number;
        }
        self.operations += other.operations;
        self.failed += other.failed;
        self.uncertain += other.uncertain;
        self.lost += other.lost;
        self.pipelined += other.pipelined;
        self.flushes_beside_writes += other.flushes_beside_writes;
        self.keys_on_three_servers += other.keys_on_three_servers;
        self.unknown_applied += other.unknown_applied;
        self.unknown_not_applied += other.unknown_not_applied;
    }

    /// How many operations of a class were answered.
    pub fn answered(&self, class: Class) -> u64 {
        self.answered.get(&class).copied().unwrap_or(0)
    }

    /// How many operations were answered.
    pub fn all_answered(&self) -> u64 {
        self.answered.values().sum()
    }

    /// How many ended in doubt.
    pub fn unknown(&self) -> u64 {
        self.uncertain + self.lost
    }
}

/// Operations that were called before the one before them, of the same client, had ended.
fn pipelined(operations: &[Operation]) -> u64 {
    let mut ends: HashMap<u64, Option<u64>> = HashMap::new();
    operations
        .iter()
        .filter(|operation| {
            let end = operation.end.as_ref().map(|(moment, _)| moment.event);
            let before = ends.insert(operation.client, end);
            before.is_some_and(|end| end.is_none_or(|end| end > operation.call.event))
        })
        .count() as u64
}

fn flushes_beside_writes(operations: &[Operation]) -> u64 {
    // The end of an operation that nobody saw end is no event of the history: such operations are left out.
    let span = |operation: &Operation| Some((operation.call.event, operation.end.as_ref()?.0.event));
    let answered = |operation: &&Operation| operation.reply().is_some();
    let writes: Vec<(u64, u64)> = operations
        .iter()
        .filter(answered)
        .filter(|operation| operation.command.may_write() && operation.command != Command::FlushAll)
        .filter_map(span)
        .collect();
    let flushes = operations.iter().filter(answered).filter(|operation| operation.command == Command::FlushAll);
    flushes.filter_map(span).filter(|(from, to)| writes.iter().any(|(call, end)| call < to && from < end)).count()
        as u64
}

fn keys_on_three_servers(operations: &[Operation]) -> u64 {
    let mut servers: HashMap<&Word, BTreeSet<&str>> = HashMap::new();
    for operation in operations.iter().filter(|operation| operation.reply().is_some()) {
        for key in operation.command.keys() {
            servers.entry(key).or_default().insert(&operation.server);
        }
    }
    servers.values().filter(|servers| servers.len() >= 3).count() as u64
}

/// Which values were there, and when. Values are unique, so that a value names its write.
struct Sightings<'a> {
    /// By when it was known of a value that it had been there: the end of the first answered write or read of it.
    there: HashMap<&'a Word, u64>,
    looks: Vec<Look<'a>>,
}

/// Somebody was told what a key held.
struct Look<'a> {
    key: &'a Word,
    call: u64,
    found: &'a Word,
}

impl<'a> Sightings<'a> {
    fn of(operations: &'a [Operation]) -> Sightings<'a> {
        let mut sightings = Sightings { there: HashMap::new(), looks: Vec::new() };
        for operation in operations {
            let (Some(reply), Some((end, _))) = (operation.reply(), &operation.end) else { continue };
            let call = operation.call.event;
            let found: Vec<(&Word, &Word)> = match (&operation.command, reply) {
                (Command::Get(key) | Command::Set { key, get: true, .. }, Reply::Value(found)) => vec![(key, found)],
                (Command::MGet(keys), Reply::Array(replies)) => {
                    keys.iter().zip(replies).filter_map(|(key, reply)| Some((key, value(reply)?))).collect()
                }
                _ => Vec::new(),
            };
            for value in writes(&operation.command).chain(found.iter().map(|(_, found)| *found)) {
                let known = sightings.there.entry(value).or_insert(end.event);
                *known = end.event.min(*known);
            }
            sightings.looks.extend(found.into_iter().map(|(key, found)| Look { key, call, found }));
        }
        sightings
    }

    fn show_applied(&self, open: &Operation) -> bool {
        writes(&open.command).any(|value| self.there.contains_key(value))
    }

    /// Somebody looked after the client had given up, and found what had been there before the write was called. Values
    /// are unique: one that was there before and still is has neither been replaced nor deleted meanwhile.
    fn show_not_applied(&self, open: &Operation) -> bool {
        let Some((gave_up, _)) = &open.end else { return false };
        self.looks.iter().any(|Look { key, call, found }| {
            *call > gave_up.event && ends(&open.command, key) && self.there[found] < open.call.event
        })
    }
}

fn value(reply: &Reply) -> Option<&Word> {
    match reply {
        Reply::Value(value) => Some(value),
        _ => None,
    }
}

/// The values that a command sets, if it sets them whatever is there.
fn writes(command: &Command) -> impl Iterator<Item = &Word> {
    let (one, several) = match command {
        Command::Set { value, condition: None, .. } => (Some(value), [].as_slice()),
        Command::MSet(pairs) => (None, pairs.as_slice()),
        _ => (None, [].as_slice()),
    };
    one.into_iter().chain(several.iter().map(|(_, value)| value))
}

/// Whether a key that is present does not keep its value when the command is executed.
fn ends(command: &Command, key: &Word) -> bool {
    match command {
        Command::Set { condition: Some(Condition::Absent), .. } => false,
        Command::FlushAll => true,
        command => command.may_write() && command.keys().contains(&key),
    }
}
