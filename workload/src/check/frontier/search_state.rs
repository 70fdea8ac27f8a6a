//! One state of the search, and sets of them.

use std::collections::HashSet;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::super::claims::Map;

/// The words of a search state. The usual state of one key fits without an allocation.
pub(super) type StateWords = SmallVec<[u32; 12]>;

/// A state that the operations so far may have led to.
///
/// Its words hold, in this order: the value of each key; one bit for each pending operation, set if it has taken effect;
/// and for each kind of open operations, how many have taken effect (`plan.rs` fixes the layout).
pub(super) struct SearchState {
    pub(super) words: StateWords,
    /// The newest step of the order that led here.
    pub(super) newest: u32,
    /// The newest step before the event that the search is looking at.
    pub(super) since: u32,
}

impl Clone for SearchState {
    fn clone(&self) -> SearchState {
        // `from_slice` copies the words at once. `SmallVec::clone` would copy them one by one.
        SearchState { words: StateWords::from_slice(&self.words), ..*self }
    }
}

/// The search states seen at one event.
#[derive(Default)]
pub(super) struct SeenStates {
    seen: HashSet<StateWords, FixedState>,
}

impl SeenStates {
    /// Adds a state. Returns whether it was new, comparing its first words only.
    pub(super) fn is_new(&mut self, state: &SearchState, compared: usize) -> bool {
        self.seen.insert(StateWords::from_slice(&state.words[..compared]))
    }

    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    /// Forgets all states.
    pub(super) fn clear(&mut self) {
        // Clearing a table costs as much as its capacity, so give back the room of a single large event.
        if self.seen.capacity() > 64 + 8 * self.seen.len() {
            self.seen.shrink_to(4 * self.seen.len());
        }
        self.seen.clear();
    }
}

/// Drops each state that differs from another one only by having used more open operations. The other state can explain
/// whatever this one can, because it has the same operations left and more.
pub(super) fn undominated(mut all: Vec<SearchState>, opens: usize) -> Vec<SearchState> {
    if all.len() < 2 || all[0].words.len() == opens {
        return all;
    }
    all.sort_by_cached_key(|state| used_opens(state, opens));
    let mut groups: Map<StateWords, Vec<usize>> = Map::default();
    let mut kept: Vec<SearchState> = Vec::with_capacity(all.len());
    for state in all {
        let (rest, used) = state.words.split_at(opens);
        if let Some(group) = groups.get_mut(rest) {
            let uses_less =
                |other: &usize| kept[*other].words[opens..].iter().zip(used).all(|(less, more)| less <= more);
            if group.iter().any(uses_less) {
                continue;
            }
            group.push(kept.len());
        } else {
            groups.insert(StateWords::from_slice(rest), vec![kept.len()]);
        }
        kept.push(state);
    }
    kept
}

/// The number of open operations that have taken effect in a state.
pub(super) fn used_opens(state: &SearchState, opens: usize) -> usize {
    state.words[opens..].iter().map(|used| *used as usize).sum()
}
