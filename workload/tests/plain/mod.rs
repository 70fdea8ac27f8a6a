//! A search that is plainly right, to hold the checker against.

use std::collections::HashSet;

use valthree_workload::history::History;
use valthree_workload::model::{self, State};

/// Wing and Gong's search as Lowe remembers it: any operation that may come next, and never twice from the same set of
/// operations and the same state. `None` if it takes too long.
pub fn explains(history: &History) -> Option<bool> {
    const PATIENCE: usize = 60_000;
    let operations: Vec<_> = history.operations.iter().filter(|operation| !operation.has_failed()).collect();
    assert!(operations.len() <= 64, "a bit for each operation");
    let required: u64 = (0..operations.len()).filter(|o| !operations[*o].is_open()).map(|o| 1 << o).sum();
    let mut seen: HashSet<(u64, State)> = HashSet::from([(0, State::new())]);
    let mut stack = vec![(0_u64, State::new())];
    while let Some((done, state)) = stack.pop() {
        if done & required == required {
            return Some(true);
        }
        if seen.len() > PATIENCE {
            return None;
        }
        let answered = |o: usize| required >> o & 1 == 1;
        let missing = |o: usize| done >> o & 1 == 0;
        for (number, operation) in operations.iter().enumerate().filter(|(number, _)| missing(*number)) {
            let may_be_next = (0..operations.len()).filter(|o| missing(*o) && answered(*o)).all(|earlier| {
                let other = operations[earlier];
                let ended = other.end.as_ref().is_some_and(|(end, _)| end.event < operation.call.event);
                let precedes = answered(number) && other.client == operation.client && earlier < number;
                !ended && !precedes
            });
            if !may_be_next {
                continue;
            }
            let mut after = state.clone();
            let reply = model::apply(&mut after, &operation.command);
            if operation.reply().is_none_or(|seen| *seen == reply) && seen.insert((done | 1 << number, after.clone())) {
                stack.push((done | 1 << number, after));
            }
        }
    }
    Some(false)
}
