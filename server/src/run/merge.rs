//! From several layers to one.

use std::sync::Arc;

use super::{Building, Found, LONGEST, Layer, Salt, Work};
use crate::zoo::planted;

/// The bytes that are copied in one step, and the entries.
const COPIED: (usize, usize) = (256 << 10, 1024);

/// Merges layers: of equal keys, the newest layer's entry counts.
pub struct Merger {
    /// From the oldest to the newest.
    layers: Vec<Arc<Layer>>,
    /// The place of each one's next entry.
    places: Vec<usize>,
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
        let places = vec![0; layers.len()];
        Merger { layers, places, whole, building: Building::new(salt, bytes, entries) }
    }
}

impl Work for Merger {
    type Done = Layer;

    fn step(&mut self) -> Option<Layer> {
        let Merger { layers, places, whole, building } = self;
        let (bytes, entries) = COPIED;
        let enough = building.length() + bytes;
        // Read once, since each is compared with many others before its turn comes.
        let mut heads: Vec<_> = layers.iter().zip(&*places).map(|(layer, place)| layer.at(*place)).collect();
        for _ in 0..entries {
            // Of equal ones the first is taken, so the newest has to come first.
            let next = match planted!("merge-keeps-older") {
                false => heads.iter().flatten().rev().min_by_key(|head| head.key),
                true => heads.iter().flatten().min_by_key(|head| head.key),
            };
            let Some(&Found { key, value, .. }) = next else {
                let nothing = Building::new(Salt::default(), 0, 0);
                return Some(std::mem::replace(building, nothing).done());
            };
            if value.is_some() || !(*whole || planted!("merge-undoes-deletion")) {
                building.push(key, value);
            }
            for ((layer, place), head) in layers.iter().zip(&mut *places).zip(&mut heads) {
                if let Some(passed) = head.as_ref().filter(|head| head.key == key) {
                    *place = passed.end;
                    *head = layer.at(*place);
                }
            }
            if building.length() >= enough {
                break;
            }
        }
        None
    }
}
