//! The entry points of the checker.

use super::claims::NEVER;
use super::judge::{judge, judge_by_cycles, judge_by_search};
use super::verdict::{Budget, Judgement, Verdict};
use super::{assumptions, blame};
use crate::history::History;

/// Judges a history, and finds the evidence if it is a violation.
pub fn check(history: &History, budget: Budget) -> Verdict {
    if let Some(why) = assumptions::broken(history) {
        return Verdict::Malformed(why);
    }
    match judge(history, NEVER, &mut budget.clone(), None) {
        Judgement::Serializable => Verdict::Serializable,
        Judgement::Undecided(excess) => Verdict::Undecided(excess.why(&budget)),
        // The search for the first inexplicable reply may cost as much again.
        Judgement::Violation { index } => {
            Verdict::Violation(Box::new(blame::first(history, index, &mut budget.clone())))
        }
    }
}

/// Judges a history without looking for evidence. `None` if the checker cannot decide or the history is malformed.
pub fn is_serializable(history: &History, mut budget: Budget) -> Option<bool> {
    if assumptions::broken(history).is_some() {
        return None;
    }
    match judge(history, NEVER, &mut budget, None) {
        Judgement::Serializable => Some(true),
        Judgement::Violation { .. } => Some(false),
        Judgement::Undecided(_) => None,
    }
}

/// Judges a history of lists that only grow by the judge of cycles alone. `None` if that judge leaves it to the other one.
pub fn is_serializable_by_cycles(history: &History) -> Option<bool> {
    if assumptions::broken(history).is_some() { None } else { judge_by_cycles(history) }
}

/// Judges a history by the search of typed values alone, whatever it is about. `None` if the budget does not suffice.
pub fn is_serializable_by_search(history: &History, mut budget: Budget) -> Option<bool> {
    if assumptions::broken(history).is_some() {
        return None;
    }
    match judge_by_search(history, &mut budget) {
        Judgement::Serializable => Some(true),
        Judgement::Violation { .. } => Some(false),
        Judgement::Undecided(_) => None,
    }
}
