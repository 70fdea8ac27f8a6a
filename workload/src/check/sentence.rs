//! The sentence that says why no order explains a reply.

use super::claim::{ABSENT, Demand};
use super::claims::{Act, Claims};
use crate::history::History;
use crate::model;
use crate::word::Word;

/// Why no order lets this act have its reply.
pub(super) fn explain(history: &History, claims: &Claims, act: &Act) -> String {
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
    unexplained(history, act.index as usize)
}

/// Says that no order lets an operation have its reply.
pub(super) fn unexplained(history: &History, operation: usize) -> String {
    let operation = &history.operations[operation];
    let reply = operation.reply().map(ToString::to_string).unwrap_or_default();
    if let Some(why) = operation.reply().and_then(|reply| model::impossible(&operation.command, reply)) {
        return format!("client {}'s {} (operation {}) {why}", operation.client, operation.command, operation.id);
    }
    format!(
        "client {} was answered {reply} to {} (operation {}), but in every order that explains all replies before it, \
         it would have been answered otherwise or come too late",
        operation.client, operation.command, operation.id
    )
}

/// Explains a value that was not written yet, or that had been replaced.
fn stale(history: &History, claims: &Claims, act: &Act, key: u32, value: u32) -> Option<String> {
    let operation = &history.operations[act.index as usize];
    let mut writers = claims.acts.iter().filter(|writer| writer.claim.writes.contains(&(key, value)));
    let (Some(writer), None) = (writers.next(), writers.next()) else { return None };
    let written = &history.operations[writer.index as usize];
    let (name, saw) = (&claims.words[key as usize], seen_of(history, claims, act, key)?);
    if writer.call > act.end {
        return Some(format!(
            "client {} read {name} = {saw} (operation {}) before client {} called {} (operation {}), which alone wrote it",
            operation.client, operation.id, written.client, written.command, written.id
        ));
    }
    let seen = |demands: &[(u32, Demand)]| demands.contains(&(key, Demand::Is(value)));
    for other in claims.acts.iter().filter(|other| other.end < act.call && other.index != act.index) {
        let Some((_, Demand::Is(newer))) =
            other.claim.demands.iter().find(|(k, d)| *k == key && *d != Demand::Is(value) && *d != Demand::Present)
        else {
            continue;
        };
        let was_there = writer.end < other.call
            || claims.acts.iter().any(|reader| reader.end < other.call && seen(&reader.claim.demands));
        if was_there && other.index != writer.index {
            let found = &history.operations[other.index as usize];
            let newer =
                if *newer == ABSENT { "nil".to_owned() } else { seen_of(history, claims, other, key)?.to_string() };
            return Some(format!(
                "client {} read {name} = {saw} (operation {}) although client {} had already read {newer} \
                 (operation {}), and nothing wrote {saw} in between",
                operation.client, operation.id, found.client, found.id
            ));
        }
    }
    None
}

/// Explains an absent key that some client had set and nobody can have deleted.
fn missing(history: &History, claims: &Claims, act: &Act, key: u32) -> Option<String> {
    let operation = &history.operations[act.index as usize];
    let deletes =
        |other: &Act| other.index != act.index && other.call < act.end && other.claim.writes.contains(&(key, ABSENT));
    let writes = |other: &&Act| {
        other.end < act.call && other.claim.writes.iter().any(|(k, value)| *k == key && *value != ABSENT)
    };
    let written = claims.acts.iter().filter(writes).max_by_key(|other| other.end)?;
    let after = |other: &Act| deletes(other) && other.end > written.call;
    if claims.acts.iter().any(after) {
        return None;
    }
    let found = &history.operations[written.index as usize];
    let name = &claims.words[key as usize];
    let reply = operation.reply().map(ToString::to_string).unwrap_or_default();
    Some(format!(
        "client {} was answered {reply} to {} (operation {}), as if {name} did not exist, although client {} had set it \
         (operation {}) and nothing deleted it in between",
        operation.client, operation.command, operation.id, found.client, found.id
    ))
}

/// The value that the reply to an act shows of a key.
fn seen_of<'a>(history: &'a History, claims: &Claims, act: &Act, key: u32) -> Option<&'a Word> {
    let operation = &history.operations[act.index as usize];
    let shown = operation.command.shown(operation.reply()?);
    shown.into_iter().find_map(|(word, value)| value.filter(|_| *word == claims.words[key as usize]))
}
