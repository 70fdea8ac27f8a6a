//! Checks the rules of histories before the search. A verdict on a history that breaks them would mean nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::claims::NEVER;
use super::numbers::Numbers;
use crate::history::{History, Operation};
use crate::operation::{Outcome, TransactionCommand};
use crate::word::Word;

/// What the checker remembers of one client. It is small, because a history has a client for every unknown outcome.
#[derive(Default)]
struct ClientTrail<'h> {
    /// The newest operation that ended.
    ended: Option<&'h Operation>,
    /// The first operation that never ended.
    endless: Option<&'h Operation>,
    /// The first operation of unknown outcome.
    unknown: Option<&'h Operation>,
    /// The keys of its WATCHes that ended.
    watched: Vec<(&'h Word, u64)>,
}

/// The first rule of histories (see [`History`]) that a history breaks, in a sentence.
pub(super) fn broken(history: &History) -> Option<String> {
    let mut names: Numbers<u64> = Numbers::with_capacity(0);
    let mut clients: Vec<ClientTrail> = Vec::new();
    let mut ends = Ends::default();
    let mut last_call = None;
    for operation in &history.operations {
        let Operation { id, call, .. } = operation;
        if last_call.is_some_and(|last| last >= call.event) {
            return Some(format!("operation {id} stands after an operation that was called later"));
        }
        last_call = Some(call.event);
        if operation.end.is_some() && end(operation) <= call.event {
            return Some(format!("operation {id} ends before it is called"));
        }
        let number = names.number(&operation.client, || operation.client) as usize;
        if number == clients.len() {
            clients.push(ClientTrail::default());
        }
        if let Some(why) = clients[number].take(operation) {
            return Some(why);
        }
        ends.take(operation);
    }
    ends.until(NEVER);
    ends.twice.map(|event| format!("two things happen at event {event}, so their order is unknown"))
}

/// The event at which an operation ended.
fn end(operation: &Operation) -> u64 {
    operation.end.as_ref().map_or(NEVER, |(end, _)| end.event)
}

impl<'h> ClientTrail<'h> {
    fn take(&mut self, operation: &'h Operation) -> Option<String> {
        let Operation { id, client, call, .. } = operation;
        if let Some(before) = self.unknown.filter(|before| end(before) < call.event) {
            return Some(format!(
                "client {client} calls operation {id} after the outcome of its operation {} was unknown; \
                 from there on it must be another client",
                before.id
            ));
        }
        for key in operation.command.watched() {
            if !self.watched.iter().any(|(watched, ended)| watched == &key && *ended < call.event) {
                return Some(format!(
                    "operation {id} depends on a WATCH of {key} that client {client} had no answer to"
                ));
            }
        }
        if let (Some(TransactionCommand::Watch(keys)), Some(_)) = (operation.command.transaction(), operation.reply()) {
            self.watched.extend(keys.iter().map(|key| (key, end(operation))));
        }
        let Some((_, outcome)) = &operation.end else {
            self.endless.get_or_insert(operation);
            return None;
        };
        if let Some(before) = self.endless {
            return Some(format!(
                "operation {id} of client {client} ends, but its earlier operation {} never does; a client receives \
                 its replies in the order of its calls",
                before.id
            ));
        }
        if let Some(before) = self.ended.filter(|before| end(before) > end(operation)) {
            return Some(format!(
                "operations {} and {id} of client {client} overlap, but do not end in the order of their calls; a client \
                 does one thing at a time or sends a pipeline",
                before.id
            ));
        }
        self.ended = Some(operation);
        if matches!(outcome, Outcome::Unknown(_)) {
            self.unknown.get_or_insert(operation);
        }
        None
    }
}

/// The ends that are still ahead, and the first event at which two things happen.
#[derive(Default)]
struct Ends {
    ahead: BinaryHeap<Reverse<u64>>,
    last: Option<u64>,
    twice: Option<u64>,
}

impl Ends {
    /// Moves to the call of the next operation.
    fn take(&mut self, operation: &Operation) {
        self.until(operation.call.event);
        if self.last == Some(operation.call.event) {
            self.twice.get_or_insert(operation.call.event);
        }
        if operation.end.is_some() {
            self.ahead.push(Reverse(end(operation)));
        }
    }

    /// Moves to an event.
    fn until(&mut self, event: u64) {
        while let Some(Reverse(end)) = self.ahead.peek().copied().filter(|Reverse(end)| *end <= event) {
            self.ahead.pop();
            if self.last.replace(end) == Some(end) {
                self.twice.get_or_insert(end);
            }
        }
    }
}
