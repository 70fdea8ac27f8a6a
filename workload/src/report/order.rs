//! The order that explains the beginning, replayed.

use std::collections::BTreeMap;

use crate::check::Violation;
use crate::history::History;
use crate::operation::{Command, Condition, Reply};
use crate::word::Word;

/// What the keys hold.
type State = BTreeMap<Word, Word>;

/// The longest explainable prefix of a history, and what it leads to.
pub(super) struct Order {
    /// One for each operation of the prefix.
    pub steps: Vec<Step>,
    /// What the operation that can't be explained would be answered in that state, unless that is what it was answered.
    pub expected: Option<Reply>,
}

/// An operation that has taken effect.
pub(super) struct Step {
    /// As a place in the history.
    pub operation: usize,
    /// The keys that hold something else after it, with what they hold then.
    pub changes: Vec<(Word, Option<Word>)>,
}

impl Order {
    /// Replays the prefix of a violation.
    pub fn of(history: &History, violation: &Violation) -> Order {
        let mut state = State::new();
        let step = |&operation: &usize| {
            let command = &history.operations[operation].command;
            let before = touched(&state, command);
            apply(&mut state, command);
            let mut changes: Vec<(Word, Option<Word>)> = Vec::new();
            for (key, old) in before {
                let new = state.get(&key).cloned();
                if new != old {
                    changes.push((key, new));
                }
            }
            Step { operation, changes }
        };
        let steps = violation.prefix.iter().map(step).collect();
        let marked = &history.operations[violation.operation];
        let expected = apply(&mut state, &marked.command);
        let expected = marked.reply().is_some_and(|reply| *reply != expected).then_some(expected);
        Order { steps, expected }
    }
}

/// The keys that a command can change, each once, and what they hold.
fn touched(state: &State, command: &Command) -> BTreeMap<Word, Option<Word>> {
    let named = command.keys().into_iter().map(|key| (key.clone(), state.get(key).cloned()));
    let others = state.iter().filter(|_| matches!(command, Command::FlushAll));
    named.chain(others.map(|(key, value)| (key.clone(), Some(value.clone())))).collect()
}

fn apply(state: &mut State, command: &Command) -> Reply {
    let value = |found: Option<&Word>| found.map_or(Reply::Nil, |word| Reply::Value(word.clone()));
    let integer = |count: usize| Reply::Integer(i64::try_from(count).unwrap_or(i64::MAX));
    match command {
        Command::Get(key) => value(state.get(key)),
        Command::Set { key, value: new, condition, get } => {
            let old = state.get(key).cloned();
            let sets = match condition {
                None => true,
                Some(Condition::Absent) => old.is_none(),
                Some(Condition::Present) => old.is_some(),
            };
            if sets {
                state.insert(key.clone(), new.clone());
            }
            match (get, sets) {
                (true, _) => value(old.as_ref()),
                (false, true) => Reply::ok(),
                (false, false) => Reply::Nil,
            }
        }
        Command::Del(keys) => integer(keys.iter().filter(|key| state.remove(*key).is_some()).count()),
        Command::Exists(keys) => integer(keys.iter().filter(|key| state.contains_key(*key)).count()),
        Command::MGet(keys) => Reply::Array(keys.iter().map(|key| value(state.get(key))).collect()),
        Command::MSet(pairs) => {
            state.extend(pairs.iter().cloned());
            Reply::ok()
        }
        Command::FlushAll => {
            state.clear();
            Reply::ok()
        }
        Command::DbSize => integer(state.len()),
        Command::Ping => Reply::Status { status: "PONG".into() },
    }
}
