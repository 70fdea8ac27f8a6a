//! Shrinks a violation to the few operations that prove it.

use std::collections::{BTreeMap, BTreeSet};

use super::claims::NEVER;
use super::judge::judge;
use super::registers::is_about_registers;
use super::typed;
use super::verdict::{Budget, Judgement, Verdict};
use super::verify::{check, is_serializable};
use crate::history::{History, Operation};
use crate::operation::{Command, ServerCommand, TransactionCommand};
use crate::word::Word;

/// The cost of a shrinking, in budgets of one check.
const CHECKS: u64 = 4;

/// The most steps of one check of typed values, which cost more.
const TYPED_CHECK: u64 = 20_000;

/// The operations that suffice for a violation. Returns any other history as it is.
///
/// Takes out whole values first (a write with its reads), then single operations.
///
/// The rest must be evidence against the whole history, not merely look wrong by itself. So each attempt keeps the removed
/// operations in a relaxed form: a removed read may have had any reply, and a removed write may have happened at any time
/// or never. The operation is dropped only if even then no order exists.
pub fn shrink(history: &History, budget: Budget) -> History {
    let Verdict::Violation(violation) = check(history, budget) else { return history.clone() };
    let mut shrinking = Shrinking {
        kept: vec![true; history.operations.len()],
        history: match &history.operations[violation.operation].end {
            Some((end, _)) => until(history, end.event),
            None => history.clone(),
        },
        budget: Budget { steps: budget.steps.saturating_mul(CHECKS), ..budget },
        each: budget.steps,
    };
    shrinking.kept.truncate(shrinking.history.operations.len());
    if !is_about_registers(history) {
        shrinking.each = shrinking.each.min(TYPED_CHECK);
        shrinking.only(&typed::companions(&shrinking.history, violation.operation, budget.margin));
    }
    let units = values(&shrinking.history);
    shrinking.without(&units);
    let singles: Vec<Vec<usize>> = (0..shrinking.kept.len()).rev().map(|index| vec![index]).collect();
    shrinking.without(&singles);
    shrinking.without(&singles);
    let kept = |(index, operation): (usize, &Operation)| {
        shrinking.kept.get(index).is_some_and(|kept| *kept).then(|| operation.clone())
    };
    let operations = history.operations.iter().enumerate().filter_map(kept).collect();
    let small = History { about: history.about.clone(), operations };
    // Without the relaxed operations there are even fewer orders. Check it all the same: this is evidence.
    match is_serializable(&small, budget) {
        Some(false) => small,
        _ => history.clone(),
    }
}

/// The history up to and including an event, without later calls and later ends.
fn until(history: &History, event: u64) -> History {
    let called = history.operations.iter().take_while(|operation| operation.call.event <= event);
    let operations = called.map(|operation| {
        let end = operation.end.clone().filter(|(end, _)| end.event <= event);
        Operation { end, ..operation.clone() }
    });
    History { about: history.about.clone(), operations: operations.collect() }
}

/// A shrinking under way.
struct Shrinking {
    history: History,
    /// For each operation, whether it is still in.
    kept: Vec<bool>,
    /// What is left to spend.
    budget: Budget,
    /// The most steps of one check.
    each: u64,
}

impl Shrinking {
    /// Takes out all operations but these and the selections of databases.
    fn only(&mut self, companions: &[usize]) {
        let operations = self.history.operations.iter().enumerate();
        self.kept =
            operations.map(|(index, operation)| companions.contains(&index) || is_of_session(operation)).collect();
    }

    /// Takes out as many units as possible, in runs that halve in length.
    fn without(&mut self, units: &[Vec<usize>]) {
        let mut run = units.len().next_power_of_two();
        while run > 0 && self.budget.steps > 0 {
            for units in units.chunks(run) {
                let mut kept = self.kept.clone();
                units.iter().flatten().for_each(|index| kept[*index] = false);
                drop_orphans(&self.history, &mut kept);
                for (kept, operation) in kept.iter_mut().zip(&self.history.operations) {
                    *kept |= is_of_session(operation);
                }
                if kept != self.kept && self.is_violation(&kept) {
                    self.kept = kept;
                }
            }
            run /= 2;
        }
    }

    /// Whether the kept operations prove the violation.
    fn is_violation(&mut self, kept: &[bool]) -> bool {
        let mut budget = Budget { steps: self.each.min(self.budget.steps), ..self.budget };
        let allowed = budget.steps;
        let verdict = judge(&relaxed(&self.history, kept), NEVER, &mut budget, None);
        let cost = allowed - budget.steps + self.history.operations.len() as u64 / 8;
        self.budget.steps = self.budget.steps.saturating_sub(cost);
        matches!(verdict, Judgement::Violation { .. })
    }
}

/// Whether an operation says in which database its client works, or which keys it watches.
fn is_of_session(operation: &Operation) -> bool {
    matches!(
        operation.command,
        Command::Server(ServerCommand::Select(_)) | Command::Transaction(TransactionCommand::Watch(_))
    )
}

/// The history with the other operations relaxed: their reads are gone, and their writes are open.
fn relaxed(history: &History, kept: &[bool]) -> History {
    let operations = history
        .operations
        .iter()
        .zip(kept)
        .filter(|(operation, kept)| **kept || operation.command.may_write() || is_of_session(operation));
    let operations =
        operations.filter(|(operation, kept)| **kept || !operation.has_failed()).map(|(operation, kept)| {
            if *kept { operation.clone() } else { Operation { end: None, ..operation.clone() } }
        });
    History { about: String::new(), operations: operations.collect() }
}

/// The values that the reply of an operation shows, each with its key.
fn seen(operation: &Operation) -> Vec<(&Word, &Word)> {
    let Some(reply) = operation.reply() else { return Vec::new() };
    operation.command.shown(reply).into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// For each value, the operations that write it or saw it.
fn values(history: &History) -> Vec<Vec<usize>> {
    let mut units: BTreeMap<(&Word, &Word), Vec<usize>> = BTreeMap::new();
    for (index, operation) in history.operations.iter().enumerate() {
        for value in operation.command.settable().into_iter().chain(seen(operation)) {
            units.entry(value).or_default().push(index);
        }
    }
    let mut units: Vec<Vec<usize>> = units.into_values().collect();
    units.sort_unstable();
    units
}

/// Also drops the reads of values whose writes are all dropped. A read of a value that nobody wrote would be a violation of
/// its own.
fn drop_orphans(history: &History, kept: &mut [bool]) {
    let kept_indexes = |kept: &[bool]| (0..kept.len()).filter(|index| kept[*index]).collect::<Vec<_>>();
    let indexes = kept_indexes(kept);
    let there: BTreeSet<(&Word, &Word)> =
        indexes.iter().flat_map(|index| history.operations[*index].command.settable()).collect();
    let anywhere: BTreeSet<(&Word, &Word)> =
        history.operations.iter().flat_map(|operation| operation.command.settable()).collect();
    for index in indexes {
        let lost = |value: &(&Word, &Word)| anywhere.contains(value) && !there.contains(value);
        if seen(&history.operations[index]).iter().any(lost) {
            kept[index] = false;
        }
    }
}
