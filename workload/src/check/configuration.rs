//! One way in which things can stand.

use super::claims::Map;

/// The value of each key, a bit for each pending operation that has taken effect, and for each kind of open operation
/// how many have; and the order that led here.
#[derive(Clone)]
pub(super) struct Configuration {
    pub(super) words: Box<[u32]>,
    /// Its newest step.
    pub(super) newest: u32,
    /// Its newest step before the event that is being looked at.
    pub(super) since: u32,
}

/// Configurations of one moment, each once.
#[derive(Default)]
pub(super) struct Gathered {
    seen: Map<Box<[u32]>, ()>,
}

impl Gathered {
    /// Whether this is the first of its kind, as far as these first words go.
    pub(super) fn is_new(&mut self, configuration: &Configuration, compared: Option<usize>) -> bool {
        let words = compared.map_or(&configuration.words[..], |compared| &configuration.words[..compared]);
        let new = !self.seen.contains_key(words);
        if new {
            self.seen.insert(words.into(), ());
        }
        new
    }

    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    pub(super) fn clear(&mut self) {
        self.seen.clear();
    }
}

/// Leaves out configurations that differ from another one only in having used up more open operations: what can still
/// be explained from there can be explained from the other one too, which has the same and more to come.
pub(super) fn dominating(mut all: Vec<Configuration>, opens: usize) -> Vec<Configuration> {
    if all.len() < 2 {
        return all;
    }
    let spent =
        |configuration: &Configuration| configuration.words[opens..].iter().map(|used| u64::from(*used)).sum::<u64>();
    all.sort_by_cached_key(spent);
    let mut groups: Map<Box<[u32]>, Vec<usize>> = Map::default();
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
            groups.insert(rest.into(), vec![kept.len()]);
        }
        kept.push(configuration);
    }
    kept
}

/// Configurations to go on from, those first that have used up the fewest open operations.
#[derive(Default)]
pub(super) struct Ahead(Vec<Vec<Configuration>>);

impl Ahead {
    pub(super) fn push(&mut self, configuration: Configuration, opens: usize) {
        let used = configuration.words[opens..].iter().map(|used| *used as usize).sum::<usize>();
        if self.0.len() <= used {
            self.0.resize_with(used + 1, Vec::new);
        }
        self.0[used].push(configuration);
    }

    pub(super) fn pop(&mut self) -> Option<Configuration> {
        self.0.iter_mut().find_map(Vec::pop)
    }
}
