//! Replays the order that explains the beginning of a history.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::Violation;
use crate::history::{History, Operation};
use crate::model::{self, Site, State, apply_at};
use crate::operation::Reply;
use crate::word::Word;

/// The order of a violation's prefix, step by step.
pub(super) struct Order {
    /// One step for each operation of the prefix.
    pub steps: Vec<OrderStep>,
    /// The right reply to the unexplained operation after these steps. `None` if it had that reply.
    pub expected: Option<Reply>,
}

/// An operation that took effect.
pub(super) struct OrderStep {
    /// The index of the operation in the history.
    pub operation: usize,
    /// The keys that it changed, with their new values. `None` is an absent key.
    pub changes: Vec<(Word, Option<Word>)>,
}

impl Order {
    /// Replays the prefix of a violation.
    pub fn of(history: &History, violation: &Violation) -> Order {
        let mut state = State::new();
        let databases = history.databases();
        let site = |operation: usize| Site {
            database: databases[operation],
            stamp: operation as u32,
            client: history.operations[operation].client,
            ..Site::default()
        };
        let step = |&operation: &usize| {
            let Operation { command, .. } = &history.operations[operation];
            let before = shown(&state);
            let reply = history.operations[operation].reply();
            // The order holds no step for the end of a life, so a reply may not fit. The picture then shows the model's.
            match model::step(&state, site(operation), command, reply).into_iter().flatten().next() {
                Some(after) => state = after,
                None => {
                    apply_at(&mut state, site(operation), command);
                }
            }
            let after = shown(&state);
            let keys: BTreeSet<&Word> = before.keys().chain(after.keys()).collect();
            let changed = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
            let changes = changed.map(|key| (key.clone(), after.get(key).cloned())).collect();
            OrderStep { operation, changes }
        };
        let steps = violation.prefix.iter().map(step).collect();
        let marked = &history.operations[violation.operation];
        let expected = apply_at(&mut state, site(violation.operation), &marked.command);
        let seen = |reply: &Reply| marked.command.comparable(reply.clone());
        let expected = marked
            .reply()
            .is_some_and(|reply| !marked.command.accepts(&seen(&expected), &seen(reply)))
            .then_some(expected);
        Order { steps, expected }
    }
}

/// The keys of a state with their values, for people. A key of another database than 0 has its number in front.
fn shown(state: &State) -> BTreeMap<Word, Word> {
    let name = |database: u8, key: &Word| match database {
        0 => key.clone(),
        _ => Word::from(format!("{database}/{key}")),
    };
    let pictured = state.entries().map(|((database, key), entry)| (name(*database, key), entry.value.pictured()));
    pictured.collect()
}
