//! One way in which things can stand.

use std::collections::{HashSet, VecDeque};

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::claims::Map;

/// As many words as a configuration of one key has, or more.
pub(super) type Words = SmallVec<[u32; 12]>;

/// The value of each key, a bit for each pending operation that has taken effect, and for each kind of open operation
/// how many have; and the order that led here.
pub(super) struct Configuration {
    pub(super) words: Words,
    /// Its newest step.
    pub(super) newest: u32,
    /// Its newest step before the event that is being looked at.
    pub(super) since: u32,
}

impl Clone for Configuration {
    fn clone(&self) -> Configuration {
        Configuration { words: Words::from_slice(&self.words), ..*self } // word by word, it would be dear
    }
}

/// Configurations of one moment, each once.
#[derive(Default)]
pub(super) struct Gathered {
    seen: HashSet<Words, FixedState>,
}

impl Gathered {
    /// Whether this is the first of its kind, as far as these first words go.
    pub(super) fn is_new(&mut self, configuration: &Configuration, compared: usize) -> bool {
        self.seen.insert(Words::from_slice(&configuration.words[..compared]))
    }

    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    pub(super) fn clear(&mut self) {
        // To clear a table costs as much as it has room; one that was needed once need not be kept for ever.
        if self.seen.capacity() > 64 + 8 * self.seen.len() {
            self.seen.shrink_to(4 * self.seen.len());
        }
        self.seen.clear();
    }
}

/// Leaves out configurations that differ from another one only in having used up more open operations: what can still
/// be explained from there can be explained from the other one too, which has the same and more to come.
pub(super) fn dominating(mut all: Vec<Configuration>, opens: usize) -> Vec<Configuration> {
    if all.len() < 2 || all[0].words.len() == opens {
        return all;
    }
    all.sort_by_cached_key(|configuration| spent(configuration, opens));
    let mut groups: Map<Words, Vec<usize>> = Map::default();
    let mut kept: Vec<Configuration> = Vec::with_capacity(all.len());
    for configuration in all {
        let (rest, used) = configuration.words.split_at(opens);
        if let Some(group) = groups.get_mut(rest) {
            let uses_less =
                |other: &usize| kept[*other].words[opens..].iter().zip(used).all(|(less, more)| less <= more);
            if group.iter().any(uses_less) {
                continue;
            }
            group.push(kept.len());
        } else {
            groups.insert(Words::from_slice(rest), vec![kept.len()]);
        }
        kept.push(configuration);
    }
    kept
}

/// How many open operations a configuration has used up.
pub(super) fn spent(configuration: &Configuration, opens: usize) -> usize {
    configuration.words[opens..].iter().map(|used| *used as usize).sum()
}

/// Configurations to go on from, those first that have used up the fewest open operations, and each once as far as its
/// first words go: so of all that look alike there, it is one that has used up the fewest that counts.
#[derive(Default)]
pub(super) struct Ahead {
    seen: Gathered,
    /// Those that have used up as few as the last one that was taken.
    next: Vec<Configuration>,
    /// The others, by how many more they have used up. They may look like others yet.
    later: VecDeque<Vec<Configuration>>,
    waiting: usize,
}

impl Ahead {
    /// Begins anew.
    pub(super) fn clear(&mut self) {
        self.seen.clear();
        self.next.clear();
        self.later.clear();
        self.waiting = 0;
    }

    /// Adds one that has used up so many more than the last one that was taken.
    pub(super) fn push(&mut self, configuration: Configuration, more: usize, compared: usize) {
        if more == 0 {
            if self.seen.is_new(&configuration, compared) {
                self.next.push(configuration);
            }
            return;
        }
        if self.later.len() < more {
            self.later.resize_with(more, Vec::new);
        }
        self.later[more - 1].push(configuration);
        self.waiting += 1;
    }

    /// The next one that is unlike all before.
    pub(super) fn pop(&mut self, compared: usize) -> Option<Configuration> {
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
