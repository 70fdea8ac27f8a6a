//! From several layers to one.
//!
//! Of equal rows the newest layer's counts. Some rows do not become part of the merged layer, because no reader can see
//! them any more in the version that the merging server holds: see [`Reach`].
//!
//! | row | above the base | from the base on (`whole`) |
//! |---|---|---|
//! | in a table that cannot be reached | left out | left out |
//! | dead at the version's `now` | a removal | left out |
//! | a removal | stays | left out |
//! | any other | stays | stays |
//!
//! A commit names the merged run later, in a version that other servers may have moved on. It is still right then:
//!
//! - *A table that could not be reached stays so.* Ids of databases and collections never come back. A commit writes an id
//!   into a head or the mapping only if it just made the id, or if it moves it from a place where it could be reached.
//! - *A dead row stays dead.* `now` only grows, and no command revives what has expired at a stored `now`. Above the base
//!   the row may hide an older one without an expiry, as a removal does. So it becomes a removal.
//! - *A removal hides what lies below.* The commit names the merged run only if all runs that it replaces are still there,
//!   with the same bounds. So what lies below is still the same. If nothing lay below, there is nothing to hide.
//! - *Newer rows lie above.* A row that a later version wrote stands in its recent entries or in a later run, and counts
//!   before any row of the merged run, also before a removal.
//!
//! Only the whole version may judge. A head that names a collection can stand in any run: MOVE and RENAME write the head
//! anew and leave the elements where they are.

use std::sync::Arc;

use super::{Building, Found, LONGEST, Layer, NOTED, Reach, RowPlace, Salt, Work};
use crate::row::Table;
use crate::zoo::planted;

/// The bytes that one step copies, and the rows.
const COPIED: (usize, usize) = (256 << 10, 1024);

/// Merges layers.
pub struct Merger {
    /// From the oldest to the newest.
    layers: Vec<Arc<Layer>>,
    /// The place of each one's next row.
    places: Vec<RowPlace>,
    /// Whether nothing lies below.
    whole: bool,
    reach: Reach,
    building: Building,
    /// When all rows are copied: up to where they are indexed. Only then it is known how many there are.
    indexed: Option<usize>,
}

impl Merger {
    /// Whether layers can become one.
    pub fn fits(layers: &[Arc<Layer>]) -> bool {
        layers.iter().map(|layer| layer.packed_len()).sum::<u64>() <= LONGEST
    }

    /// Begins to merge layers that follow each other, the oldest first. They are `whole` if they begin at the base of the
    /// database.
    pub fn new(layers: Vec<Arc<Layer>>, whole: bool, reach: Reach, salt: Salt) -> Merger {
        planted!("merge-judges-by-its-rows" => {
            let reach = crate::zoo::run::reach_of(&layers, reach);
            return Merger::begin(layers, whole, reach, salt);
        });
        Merger::begin(layers, whole, reach, salt)
    }

    fn begin(layers: Vec<Arc<Layer>>, whole: bool, reach: Reach, salt: Salt) -> Merger {
        let bytes = layers.iter().map(|layer| layer.packed_len() as usize).sum();
        let places = vec![RowPlace::default(); layers.len()];
        Merger { layers, places, whole, reach, building: Building::new(salt, bytes, 0), indexed: None }
    }

    /// Keys that had ended by then may be left out.
    pub fn now(&self) -> u64 {
        self.reach.now
    }

    /// Copies some rows. Says whether none is left.
    fn copy(&mut self) -> bool {
        let Merger { layers, places, whole, reach, building, .. } = self;
        let (bytes, rows) = COPIED;
        let enough = building.length() + bytes;
        let mut heads = MergeHeads::new(layers, places);
        for _ in 0..rows {
            let Some(next) = heads.lowest() else { return true };
            let shown = reach.shows(next.table);
            match if shown { verdict(next, *whole, reach) } else { Verdict::Drop } {
                Verdict::Keep => building.append(next.table, next.name, next.content),
                Verdict::Remove => building.remove(next.table, next.name),
                Verdict::Drop => {}
            }
            heads.pass(shown);
            // The older rows of this name.
            while let Some(older) = heads.lowest()
                && (older.table, older.name) == (next.table, next.name)
            {
                heads.pass(shown);
            }
            if building.length() >= enough {
                break;
            }
        }
        false
    }
}

/// The next row of each layer that is being merged.
struct MergeHeads<'a> {
    layers: &'a [Arc<Layer>],
    places: &'a mut [RowPlace],
    /// The row at the place of each layer.
    found: Vec<Option<Found<'a>>>,
    /// The layers that have one, the lowest row last. Of equal rows, the newest layer's counts as the lowest.
    descending: Vec<usize>,
}

impl<'a> MergeHeads<'a> {
    fn new(layers: &'a [Arc<Layer>], places: &'a mut [RowPlace]) -> MergeHeads<'a> {
        let descending = Vec::with_capacity(layers.len());
        let mut heads = MergeHeads { layers, places, found: vec![None; layers.len()], descending };
        (0..layers.len()).for_each(|nth| heads.enter(nth));
        heads
    }

    fn lowest(&self) -> Option<Found<'a>> {
        self.found[*self.descending.last()?]
    }

    /// Passes the lowest row, or its whole table if nobody can see it.
    fn pass(&mut self, shown: bool) {
        let Some((nth, found)) = self.descending.pop().and_then(|nth| Some((nth, self.found[nth]?))) else { return };
        self.places[nth] = if shown { found.next } else { self.layers[nth].after_table(self.places[nth]) };
        self.enter(nth);
    }

    /// Finds the next row of a layer, and its place among the others. In most cases it is the lowest again: one layer may be far
    /// larger than all others.
    fn enter(&mut self, nth: usize) {
        self.found[nth] = self.layers[nth].at(self.places[nth]);
        let Some(next) = self.found[nth] else { return };
        let is_higher = |other: &usize| {
            let Some(found) = self.found[*other] else { return false };
            let rows = (found.table, found.name).cmp(&(next.table, next.name));
            rows.then(if planted!("merge-keeps-older") { other.cmp(&nth) } else { nth.cmp(other) }).is_gt()
        };
        let at = match self.descending.last() {
            Some(lowest) if !is_higher(lowest) => self.descending.partition_point(is_higher),
            _ => self.descending.len(),
        };
        self.descending.insert(at, nth);
    }
}

/// What becomes of a row.
enum Verdict {
    Keep,
    Remove,
    Drop,
}

fn verdict(found: Found<'_>, whole: bool, reach: &Reach) -> Verdict {
    if found.is_lasting() && !reach.is_popped(found.table, found.name) {
        return Verdict::Keep;
    }
    match found.row() {
        None if whole || planted!("merge-undoes-deletion") => Verdict::Drop,
        None if planted!("merge-forgets-removed-elements") && matches!(found.table, Table::Elements(_)) => {
            Verdict::Drop
        }
        Some(_) if reach.is_popped(found.table, found.name) => Verdict::Drop,
        Some(row) if reach.is_past(found.table, &row) => {
            if whole || planted!("expired-row-leaves-no-tombstone") {
                Verdict::Drop
            } else {
                Verdict::Remove
            }
        }
        None | Some(_) => Verdict::Keep,
    }
}

impl Work for Merger {
    type Done = Layer;

    fn step(&mut self) -> Option<Layer> {
        match self.indexed {
            None => {
                if self.copy() {
                    self.building.open_index();
                    self.indexed = Some(0);
                }
                None
            }
            Some(place) if place < self.building.length() => {
                self.indexed = Some(self.building.index_some(place, NOTED));
                None
            }
            Some(_) => {
                let nothing = Building::new(Salt::default(), 0, 0);
                Some(std::mem::replace(&mut self.building, nothing).done())
            }
        }
    }
}
