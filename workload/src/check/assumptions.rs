//! What the checker takes for granted, looked at first: a broken assumption must not pass for a judgement.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::claims::NEVER;
use super::numbers::Numbers;
use crate::history::{History, Operation};
use crate::operation::Outcome;

/// The newest operations of a client. Who stops at each unknown outcome leaves as many clients as there are of those.
#[derive(Default)]
struct Client<'h> {
    /// Its newest operation that ended.
    ended: Option<&'h Operation>,
    /// Its first operation that never ended.
    endless: Option<&'h Operation>,
    /// Its first operation of unknown outcome.
    unknown: Option<&'h Operation>,
}

/// What of the claims of a history (see [`History`]) does not hold, in a sentence.
pub(super) fn broken(history: &History) -> Option<String> {
    let mut names: Numbers<u64> = Numbers::with_capacity(0);
    let mut clients: Vec<Client> = Vec::new();
    let mut ends = Ends::default();
    let mut last_call = None;
    for operation in &history.operations {
        let Operation { id, call, .. } = operation;
        if last_call.is_some_and(|last| last >= call.event) {
            return Some(format!("operation {id} stands after one that was called later"));
        }
        last_call = Some(call.event);
        if operation.end.is_some() && end(operation) <= call.event {
            return Some(format!("operation {id} ends before it is called"));
        }
        let number = names.number(&operation.client, || operation.client) as usize;
        if number == clients.len() {
            clients.push(Client::default());
        }
        if let Some(why) = clients[number].take(operation) {
            return Some(why);
        }
        ends.take(operation);
    }
    ends.until(NEVER);
    ends.twice.map(|event| format!("two things happen at event {event}, and no order of them is known"))
}

/// When an operation ended.
fn end(operation: &Operation) -> u64 {
    operation.end.as_ref().map_or(NEVER, |(end, _)| end.event)
}

impl<'h> Client<'h> {
    fn take(&mut self, operation: &'h Operation) -> Option<String> {
        let Operation { id, client, call, .. } = operation;
        if let Some(before) = self.unknown.filter(|before| end(before) < call.event) {
            return Some(format!(
                "client {client} calls operation {id} after the outcome of its operation {} was unknown; \
                 whoever goes on has to do so as another client",
                before.id
            ));
        }
        let Some((_, outcome)) = &operation.end else {
            self.endless.get_or_insert(operation);
            return None;
        };
        if let Some(before) = self.endless {
            return Some(format!(
                "operation {id} of client {client} ends although its operation {}, which was called earlier, \
                 never does; replies of one client come in the order of its calls",
                before.id
            ));
        }
        if let Some(before) = self.ended.filter(|before| end(before) > end(operation)) {
            return Some(format!(
                "operations {} and {id} of client {client} overlap and end in another order than they were \
                 called in; a client does one thing at a time or sends a pipeline",
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

/// The ends that are still to come, and the first event at which two things happen.
#[derive(Default)]
struct Ends {
    ahead: BinaryHeap<Reverse<u64>>,
    last: Option<u64>,
    twice: Option<u64>,
}

impl Ends {
    /// Goes on to the call of an operation, which is the next one.
    fn take(&mut self, operation: &Operation) {
        self.until(operation.call.event);
        if self.last == Some(operation.call.event) {
            self.twice.get_or_insert(operation.call.event);
        }
        if operation.end.is_some() {
            self.ahead.push(Reverse(end(operation)));
        }
    }

    /// Goes on to an event.
    fn until(&mut self, event: u64) {
        while let Some(Reverse(end)) = self.ahead.peek().copied().filter(|Reverse(end)| *end <= event) {
            self.ahead.pop();
            if self.last.replace(end) == Some(end) {
                self.twice.get_or_insert(end);
            }
        }
    }
}
