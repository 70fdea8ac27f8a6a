//! What the page draws, as data: everything in it is text that can be shown as it is, or a number.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::order::Order;
use super::visible::visible;
use crate::check::Violation;
use crate::history::{History, Moment, Operation};
use crate::operation::{Command, Condition, Outcome, Reply};
use crate::word::Word;

/// How many operations beside the evidence are drawn; of more, those nearest to the one that can't be explained. A page
/// of 5,000 operations still answers to the hand.
pub(super) const MOST_CONTEXT: usize = 5_000;

/// The content of the page's JSON.
#[derive(Serialize)]
pub(super) struct Picture {
    /// The names of the keys and values, to which all else refers by their numbers.
    keys: Vec<String>,
    values: Vec<String>,
    operations: Vec<Bar>,
    /// The operation that can't be explained, as a place in `operations`.
    marked: usize,
    order: Vec<Placed>,
    /// How many operations of the history are not drawn.
    pub left_out: usize,
}

/// An operation. Names are text: the page computes with none, and JavaScript's numbers are not those of Rust.
#[derive(Serialize)]
struct Bar {
    id: String,
    client: String,
    server: String,
    command: String,
    outcome: String,
    fate: Fate,
    touches: Vec<Touch>,
    call: Point,
    end: Option<Point>,
    /// Whether it is one of those that suffice.
    evidence: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Fate {
    Answered,
    Failed,
    Unknown,
}

/// A key, if one is named, and the value that it was given or seen with; none if it was deleted or seen to be absent.
/// This is what shows a write and its reads to belong together.
#[derive(Serialize)]
struct Touch(Option<usize>, Option<usize>);

/// An event and its microsecond.
#[derive(Serialize)]
struct Point(u64, u64);

/// A step of the order: a place in `operations`, and the keys that it changes.
#[derive(Serialize)]
struct Placed {
    operation: usize,
    changes: Vec<(usize, Option<usize>)>,
}

impl Picture {
    /// Of the evidence, with the rest of the history as its background.
    pub fn new(history: &History, shrunk: &History, violation: &Violation, order: &Order) -> Picture {
        let (mut keys, mut values) = (Names::default(), Names::default());
        let context = context(history, shrunk, violation);
        let left_out = history.operations.len().saturating_sub(shrunk.operations.len() + context.len());
        let evidence = shrunk.operations.iter().map(|operation| (operation, true));
        let operations = evidence.chain(context.into_iter().map(|operation| (operation, false)));
        let operations =
            operations.map(|(operation, evidence)| bar(operation, evidence, &mut keys, &mut values)).collect();
        let placed = order.steps.iter().map(|step| Placed {
            operation: step.operation,
            changes: step
                .changes
                .iter()
                .map(|(key, value)| (keys.number(key), value.as_ref().map(|value| values.number(value))))
                .collect(),
        });
        let order = placed.collect();
        Picture { operations, marked: violation.operation, order, left_out, keys: keys.names, values: values.names }
    }
}

/// The operations beside the evidence that are drawn.
fn context<'a>(history: &'a History, shrunk: &History, violation: &Violation) -> Vec<&'a Operation> {
    let evidence: BTreeSet<u64> = shrunk.operations.iter().map(|operation| operation.id).collect();
    let others: Vec<&Operation> =
        history.operations.iter().filter(|operation| !evidence.contains(&operation.id)).collect();
    let marked = shrunk.operations[violation.operation].call;
    let place = others.partition_point(|operation| operation.call < marked);
    let first = place.saturating_sub(MOST_CONTEXT / 2).min(others.len().saturating_sub(MOST_CONTEXT));
    others.into_iter().skip(first).take(MOST_CONTEXT).collect()
}

fn bar(operation: &Operation, evidence: bool, keys: &mut Names, values: &mut Names) -> Bar {
    let point = |moment: Moment| Point(moment.event, microseconds(moment.at));
    Bar {
        id: operation.id.to_string(),
        client: operation.client.to_string(),
        server: visible(&operation.server),
        command: visible(&operation.command.to_string()),
        outcome: visible(&outcome(operation)),
        fate: match &operation.end {
            Some((_, Outcome::Reply(_))) => Fate::Answered,
            Some((_, Outcome::Failed(_))) => Fate::Failed,
            None | Some((_, Outcome::Unknown(_))) => Fate::Unknown,
        },
        touches: touches(operation)
            .into_iter()
            .map(|(key, value)| Touch(key.map(|key| keys.number(key)), value.map(|value| values.number(value))))
            .collect(),
        call: point(operation.call),
        end: operation.end.as_ref().map(|(moment, _)| point(*moment)),
        evidence,
    }
}

/// How an operation ended, in words.
pub(super) fn outcome(operation: &Operation) -> String {
    match &operation.end {
        Some((_, outcome)) => outcome.to_string(),
        None => "unknown: the history ends before it does".into(),
    }
}

/// What an operation has written, or would have if it took effect; or what it has seen.
fn touches(operation: &Operation) -> Vec<(Option<&Word>, Option<&Word>)> {
    let reply = operation.reply();
    match &operation.command {
        Command::Get(key) => reply.and_then(seen).map(|value| (Some(key), value)).into_iter().collect(),
        Command::Set { key, value, condition, get } => match (condition, get, reply) {
            (Some(_), false, Some(Reply::Nil)) | (Some(Condition::Present), true, Some(Reply::Nil)) => Vec::new(),
            (Some(Condition::Absent), true, Some(Reply::Value(old))) => vec![(Some(key), Some(old))],
            _ => vec![(Some(key), Some(value))],
        },
        Command::Del(keys) => keys.iter().map(|key| (Some(key), None)).collect(),
        Command::MGet(keys) => match reply {
            Some(Reply::Array(replies)) => {
                keys.iter().zip(replies).filter_map(|(key, reply)| Some((Some(key), seen(reply)?))).collect()
            }
            _ => Vec::new(),
        },
        Command::MSet(pairs) => pairs.iter().map(|(key, value)| (Some(key), Some(value))).collect(),
        Command::FlushAll => vec![(None, None)],
        Command::Exists(_) | Command::DbSize | Command::Ping => Vec::new(),
    }
}

/// The value in a reply, or that there is none; nothing if it is another kind of reply.
fn seen(reply: &Reply) -> Option<Option<&Word>> {
    match reply {
        Reply::Value(value) => Some(Some(value)),
        Reply::Nil => Some(None),
        _ => None,
    }
}

fn microseconds(at: Duration) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or(u64::MAX)
}

/// Words, numbered in the order in which they come up.
#[derive(Default)]
struct Names {
    numbers: BTreeMap<Word, usize>,
    names: Vec<String>,
}

impl Names {
    fn number(&mut self, word: &Word) -> usize {
        let next = self.names.len();
        *self.numbers.entry(word.clone()).or_insert_with(|| {
            self.names.push(visible(&word.to_string()));
            next
        })
    }
}
