//! A search that is plainly right, as an oracle for the checker.

use std::collections::HashSet;

use valthree_workload::check::Budget;
use valthree_workload::history::History;
use valthree_workload::model::{self, Site, State};

/// Whether some order explains a history. `None` if the search takes too long.
///
/// This is Wing and Gong's search with Lowe's memory: it tries any operation that may come next, but never twice from the
/// same set of operations and the same state.
pub fn explains(history: &History) -> Option<bool> {
    const PATIENCE: usize = 60_000;
    let databases = history.databases();
    let (operations, databases): (Vec<_>, Vec<_>) =
        history.operations.iter().zip(databases).filter(|(operation, _)| !operation.has_failed()).unzip();
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
            let (database, client) = (databases[number], operation.client);
            let window = operation.window(Budget::default().margin);
            let site = Site { database, stamp: number as u32, client, window };
            for after in model::step(&state, site, &operation.command, operation.reply())? {
                if seen.insert((done | 1 << number, after.clone())) {
                    stack.push((done | 1 << number, after));
                }
            }
        }
    }
    Some(false)
}
