//! Judges a history with the judge that it is for, the cheap ways first.

use super::append::{self, Finding};
use super::claims::{Impossible, NEVER};
use super::refusals;
use super::registers::{self, is_about_registers};
use super::typed::{self, scans};
use super::verdict::{Budget, Judgement};
use crate::history::History;

/// Judges what is known of a history at an event. Does not check its assumptions.
///
/// If the history is serializable and the caller wants `orders`, adds one order for each part, as indexes of operations.
pub(super) fn judge(
    history: &History,
    until: u64,
    budget: &mut Budget,
    orders: Option<&mut Vec<Vec<usize>>>,
) -> Judgement {
    if is_about_registers(history) {
        return registers::judge(history, until, budget, orders);
    }
    if let Some(Impossible { index, .. }) = wrong(history, until) {
        return Judgement::Violation { index };
    }
    match append::judge(history, until) {
        Finding::Order(order) => {
            if let Some(orders) = orders {
                orders.push(order);
            }
            Judgement::Serializable
        }
        Finding::Violation { index, .. } => Judgement::Violation { index },
        Finding::Unsure => typed::judge(history, until, budget, orders),
    }
}

/// The first reply that is wrong for a reason that needs no search.
pub(super) fn wrong(history: &History, until: u64) -> Option<Impossible> {
    refusals::wrong(history, until).or_else(|| scans::wrong(history, until))
}

/// Judges a history of lists that only grow by cycles alone. `None` if it is another history, or if cycles do not decide it.
pub(super) fn judge_by_cycles(history: &History) -> Option<bool> {
    match append::judge(history, NEVER) {
        Finding::Order(_) => Some(true),
        Finding::Violation { .. } => Some(false),
        Finding::Unsure => None,
    }
}

/// Judges a history by the search of typed values alone.
pub(super) fn judge_by_search(history: &History, budget: &mut Budget) -> Judgement {
    match wrong(history, NEVER) {
        Some(Impossible { index, .. }) => Judgement::Violation { index },
        None => typed::judge(history, NEVER, budget, None),
    }
}
