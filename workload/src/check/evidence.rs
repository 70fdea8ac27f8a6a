//! Where a history stops making sense, and a sentence that says why.

use super::claim::{ABSENT, Demand};
use super::claims::{Act, Claims, Impossible};
use super::{Budget, Judged, Violation, judge};
use crate::history::{History, Operation};
use crate::operation::Reply;
use crate::word::Word;

/// The first reply that makes a history inexplicable, and an order of everything before it, given a place in the history
/// at which, or after which, it has to be.
///
/// The search looks ahead: it may give up at a write because of a read that comes long after it. For people the
/// operation to look at is the one whose reply, and none before, left no order. What is violated stays violated when
/// more happens, so it is found by strides that double, and then by halving. If the budget ends before that, a later reply is
/// shown: it is evidence too.
pub(super) fn first(history: &History, place: usize, budget: &mut Budget) -> Violation {
    let from = history.operations[place].end.as_ref().map_or(0, |(end, _)| end.event);
    let ended = |(place, operation): (usize, &Operation)| operation.end.as_ref().map(|(end, _)| (end.event, place));
    let mut ends: Vec<(u64, usize)> =
        history.operations.iter().enumerate().filter_map(ended).filter(|(end, _)| *end >= from).collect();
    ends.sort_unstable();
    let (mut low, mut high) = (0, ends.len() - 1); // with the last end, the history is whole
    let mut stride = 0;
    while low < high {
        let next = (low + stride).min(low.midpoint(high));
        stride = 2 * stride + 1;
        match judge(history, ends[next].0, budget, None) {
            Judged::Violation { .. } => high = next,
            Judged::Serializable => low = next + 1,
            Judged::Undecided => break,
        }
    }
    let (event, operation) = ends[high];
    let mut orders = Vec::new();
    let prefix = match judge(history, event - 1, budget, Some(&mut orders)) {
        Judged::Serializable => merged(history, orders),
        Judged::Violation { .. } | Judged::Undecided => Vec::new(),
    };
    let found = &history.operations[operation];
    let why = match Claims::of(history, event) {
        Ok(claims) => match claims.acts.iter().find(|act| act.place as usize == operation) {
            Some(act) => explain(history, &claims, act),
            None => format!(
                "client {} was told that {} (operation {}) did nothing, but what others saw cannot be explained without it",
                found.client, found.command, found.id
            ),
        },
        Err(Impossible { place, why }) => {
            let Operation { client, id, command, .. } = &history.operations[place];
            format!("client {client}'s {command} (operation {id}) {why}")
        }
    };
    Violation { operation, why, prefix }
}

/// One order of the orders of several parts. Each respects real time, so some operation can always come next: one that
/// was not called after the end of another one that is left.
fn merged(history: &History, orders: Vec<Vec<usize>>) -> Vec<usize> {
    let end = |place: usize| match &history.operations[place] {
        operation if operation.is_open() => u64::MAX,
        operation => operation.end.as_ref().map_or(u64::MAX, |(end, _)| end.event),
    };
    // For each order and place in it, the first end of what is left from there.
    let first_ends = |order: &Vec<usize>| {
        let mut ends: Vec<u64> = order.iter().map(|place| end(*place)).collect();
        (1..ends.len()).rev().for_each(|next| ends[next - 1] = ends[next - 1].min(ends[next]));
        ends
    };
    let ends: Vec<Vec<u64>> = orders.iter().map(first_ends).collect();
    let mut next = vec![0; orders.len()];
    let mut merged = Vec::new();
    loop {
        let left = (0..orders.len()).filter(|order| next[*order] < orders[*order].len());
        // The one whose own end comes first, or has to make way for the end that comes first, was called before it.
        let Some(order) = left.min_by_key(|order| ends[*order][next[*order]]) else { return merged };
        merged.push(orders[order][next[order]]);
        next[order] += 1;
    }
}

/// Why no order lets this act be answered as it was, in a sentence.
pub(super) fn explain(history: &History, claims: &Claims, act: &Act) -> String {
    let operation = &history.operations[act.place as usize];
    for (key, demand) in &act.claim.demands {
        let why = match demand {
            Demand::Is(ABSENT) => missing(history, claims, act, *key),
            Demand::Is(value) => stale(history, claims, act, *key, *value),
            Demand::Present => None,
        };
        if let Some(why) = why {
            return why;
        }
    }
    let reply = operation.reply().map(ToString::to_string).unwrap_or_default();
    format!(
        "client {} was answered {reply} to {} (operation {}), but in every order that explains all replies before it, \
         it would have been answered otherwise or come too late",
        operation.client, operation.command, operation.id
    )
}

/// A value that was not written yet, or that was gone.
fn stale(history: &History, claims: &Claims, act: &Act, key: u32, value: u32) -> Option<String> {
    let operation = &history.operations[act.place as usize];
    let mut writers = claims.acts.iter().filter(|writer| writer.claim.writes.contains(&(key, value)));
    let (Some(writer), None) = (writers.next(), writers.next()) else { return None };
    let written = &history.operations[writer.place as usize];
    let (name, saw) = (&claims.words[key as usize], seen_of(history, claims, act, key)?);
    if writer.call > act.end {
        return Some(format!(
            "client {} read {name} = {saw} (operation {}) before client {} called {} (operation {}), which alone wrote it",
            operation.client, operation.id, written.client, written.command, written.id
        ));
    }
    let seen = |demands: &[(u32, Demand)]| demands.contains(&(key, Demand::Is(value)));
    for other in claims.acts.iter().filter(|other| other.end < act.call && other.place != act.place) {
        let Some((_, Demand::Is(newer))) =
            other.claim.demands.iter().find(|(k, d)| *k == key && *d != Demand::Is(value) && *d != Demand::Present)
        else {
            continue;
        };
        let was_there = writer.end < other.call
            || claims.acts.iter().any(|reader| reader.end < other.call && seen(&reader.claim.demands));
        if was_there && other.place != writer.place {
            let found = &history.operations[other.place as usize];
            let newer =
                if *newer == ABSENT { "nil".to_owned() } else { seen_of(history, claims, other, key)?.to_string() };
            return Some(format!(
                "client {} read {name} = {saw} (operation {}) although {newer} had already been read by client {} \
                 (operation {}), and nothing wrote {saw} in between",
                operation.client, operation.id, found.client, found.id
            ));
        }
    }
    None
}

/// A key that was there and that nobody can have deleted.
fn missing(history: &History, claims: &Claims, act: &Act, key: u32) -> Option<String> {
    let operation = &history.operations[act.place as usize];
    let deletes =
        |other: &Act| other.place != act.place && other.call < act.end && other.claim.writes.contains(&(key, ABSENT));
    let writes = |other: &&Act| {
        other.end < act.call && other.claim.writes.iter().any(|(k, value)| *k == key && *value != ABSENT)
    };
    let written = claims.acts.iter().filter(writes).max_by_key(|other| other.end)?;
    let after = |other: &Act| deletes(other) && other.end > written.call;
    if claims.acts.iter().any(after) {
        return None;
    }
    let found = &history.operations[written.place as usize];
    let name = &claims.words[key as usize];
    let reply = operation.reply().map(ToString::to_string).unwrap_or_default();
    Some(format!(
        "client {} was answered {reply} to {} (operation {}), as if {name} did not exist, although client {} had set it \
         (operation {}) and nothing deleted it in between",
        operation.client, operation.command, operation.id, found.client, found.id
    ))
}

/// The word that an act saw as the value of a key.
fn seen_of<'a>(history: &'a History, claims: &Claims, act: &Act, key: u32) -> Option<&'a Word> {
    let operation = &history.operations[act.place as usize];
    let replies = match operation.reply()? {
        Reply::Array(replies) => replies.iter().collect(),
        reply => vec![reply],
    };
    operation.command.keys().into_iter().zip(replies).find_map(|(word, reply)| match reply {
        Reply::Value(value) if *word == claims.words[key as usize] => Some(value),
        _ => None,
    })
}
