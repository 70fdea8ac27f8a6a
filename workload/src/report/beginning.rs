//! Where a history goes wrong, for people.
//!
//! The checker is fast because it looks ahead: it never leaves a value that will be read again, for instance. So it gets
//! stuck where the future makes trouble, which may be long before anything odd has happened. A person reads from the
//! beginning. For them the operation that can't be explained is the one whose reply is the first that no order explains,
//! whatever comes later; and the order to show explains everything up to that reply.

use std::collections::{BTreeSet, HashSet};

use crate::check::{Budget, Verdict, Violation, check};
use crate::history::{History, Operation};
use crate::model::{State, apply};
use crate::operation::{Command, Reply};
use crate::word::Word;

/// A shrunk history has a dozen operations. The search goes as deep as there are operations, and is exponential where a
/// history leaves much open at once, so both have a bound.
const MOST_OPERATIONS: usize = 1_200;
const MOST_STEPS: usize = 20_000;

/// The same violation, told from the beginning: its operation is the one that was answered first of those after which
/// the history has no explanation, and its prefix explains all that was answered before. If the
/// history is too long to find such an order, the violation stays as it was found.
pub fn told_from_the_beginning(history: &History, violation: Violation) -> Violation {
    if history.operations.len() > MOST_OPERATIONS {
        return violation;
    }
    let Some((operation, event)) = first_wrong(history) else { return violation };
    let Some(prefix) = Search::of(&until(history, event)) else { return violation };
    if operation == violation.operation {
        return Violation { prefix, ..violation };
    }
    let wrong = &history.operations[operation];
    let reply = wrong.reply().map(ToString::to_string).unwrap_or_default();
    let why = format!(
        "no order of the operations up to then lets client {}'s {} be answered {reply}",
        wrong.client, wrong.command
    );
    Violation { operation, why, prefix }
}

/// What had been called and had ended before an event. Places stay what they are, as operations are in the order of
/// their calls.
fn until(history: &History, event: u64) -> History {
    let known = history.operations.iter().filter(|operation| operation.call.event < event).cloned();
    let known = known.map(|operation| {
        let end = operation.end.filter(|(moment, _)| moment.event < event);
        Operation { end, ..operation }
    });
    History { about: history.about.clone(), operations: known.collect() }
}

/// The operation whose end leaves a history without an explanation, and that end. What has none at one event has none
/// at any later one, so it is found by halving.
fn first_wrong(history: &History) -> Option<(usize, u64)> {
    let mut ends: Vec<(u64, usize)> = Vec::new();
    for (place, operation) in history.operations.iter().enumerate() {
        ends.extend(operation.end.as_ref().map(|(moment, _)| (moment.event, place)));
    }
    ends.sort_unstable();
    let mut undecided = false;
    let wrong = ends.partition_point(|(event, _)| match check(&until(history, event + 1), Budget::default()) {
        Verdict::Violation(_) => false,
        verdict => {
            undecided |= verdict != Verdict::Serializable;
            true
        }
    });
    let (event, place) = *ends.get(wrong)?;
    (!undecided).then_some((place, event))
}

/// A search for an order that looks at nothing but the past.
struct Search<'a> {
    operations: &'a [Operation],
    placed: Vec<bool>,
    order: Vec<usize>,
    /// What has been placed and what that led to, where it went no further.
    dead: HashSet<(Vec<bool>, State)>,
    steps: usize,
}

impl Search<'_> {
    /// An order that explains every reply of a history, if one is found in time. What was not answered mostly has no
    /// part in it, so it is first tried with those alone that wrote what somebody saw.
    fn of(history: &History) -> Option<Vec<usize>> {
        let operations = &history.operations;
        let replies = operations.iter().filter_map(Operation::reply);
        let seen: BTreeSet<&Word> = replies.flat_map(values).collect();
        let failed = |operation: &Operation| operation.has_failed();
        let unseen =
            |operation: &Operation| operation.is_open() && !written(&operation.command).any(|word| seen.contains(word));
        let with = |left_out: &dyn Fn(&Operation) -> bool| {
            let placed = operations.iter().map(left_out).collect();
            let mut search = Search { operations, placed, order: Vec::new(), dead: HashSet::new(), steps: 0 };
            search.goes_on(&State::new()).then_some(search.order)
        };
        with(&|operation| failed(operation) || unseen(operation)).or_else(|| with(&failed))
    }

    fn goes_on(&mut self, state: &State) -> bool {
        if self.missing().next().is_none() {
            return true;
        }
        self.steps += 1;
        if self.steps > MOST_STEPS || self.dead.contains(&(self.placed.clone(), state.clone())) {
            return false;
        }
        let mut next = Vec::new();
        for place in self.next() {
            let mut after = state.clone();
            let reply = apply(&mut after, &self.operations[place].command);
            let answered = self.operations[place].reply();
            let (changes, explained) = (after != *state, answered.is_none_or(|answer| *answer == reply));
            if explained && answered.is_some() && !changes {
                next = vec![(place, after)]; // it can come now, and later it could only fit as well
                break;
            }
            if explained && changes && !self.is_too_early(place, state, &after) {
                next.push((place, after));
            }
        }
        for (place, after) in next {
            self.placed[place] = true;
            self.order.push(place);
            if self.goes_on(&after) {
                return true;
            }
            self.order.pop();
            self.placed[place] = false;
        }
        self.dead.insert((self.placed.clone(), state.clone()));
        false
    }

    /// Whether a value is lost that somebody is still to read, and that was written only once.
    fn is_too_early(&self, place: usize, state: &State, after: &State) -> bool {
        let lost: Vec<(&Word, &Word)> = state.iter().filter(|(key, value)| after.get(*key) != Some(*value)).collect();
        let waits = |reader: &Operation| {
            reader.id != self.operations[place].id && lost.iter().any(|(key, value)| reads(reader, key, value))
        };
        !lost.is_empty() && self.missing().any(waits) && lost.iter().all(|(_, value)| self.is_written_once(value))
    }

    fn is_written_once(&self, value: &Word) -> bool {
        let writers = self.operations.iter().filter(|operation| written(&operation.command).any(|word| word == value));
        writers.take(2).count() == 1
    }

    /// What was answered and has no place yet.
    fn missing(&self) -> impl Iterator<Item = &Operation> {
        let without_place = self.operations.iter().zip(&self.placed).filter(|(_, placed)| !**placed);
        without_place.map(|(operation, _)| operation).filter(|operation| operation.reply().is_some())
    }

    /// What can be placed next: nothing that is missing ended before its call, and nothing that is missing was called
    /// before it by the same client. What was answered first comes first, and what was never answered only if it must.
    fn next(&self) -> Vec<usize> {
        let end = |operation: &Operation| operation.end.as_ref().map_or(u64::MAX, |(moment, _)| moment.event);
        let first_end = self.missing().map(end).min().unwrap_or(u64::MAX);
        let may = |operation: &Operation| {
            let called = operation.call.event;
            let overtakes =
                |other: &Operation| other.client == operation.client && other.call.event < operation.call.event;
            called < first_end && (operation.reply().is_none() || !self.missing().any(overtakes))
        };
        let mut next: Vec<usize> =
            (0..self.operations.len()).filter(|place| !self.placed[*place] && may(&self.operations[*place])).collect();
        next.sort_by_key(|place| {
            let operation = &self.operations[*place];
            (operation.reply().is_none(), end(operation))
        });
        next
    }
}

/// The values in a reply.
fn values(reply: &Reply) -> Vec<&Word> {
    match reply {
        Reply::Value(value) => vec![value],
        Reply::Array(replies) => replies.iter().flat_map(values).collect(),
        _ => Vec::new(),
    }
}

/// Whether an operation read this value of this key.
fn reads(operation: &Operation, key: &Word, value: &Word) -> bool {
    match (&operation.command, operation.reply()) {
        (Command::Get(asked), Some(Reply::Value(found))) => asked == key && found == value,
        (Command::MGet(asked), Some(Reply::Array(replies))) => asked
            .iter()
            .zip(replies)
            .any(|(asked, reply)| asked == key && matches!(reply, Reply::Value(found) if found == value)),
        _ => false,
    }
}

/// The values that a command may write.
fn written(command: &Command) -> impl Iterator<Item = &Word> {
    let (one, several) = match command {
        Command::Set { value, .. } => (Some(value), [].as_slice()),
        Command::MSet(pairs) => (None, pairs.as_slice()),
        _ => (None, [].as_slice()),
    };
    one.into_iter().chain(several.iter().map(|(_, value)| value))
}
