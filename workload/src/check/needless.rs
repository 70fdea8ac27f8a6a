//! Counts the EXECs that were refused although nobody can have touched a watched key.
//!
//! They are no mistakes: nothing happened, and the client heard so. A server of a cluster may forget what was touched. One
//! that refuses too often is of no use, though, and a server that stands alone has no reason to.
//!
//! The rule goes by real time alone, so it takes linear time. A write counts as a touch even if it changes nothing.

use std::collections::{HashMap, HashSet};

use super::claims::NEVER;
use super::impact;
use super::known::{KnownOperation, known};
use crate::history::History;
use crate::operation::{Reply, TransactionCommand};
use crate::word::Word;

/// Intervals during which operations were under way, in the order of their calls.
#[derive(Default)]
struct Spans(Vec<(u64, u64)>);

impl Spans {
    /// Adds an interval. Calls ascend.
    fn add(&mut self, call: u64, end: u64) {
        let last = self.0.last().map_or(end, |(_, last)| end.max(*last));
        self.0.push((call, last));
    }

    /// Whether any was under way between two moments.
    fn overlap(&self, from: u64, to: u64) -> bool {
        let called = self.0.partition_point(|(call, _)| *call < to);
        called > 0 && self.0[called - 1].1 > from
    }
}

/// What may have touched the keys of a history.
#[derive(Default)]
struct Touches<'h> {
    /// The writes of each key, by database.
    of_keys: HashMap<(u8, &'h Word), Spans>,
    /// The writes of all keys.
    of_all: Spans,
    /// The keys that may end by themselves, or change because a field does.
    limited: HashSet<&'h Word>,
}

impl<'h> Touches<'h> {
    fn of(history: &'h History, databases: &[u8]) -> Touches<'h> {
        let mut touches = Touches::default();
        for KnownOperation { index, operation, end, reply } in known(history, NEVER) {
            let command = &operation.command;
            let seen = reply.map(|reply| command.comparable(reply.clone()));
            if !command.may_write() || seen.is_some_and(|seen| impact::does_nothing(command, &seen)) {
                continue;
            }
            touches.limited.extend(command.lifetimes().into_iter().map(|(key, _)| key));
            touches.limited.extend(command.field_lifetimes().into_iter().map(|(key, ..)| key));
            if command.concerns_all_keys() {
                touches.of_all.add(operation.call.event, end);
            }
            for place in command.parts().into_iter().flat_map(|part| part.places(databases[index])) {
                touches.of_keys.entry(place).or_default().add(operation.call.event, end);
            }
        }
        touches
    }

    /// Whether somebody may have touched a key between two moments.
    fn may_include(&self, database: u8, key: &'h Word, from: u64, to: u64) -> bool {
        let of_key = self.of_keys.get(&(database, key));
        self.limited.contains(key)
            || self.of_all.overlap(from, to)
            || of_key.is_some_and(|spans| spans.overlap(from, to))
    }
}

/// The EXECs that were refused although nobody can have touched a key that their client watched.
pub fn needless_refusals(history: &History) -> Vec<usize> {
    if !history.operations.iter().any(|operation| !operation.command.watched().is_empty()) {
        return Vec::new();
    }
    let databases = history.databases();
    let touches = Touches::of(history, &databases);
    // The call of the oldest WATCH on which the next EXEC of a client depends.
    let mut watches: HashMap<u64, u64> = HashMap::new();
    let mut needless = Vec::new();
    for KnownOperation { index, operation, end, reply } in known(history, NEVER) {
        let Some(transaction) = operation.command.transaction() else { continue };
        let TransactionCommand::Exec { watched, .. } = transaction else {
            if let TransactionCommand::Watch(_) = transaction {
                watches.entry(operation.client).or_insert(operation.call.event);
            } else {
                watches.remove(&operation.client);
            }
            continue;
        };
        let from = watches.remove(&operation.client).unwrap_or(0);
        let is_touched = |key| touches.may_include(databases[index], key, from, end);
        if reply == Some(&Reply::Nil) && !watched.is_empty() && !watched.iter().any(is_touched) {
            needless.push(index);
        }
    }
    needless
}
