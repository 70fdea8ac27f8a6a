//! Makes a history that cannot be explained as small as it can be and still be that.

use std::collections::{BTreeMap, BTreeSet};

use super::claims::NEVER;
use super::{Budget, Judged, Verdict, check, is_serializable, judge};
use crate::history::{History, Operation};
use crate::operation::{Command, Reply};
use crate::word::Word;

/// How many times the budget of one check a shrinking may cost.
const CHECKS: u64 = 4;

/// The operations of a violation that suffice for it, whole values (a write and its reads) taken out first, then single
/// operations. Anything but a violation is returned as it is.
///
/// What is taken out does not matter to the violation, and that is checked: not that the rest looks wrong without it,
/// but that there would be no order even if the reads taken out had been answered in any way, and the writes taken out
/// had happened at any time or never. So the evidence that is left is evidence against the whole history.
pub fn shrink(history: &History, budget: Budget) -> History {
    let Verdict::Violation(violation) = check(history, budget) else { return history.clone() };
    let mut shrinking = Shrinking {
        kept: vec![true; history.operations.len()],
        history: match &history.operations[violation.operation].end {
            Some((end, _)) => until(history, end.event),
            None => history.clone(),
        },
        budget: Budget { steps: budget.steps.saturating_mul(CHECKS) },
        each: budget.steps,
    };
    shrinking.kept.truncate(shrinking.history.operations.len());
    let units = values(&shrinking.history);
    shrinking.without(&units);
    let singles: Vec<Vec<usize>> = (0..shrinking.kept.len()).rev().map(|place| vec![place]).collect();
    shrinking.without(&singles);
    shrinking.without(&singles);
    let kept = |(place, operation): (usize, &Operation)| {
        shrinking.kept.get(place).is_some_and(|kept| *kept).then(|| operation.clone())
    };
    let operations = history.operations.iter().enumerate().filter_map(kept).collect();
    let small = History { about: history.about.clone(), operations };
    // What was relaxed is gone now, which leaves fewer orders still; but evidence is not believed unseen.
    match is_serializable(&small, budget) {
        Some(false) => small,
        _ => history.clone(),
    }
}

/// The history up to and including an event: what was called later is not there, and what ended later has not ended.
fn until(history: &History, event: u64) -> History {
    let called = history.operations.iter().take_while(|operation| operation.call.event <= event);
    let operations = called.map(|operation| {
        let end = operation.end.clone().filter(|(end, _)| end.event <= event);
        Operation { end, ..operation.clone() }
    });
    History { about: history.about.clone(), operations: operations.collect() }
}

struct Shrinking {
    history: History,
    kept: Vec<bool>,
    budget: Budget,
    each: u64,
}

impl Shrinking {
    /// Takes out as many of the units as possible, in ever smaller runs of them.
    fn without(&mut self, units: &[Vec<usize>]) {
        let mut run = units.len().next_power_of_two();
        while run > 0 && self.budget.steps > 0 {
            for units in units.chunks(run) {
                let mut kept = self.kept.clone();
                units.iter().flatten().for_each(|place| kept[*place] = false);
                close(&self.history, &mut kept);
                if kept != self.kept && self.is_violation(&kept) {
                    self.kept = kept;
                }
            }
            run /= 2;
        }
    }

    fn is_violation(&mut self, kept: &[bool]) -> bool {
        let mut budget = Budget { steps: self.each.min(self.budget.steps) };
        let allowed = budget.steps;
        let verdict = judge(&relaxed(&self.history, kept), NEVER, &mut budget, None);
        let cost = allowed - budget.steps + self.history.operations.len() as u64 / 8;
        self.budget.steps = self.budget.steps.saturating_sub(cost);
        matches!(verdict, Judged::Violation { .. })
    }
}

/// The history without the replies to what is not kept: its reads are gone, its writes open.
fn relaxed(history: &History, kept: &[bool]) -> History {
    let operations =
        history.operations.iter().zip(kept).filter(|(operation, kept)| **kept || operation.command.may_write());
    let operations =
        operations.filter(|(operation, kept)| **kept || !operation.has_failed()).map(|(operation, kept)| {
            if *kept { operation.clone() } else { Operation { end: None, ..operation.clone() } }
        });
    History { about: String::new(), operations: operations.collect() }
}

/// The values that an operation was answered with, each with its key.
fn seen(operation: &Operation) -> Vec<(&Word, &Word)> {
    let replies: Vec<&Reply> = match operation.reply() {
        Some(Reply::Array(replies)) => replies.iter().collect(),
        reply => reply.into_iter().collect(),
    };
    let pairs = operation.command.keys().into_iter().zip(replies);
    pairs.filter_map(|(key, reply)| if let Reply::Value(value) = reply { Some((key, value)) } else { None }).collect()
}

fn written(command: &Command) -> Vec<(&Word, &Word)> {
    match command {
        Command::Set { key, value, .. } => vec![(key, value)],
        Command::MSet(pairs) => pairs.iter().map(|(key, value)| (key, value)).collect(),
        _ => Vec::new(),
    }
}

/// For each value its writes and its reads.
fn values(history: &History) -> Vec<Vec<usize>> {
    let mut units: BTreeMap<(&Word, &Word), Vec<usize>> = BTreeMap::new();
    for (place, operation) in history.operations.iter().enumerate() {
        for value in written(&operation.command).into_iter().chain(seen(operation)) {
            units.entry(value).or_default().push(place);
        }
    }
    let mut units: Vec<Vec<usize>> = units.into_values().collect();
    units.sort_unstable();
    units
}

/// A read whose value nobody seems to have written would be another violation: it goes where its writes go.
fn close(history: &History, kept: &mut [bool]) {
    let kept_places = |kept: &[bool]| (0..kept.len()).filter(|place| kept[*place]).collect::<Vec<_>>();
    let places = kept_places(kept);
    let there: BTreeSet<(&Word, &Word)> =
        places.iter().flat_map(|place| written(&history.operations[*place].command)).collect();
    let anywhere: BTreeSet<(&Word, &Word)> =
        history.operations.iter().flat_map(|operation| written(&operation.command)).collect();
    for place in places {
        let lost = |value: &(&Word, &Word)| anywhere.contains(value) && !there.contains(value);
        if seen(&history.operations[place]).iter().any(lost) {
            kept[place] = false;
        }
    }
}
