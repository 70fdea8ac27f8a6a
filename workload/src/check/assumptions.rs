//! What the checker takes for granted, looked at first: a broken assumption must not pass for a judgement.

use super::claims::Map;
use crate::history::{History, Moment, Operation};
use crate::operation::Outcome;

/// The newest operations of a client.
#[derive(Default)]
struct Client {
    /// Its newest operation that ended, and when.
    ended: Option<(Moment, u64)>,
    /// Its first operation that never ended.
    endless: Option<u64>,
    /// Its first operation of unknown outcome, and when that came.
    unknown: Option<(Moment, u64)>,
}

/// What of the claims of a history (see [`History`]) does not hold, in a sentence.
pub(super) fn broken(history: &History) -> Option<String> {
    let mut clients: Map<u64, Client> = Map::default();
    let mut last_call = None;
    for operation in &history.operations {
        let Operation { id, call, .. } = operation;
        if last_call.is_some_and(|last| last >= call.event) {
            return Some(format!("operation {id} stands after one that was called later"));
        }
        last_call = Some(call.event);
        if operation.end.as_ref().is_some_and(|(end, _)| end.event <= call.event) {
            return Some(format!("operation {id} ends before it is called"));
        }
        if let Some(why) = clients.entry(operation.client).or_default().take(operation) {
            return Some(why);
        }
    }
    simultaneous(history)
}

impl Client {
    fn take(&mut self, operation: &Operation) -> Option<String> {
        let Operation { id, client, call, .. } = operation;
        if let Some((_, before)) = self.unknown.filter(|(moment, _)| moment.event < call.event) {
            return Some(format!(
                "client {client} calls operation {id} after the outcome of its operation {before} was unknown; \
                 whoever goes on has to do so as another client"
            ));
        }
        let Some((end, outcome)) = &operation.end else {
            self.endless.get_or_insert(*id);
            return None;
        };
        if let Some(before) = self.endless {
            return Some(format!(
                "operation {id} of client {client} ends although its operation {before}, which was called earlier, \
                 never does; replies of one client come in the order of its calls"
            ));
        }
        if let Some((_, before)) = self.ended.filter(|(moment, _)| moment.event > end.event) {
            return Some(format!(
                "operations {before} and {id} of client {client} overlap and end in another order than they were \
                 called in; a client does one thing at a time or sends a pipeline"
            ));
        }
        self.ended = Some((*end, *id));
        if matches!(outcome, Outcome::Unknown(_)) {
            self.unknown.get_or_insert((*end, *id));
        }
        None
    }
}

/// Two moments that are one, or events that are not in the order of a single record.
fn simultaneous(history: &History) -> Option<String> {
    let mut ends: Vec<u64> =
        history.operations.iter().filter_map(|operation| operation.end.as_ref().map(|(end, _)| end.event)).collect();
    ends.sort_unstable();
    let mut calls = history.operations.iter().map(|operation| operation.call.event).peekable();
    let mut last = None;
    let twice = ends.into_iter().find(|end| {
        while calls.next_if(|call| call < end).is_some() {}
        calls.peek() == Some(end) || last.replace(*end) == Some(*end)
    })?;
    Some(format!("two things happen at event {twice}, and no order of them is known"))
}
