//! The search states that the search still has to visit at one event.

use std::collections::VecDeque;

use super::search_state::{SearchState, SeenStates};

/// A queue of search states, those with the fewest used open operations first.
///
/// It gives out each state once, comparing its first words only. So among states that look alike, it gives out one that
/// has used the fewest open operations.
#[derive(Default)]
pub(super) struct Worklist {
    seen: SeenStates,
    /// The states with as few used operations as the last state given out.
    next: Vec<SearchState>,
    /// The other states, by how many more they have used. These may still look like others.
    later: VecDeque<Vec<SearchState>>,
    waiting: usize,
}

impl Worklist {
    /// Forgets all states.
    pub(super) fn clear(&mut self) {
        self.seen.clear();
        self.next.clear();
        self.later.clear();
        self.waiting = 0;
    }

    /// Adds a state that has used `more` operations more than the last state given out.
    pub(super) fn push(&mut self, state: SearchState, more: usize, compared: usize) {
        if more == 0 {
            if self.seen.is_new(&state, compared) {
                self.next.push(state);
            }
            return;
        }
        if self.later.len() < more {
            self.later.resize_with(more, Vec::new);
        }
        self.later[more - 1].push(state);
        self.waiting += 1;
    }

    /// Gives out the next state that differs from all before.
    pub(super) fn pop(&mut self, compared: usize) -> Option<SearchState> {
        while self.next.is_empty() {
            let candidates = self.later.pop_front()?;
            self.waiting -= candidates.len();
            self.next.extend(candidates.into_iter().filter(|candidate| self.seen.is_new(candidate, compared)));
        }
        self.next.pop()
    }

    pub(super) fn len(&self) -> usize {
        self.seen.len() + self.waiting
    }
}
