//! The order that explains the beginning, replayed.

use std::collections::BTreeMap;

use crate::check::Violation;
use crate::history::History;
use crate::model::{State, apply};
use crate::operation::{Command, Reply};
use crate::word::Word;

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
