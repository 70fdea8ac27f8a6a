//! From several layers to one.

use std::sync::Arc;

use super::{Building, LONGEST, Layer, Salt, Work};
use crate::zoo::planted;

/// The bytes that are copied in one step, and the entries.
const COPIED: (usize, usize) = (256 << 10, 1024);

/// Merges layers: of equal keys, the newest layer's entry counts.
pub struct Merger {
    /// From the oldest to the newest, each with the place of its next entry.
    sources: Vec<(Arc<Layer>, usize)>,
    /// Whether nothing lies below, so that a deletion hides nothing.
    whole: bool,
    building: Building,
}

impl Merger {
    /// Whether layers can become one.
    pub fn fits(layers: &[Arc<Layer>]) -> bool {
        layers.iter().map(|layer| layer.packed().len() as u64).sum::<u64>() <= LONGEST
    }

    /// Begins to merge layers that follow each other, the oldest first. If they are `whole`, because they begin at the
    /// base of the database, deletions are left out.
    pub fn new(layers: Vec<Arc<Layer>>, whole: bool, salt: Salt) -> Merger {
        let bytes = layers.iter().map(|layer| layer.packed().len()).sum();
        let entries = layers.iter().map(|layer| layer.count().entries as usize).sum();
        let sources = layers.into_iter().map(|layer| (layer, 0)).collect();
        Merger { sources, whole, building: Building::new(salt, bytes, entries) }
    }
}

impl Work for Merger {
    type Done = Layer;

    fn step(&mut self) -> Option<Layer> {
        let Merger { sources, whole, building } = self;
        let (bytes, entries) = COPIED;
        let enough = building.length() + bytes;
        for _ in 0..entries {
            let heads = sources.iter().filter_map(|(layer, place)| layer.at(*place));
            // Of equal ones the first is taken, so the newest has to come first.
            let next = match planted!("merge-keeps-older") {
                false => heads.rev().min_by(|one, other| one.key.cmp(other.key)),
                true => heads.min_by(|one, other| one.key.cmp(other.key)),
            };
            let Some(next) = next else {
                let nothing = Building::new(Salt::default(), 0, 0);
                return Some(std::mem::replace(building, nothing).done());
            };
            if next.value.is_some() || !(*whole || planted!("merge-undoes-deletion")) {
                building.push(next.key, next.value);
            }
            let key = next.key;
            let passed = sources.iter().map(|(layer, place)| match layer.at(*place) {
                Some(head) if head.key == key => head.end,
                _ => *place,
            });
            let passed: Vec<usize> = passed.collect();
            sources.iter_mut().zip(passed).for_each(|((_, place), passed)| *place = passed);
            if building.length() >= enough {
                break;
            }
        }
        None
    }
}
