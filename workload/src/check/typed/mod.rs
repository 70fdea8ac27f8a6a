//! The judge of typed values: it searches over states of the [model](crate::model) itself.
//!
//! The claims of the other judge take a value as a whole that a write replaces. A list, a counter or a life has no such
//! claims: what a push writes depends on what is there. So this judge keeps whole values, numbered, and asks
//! `model::step` where an operation leads. It remembers each answer.
//!
//! | file | holds |
//! |---|---|
//! | `doing` | what happens: a command, or the end of a life |
//! | `deed` | when it happens, and to which keys |
//! | `touch` | which elements a deed looks at and writes |
//! | `change` | how a deed may change the elements of a value |
//! | `group` | cuts the deeds into groups that can be judged alone |
//! | `goal` | what a reply says of the value before it, which bars hopeless states |
//! | `shown` | elements that somebody sees later, which bars more hopeless states |
//! | `atlas` | numbered values, and the steps between them |
//! | `lead` | the states of the search |
//! | `search` | the loop over the events |
//! | `scans` | judges iterations, which the search takes for reads of the type |
//!
//! The search is the one of `frontier`, with fewer rules: an operation takes effect just in time, and one that changes
//! nothing happens at once. Operations on different elements of one collection commute, so a search that asks for one
//! element leaves the others waiting.
//!
//! An open operation that nobody needs makes no branches: a first search stops at the fewest open operations that explain
//! a reply. If it finds no order, a second one tries everything.
//!
//! # Lives
//!
//! Nobody sees the clock of a server. A life of `t` that a command sets between its call and its answer has an end of its
//! own: a deed that may happen from `call + t - margin` on, and has happened by `answer + t + margin`. So a key is certainly
//! there before and certainly gone after. In between, the search finds one moment for all clients: once a client has seen
//! the key gone, no later read may find it.

mod atlas;
mod change;
mod deed;
mod doing;
mod goal;
mod group;
mod lead;
pub(super) mod scans;
mod search;
mod shown;
mod touch;

use std::time::Duration;

use self::deed::Deeds;
use self::group::{Group, groups};
use self::search::{Conclusion, Effort, search};
use super::registers;
use super::verdict::{Budget, Judgement};
use crate::history::History;

/// The open operations beyond the fewest that the frugal searches try for each reply.
const MOST_SLACK: u32 = 2;

/// Judges what is known of a history at an event. Does not check its assumptions.
pub(super) fn judge(
    history: &History,
    until: u64,
    budget: &mut Budget,
    orders: Option<&mut Vec<Vec<usize>>>,
) -> Judgement {
    let deeds = match Deeds::of(history, until, budget.margin) {
        Ok(deeds) => deeds,
        Err(impossible) => return Judgement::Violation { index: impossible.index },
    };
    // An open FLUSHALL need not have happened. Without it, fewer keys belong together.
    if deeds.all.iter().any(|deed| deed.is_open() && deed.is_whole()) {
        let mut found = Vec::new();
        let mut some = Budget { steps: budget.steps / 4, ..*budget };
        let certain = deeds.without(|deed| deed.is_open() && deed.is_whole());
        if let Judgement::Serializable = judge_groups(history, until, &certain, &mut some, Some(&mut found)) {
            if let Some(orders) = orders {
                orders.append(&mut found);
            }
            return Judgement::Serializable;
        }
    }
    judge_groups(history, until, &deeds, budget, orders)
}

fn judge_groups(
    history: &History,
    until: u64,
    deeds: &Deeds<'_>,
    budget: &mut Budget,
    mut orders: Option<&mut Vec<Vec<usize>>>,
) -> Judgement {
    let mut undecided = None;
    for group in groups(deeds) {
        match judge_group(history, until, deeds, &group, budget, orders.as_deref_mut()) {
            Judgement::Serializable => {}
            Judgement::Undecided(excess) => drop(undecided.get_or_insert(excess)),
            violation @ Judgement::Violation { .. } => return violation,
        }
    }
    undecided.map_or(Judgement::Serializable, Judgement::Undecided)
}

fn judge_group(
    history: &History,
    until: u64,
    deeds: &Deeds<'_>,
    group: &Group,
    budget: &mut Budget,
    mut orders: Option<&mut Vec<Vec<usize>>>,
) -> Judgement {
    if group.is_about_registers(deeds) {
        let indexes: Vec<usize> = group.deeds.iter().map(|deed| deeds.all[*deed as usize].index as usize).collect();
        let operations = indexes.iter().map(|index| history.operations[*index].clone()).collect();
        let registers = History { about: String::new(), operations };
        let mut found = Vec::new();
        let judgement = registers::judge(&registers, until, budget, orders.is_some().then_some(&mut found));
        let whole = |order: Vec<usize>| order.into_iter().map(|index| indexes[index]).collect();
        if let Some(orders) = orders {
            orders.extend(found.into_iter().map(whole));
        }
        return match judgement {
            Judgement::Violation { index } => Judgement::Violation { index: indexes[index] },
            Judgement::Serializable | Judgement::Undecided(_) => judgement,
        };
    }
    for slack in 0..=MOST_SLACK {
        let mut some = Budget { steps: budget.steps / 8, ..*budget };
        if let Conclusion::Order = search(deeds, group, Effort::Frugal(slack), &mut some, orders.as_deref_mut()) {
            return Judgement::Serializable;
        }
    }
    match search(deeds, group, Effort::Exact, budget, orders) {
        Conclusion::Order => Judgement::Serializable,
        Conclusion::Stuck { index } => Judgement::Violation { index },
        Conclusion::Exhausted(excess) => Judgement::Undecided(excess),
    }
}

/// The operations that belong to one group with an operation. A violation needs no others.
pub(super) fn companions(history: &History, operation: usize, margin: Duration) -> Vec<usize> {
    let all = (0..history.operations.len()).collect();
    let Ok(deeds) = Deeds::of(history, u64::MAX - 1, margin) else { return all };
    let index = |deed: &u32| deeds.all[*deed as usize].index as usize;
    let of_group = |group: &Group| group.deeds.iter().any(|deed| index(deed) == operation);
    match groups(&deeds).iter().find(|group| of_group(group)) {
        Some(group) => group.deeds.iter().map(index).collect(),
        None => all,
    }
}
