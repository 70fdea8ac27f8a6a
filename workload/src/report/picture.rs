//! The data that the page draws. It consists of numbers and of text that can be shown as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::order::Order;
use super::visible::visible;
use crate::check::Violation;
use crate::history::{History, Moment, Operation};
use crate::operation::{Command, Condition, KeyCommand, Outcome, Reply, ServerCommand, StringCommand};
use crate::word::Word;

/// The most operations in the background. If there are more, the page draws those nearest to the unexplained one. A page
/// of 5,000 operations still reacts without delay.
pub(super) const MOST_CONTEXT: usize = 5_000;

/// The content of the page's JSON.
#[derive(Serialize)]
pub(super) struct Picture {
    /// The names of the keys. All other fields refer to a key by its index here.
    keys: Vec<String>,
    /// The names of the values, likewise.
    values: Vec<String>,
    operations: Vec<Bar>,
    /// The index of the unexplained operation in `operations`.
    marked: usize,
    order: Vec<Placed>,
    /// The number of operations that are not drawn.
    pub left_out: usize,
}

/// An operation. Its numbers are text: the page does not compute with them, and JavaScript's numbers are not exact.
#[derive(Serialize)]
struct Bar {
    id: String,
    client: String,
    server: String,
    command: String,
    outcome: String,
    fate: Fate,
    touches: Vec<TouchedIndexes>,
    call: Point,
    end: Option<Point>,
    /// Whether it is part of the proof, not of the background.
    evidence: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Fate {
    Answered,
    Failed,
    Unknown,
}

/// The indexes of a key and of the value that an operation wrote or saw. No key means every key, and no value means that
/// the key is absent. A write and its reads have equal touches, and so equal colours.
#[derive(Serialize)]
struct TouchedIndexes(Option<usize>, Option<usize>);

/// The number of an event, and its time in microseconds.
#[derive(Serialize)]
struct Point(u64, u64);

/// A step of the order: an index in `operations`, and the keys that the step changes, with their new values.
#[derive(Serialize)]
struct Placed {
    operation: usize,
    changes: Vec<(usize, Option<usize>)>,
}

impl Picture {
    /// The picture of the operations in `shrunk`, with the rest of `history` as the background.
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

/// The operations in the background.
fn context<'a>(history: &'a History, shrunk: &History, violation: &Violation) -> Vec<&'a Operation> {
    let evidence: BTreeSet<u64> = shrunk.operations.iter().map(|operation| operation.id).collect();
    let others: Vec<&Operation> =
        history.operations.iter().filter(|operation| !evidence.contains(&operation.id)).collect();
    let marked = shrunk.operations[violation.operation].call;
    let index = others.partition_point(|operation| operation.call < marked);
    let first = index.saturating_sub(MOST_CONTEXT / 2).min(others.len().saturating_sub(MOST_CONTEXT));
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
            .map(|Touched { key, value }| {
                TouchedIndexes(key.map(|key| keys.number(key)), value.map(|value| values.number(value)))
            })
            .collect(),
        call: point(operation.call),
        end: operation.end.as_ref().map(|(moment, _)| point(*moment)),
        evidence,
    }
}

/// The outcome of an operation in words.
pub(super) fn outcome(operation: &Operation) -> String {
    match &operation.end {
        Some((_, outcome)) => outcome.to_string(),
        None => "unknown: the history ends before it does".into(),
    }
}

/// The keys that an operation touches, each with the value that it wrote, would have written, or saw.
fn touches(operation: &Operation) -> Vec<Touched<'_>> {
    touches_of(&operation.command, operation.reply())
}

fn touches_of<'a>(command: &'a Command, reply: Option<&'a Reply>) -> Vec<Touched<'a>> {
    let shown = || reply.map(|reply| command.shown(reply)).unwrap_or_default();
    let touched = |(key, value)| Touched { key: Some(key), value };
    match command {
        Command::Transaction(transaction) => {
            let answered = reply.map(|reply| transaction.answered(reply)).unwrap_or_default();
            answered.into_iter().flat_map(|(command, reply)| touches_of(command, Some(reply))).collect()
        }
        Command::String(StringCommand::Get(_) | StringCommand::MGet(_)) => shown().into_iter().map(touched).collect(),
        Command::String(
            StringCommand::Set { key, value, condition, get }
            | StringCommand::SetFor { key, value, condition, get, .. },
        ) => match (condition, get, reply) {
            // The condition did not hold, so nothing was written. SET NX GET shows the value that was in its way.
            (Some(_), false, Some(Reply::Nil)) | (Some(Condition::Present), true, Some(Reply::Nil)) => Vec::new(),
            (Some(Condition::Absent), true, Some(Reply::Value(_))) => shown().into_iter().map(touched).collect(),
            _ => vec![touched((key, Some(value)))],
        },
        Command::String(StringCommand::MSet(pairs)) => {
            pairs.iter().map(|(key, value)| touched((key, Some(value)))).collect()
        }
        Command::Key(KeyCommand::Del(keys)) => keys.iter().map(|key| touched((key, None))).collect(),
        Command::Server(ServerCommand::FlushAll) => vec![Touched { key: None, value: None }],
        Command::String(StringCommand::GetDel(_) | StringCommand::GetEx(..) | StringCommand::GetSet(..)) => {
            shown().into_iter().map(touched).collect()
        }
        Command::Server(ServerCommand::FlushDb | ServerCommand::SwapDb(..)) => vec![Touched { key: None, value: None }],
        // They name no value as a whole.
        Command::String(
            StringCommand::SetNx(..) | StringCommand::Append(..) | StringCommand::IncrBy(..) | StringCommand::StrLen(_),
        )
        | Command::Set(_)
        | Command::Hash(_)
        | Command::List(_)
        | Command::SortedSet(_)
        | Command::Key(
            KeyCommand::Exists(_)
            | KeyCommand::Rename(..)
            | KeyCommand::Copy { .. }
            | KeyCommand::Move(..)
            | KeyCommand::Expire(..)
            | KeyCommand::ExpireIf(..)
            | KeyCommand::PExpire(..)
            | KeyCommand::Persist(_)
            | KeyCommand::PTtl(_),
        )
        | Command::Server(ServerCommand::DbSize | ServerCommand::Ping | ServerCommand::Select(_))
        | Command::Script(_) => Vec::new(),
    }
}

/// A key, or every key if none is named, and its value, or none if it is absent.
struct Touched<'a> {
    key: Option<&'a Word>,
    value: Option<&'a Word>,
}

fn microseconds(at: Duration) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or(u64::MAX)
}

/// Words with their numbers, in the order in which they first come.
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
