//! Finds the first reply that no order explains.

use super::append::{self, Finding};
use super::claims::{Claims, Impossible};
use super::judge::{self, judge};
use super::registers::is_about_registers;
use super::verdict::{Budget, Judgement, Violation};
use super::{sentence, translate};
use crate::history::{History, Operation};

/// The first inexplicable reply of a history, with an order of everything before it. Every reply before that of `index`
/// has an explanation.
///
/// The search looks ahead: it may give up at a write because of a read that comes long after. People want the operation
/// whose reply, and none before, left no order. A violation stays a violation when more happens, so this function finds
/// the reply by strides that double and then by halving. If the budget ends first, it returns a later reply, which is
/// evidence too.
pub(super) fn first(history: &History, index: usize, budget: &mut Budget) -> Violation {
    let from = history.operations[index].end.as_ref().map_or(0, |(end, _)| end.event);
    let ended = |(index, operation): (usize, &Operation)| operation.end.as_ref().map(|(end, _)| (end.event, index));
    let mut ends: Vec<(u64, usize)> =
        history.operations.iter().enumerate().filter_map(ended).filter(|(end, _)| *end >= from).collect();
    ends.sort_unstable();
    let (mut low, mut high) = (0, ends.len() - 1); // at the last end the history is whole
    let mut stride = 0;
    while low < high {
        let next = (low + stride).min(low.midpoint(high));
        stride = 2 * stride + 1;
        match judge(history, ends[next].0, budget, None) {
            Judgement::Violation { .. } => high = next,
            Judgement::Serializable => low = next + 1,
            Judgement::Undecided(_) => break,
        }
    }
    let (event, operation) = ends[high];
    let mut orders = Vec::new();
    let prefix = match judge(history, event - 1, budget, Some(&mut orders)) {
        Judgement::Serializable => merged(history, orders),
        Judgement::Violation { .. } | Judgement::Undecided(_) => Vec::new(),
    };
    Violation { operation, why: reason(history, event, operation), prefix }
}

/// The sentence that says why no order explains the reply that came at an event.
fn reason(history: &History, event: u64, operation: usize) -> String {
    if !is_about_registers(history) {
        if let Some(Impossible { index, why }) = judge::wrong(history, event) {
            let Operation { client, id, command, .. } = &history.operations[index];
            return format!("client {client}'s {command} (operation {id}) {why}");
        }
        return match append::judge(history, event) {
            Finding::Violation { why, .. } => why,
            Finding::Order(_) | Finding::Unsure => sentence::unexplained(history, operation),
        };
    }
    let claims: Claims = match translate::claims(history, event) {
        Ok(claims) => claims,
        Err(Impossible { index, why }) => {
            let Operation { client, id, command, .. } = &history.operations[index];
            return format!("client {client}'s {command} (operation {id}) {why}");
        }
    };
    match claims.acts.iter().find(|act| act.index as usize == operation) {
        Some(act) => sentence::explain(history, &claims, act),
        None => {
            let Operation { client, id, command, .. } = &history.operations[operation];
            format!(
                "client {client} was told that {command} (operation {id}) did nothing, but the replies to other \
                 operations cannot be explained without it"
            )
        }
    }
}

/// Merges the orders of several parts into one.
///
/// Each order respects real time, so some operation can always come next: one whose call is not after the end of any
/// operation that is left.
fn merged(history: &History, orders: Vec<Vec<usize>>) -> Vec<usize> {
    let end = |index: usize| match &history.operations[index] {
        operation if operation.is_open() => u64::MAX,
        operation => operation.end.as_ref().map_or(u64::MAX, |(end, _)| end.event),
    };
    // For each order and each index in it, the first end from there on.
    let first_ends = |order: &Vec<usize>| {
        let mut ends: Vec<u64> = order.iter().map(|index| end(*index)).collect();
        (1..ends.len()).rev().for_each(|next| ends[next - 1] = ends[next - 1].min(ends[next]));
        ends
    };
    let ends: Vec<Vec<u64>> = orders.iter().map(first_ends).collect();
    let mut next = vec![0; orders.len()];
    let mut merged = Vec::new();
    loop {
        let left = (0..orders.len()).filter(|order| next[*order] < orders[*order].len());
        // The next operation of the order with the first end was called before that end, so it can come now.
        let Some(order) = left.min_by_key(|order| ends[*order][next[*order]]) else { return merged };
        merged.push(orders[order][next[order]]);
        next[order] += 1;
    }
}
