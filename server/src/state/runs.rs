//! The map of the runs: what lies under the newest entries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::tally::Tallies;
use crate::root::{Numbered, Root, Run};
use crate::row::{Made, Mention, Row, Table};
use crate::run::{Layer, RowPlace, Salt, Work};
use crate::zoo::planted;

/// Layers that follow each other without a gap from the base of a database on. A row is what the newest layer
/// that has one of its name says.
///
/// The layers need not be one for each run: where a run has replaced those that it was merged from, a server that has
/// these keeps them, for they say the same. But where a run ends, a layer ends, and so a run can always be told from
/// those around it: the runs of a later version end where those of an earlier one did, if not after all of them.
///
/// Cheap to clone, because layers are shared.
#[derive(Clone, Debug)]
pub struct Runs {
    salt: Salt,
    base: u64,
    layers: Vec<Stretch>,
    /// What their rows count, one layer laid over the other.
    tallies: Arc<Tallies>,
    content: RunsContent,
}

/// Stands for what layers say. Two maps of runs that have the same one say the same, but for layers that were laid over
/// them.
#[derive(Clone, Debug, Default)]
pub struct RunsContent(Arc<()>);

impl PartialEq for RunsContent {
    fn eq(&self, other: &RunsContent) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// What runs say of the name of each row of a fold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Below {
    /// These runs.
    content: RunsContent,
    /// What they say, if somebody has looked. It may be empty.
    says: Arc<[Mention]>,
}

/// A layer, and the generations that it covers.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// It has what was changed after this one,
    pub from: u64,
    /// up to this one.
    pub to: u64,
    /// The entries.
    pub layer: Arc<Layer>,
    /// The merge that made the layer has left out keys which had ended by then. They must not count any more.
    pub now: u64,
}

impl Runs {
    /// No runs above this base.
    pub fn none(base: u64, salt: Salt) -> Runs {
        Runs { salt, base, layers: Vec::new(), tallies: Arc::default(), content: RunsContent::default() }
    }

    /// What keys are hashed with.
    pub fn salt(&self) -> Salt {
        self.salt
    }

    /// The layers, the oldest first.
    pub fn layers(&self) -> &[Stretch] {
        &self.layers
    }

    /// The generation up to which it has everything.
    pub fn covered(&self) -> u64 {
        self.layers.last().map_or(self.base, |stretch| stretch.to)
    }

    /// The row of a name. A removal and a row that was never there are the same.
    pub fn get(&self, table: Table, name: &[u8]) -> Option<Row> {
        if self.layers.is_empty() { None } else { self.find(self.salt.hash(table, name), table, name) }
    }

    /// The row of a name with this hash.
    pub fn find(&self, hash: u64, table: Table, name: &[u8]) -> Option<Row> {
        for stretch in self.layers.iter().rev() {
            match stretch.layer.get(hash, table, name) {
                Mention::Row(row) => return Some(row),
                Mention::Removal => return None,
                Mention::Nothing => {}
            }
        }
        None
    }

    /// Notes what they say of the name of each row of a fold, as far as that is known.
    pub fn below(&self, says: Vec<Mention>) -> Below {
        Below { content: self.content.clone(), says: says.into() }
    }

    /// What stands for what the layers say.
    pub(super) fn content(&self) -> &RunsContent {
        &self.content
    }

    /// What the rows count.
    pub fn tallies(&self) -> &Tallies {
        &self.tallies
    }

    /// Forgets databases that no number maps to, and the collections that cannot be reached in the version. Only the whole
    /// version tells: MOVE may have taken a stream out of a database that was flushed, and its groups stand in the runs.
    pub fn prune(&mut self, numbers: &[Numbered], reachable: &BTreeSet<Made>) {
        let tallies = Arc::make_mut(&mut self.tallies);
        tallies.keep(numbers);
        tallies.prune(reachable);
    }

    /// Lays the rows of a table over `rows`, layer by layer.
    pub fn collect(&self, table: Table, rows: &mut BTreeMap<Bytes, Row>) {
        for stretch in &self.layers {
            for (name, row) in stretch.layer.rows(table) {
                match row {
                    Some(row) => rows.insert(name, row),
                    None => rows.remove(&name),
                };
            }
        }
    }

    /// The runs of a version that have to be laid over this in order to have them all, and what to lay them over.
    pub fn missing<'a>(&self, root: &'a Root) -> (Runs, &'a [Run]) {
        let base = root.header.base;
        let known = if base == self.base { self.covered() } else { base };
        let missing = &root.runs[root.runs.partition_point(|run| run.to <= known)..];
        // A run from the base on is the whole state at its end, and may have forgotten what was deleted.
        let whole = missing.first().is_some_and(|run| run.from == base);
        if base != self.base || whole { (Runs::none(base, self.salt), missing) } else { (self.clone(), missing) }
    }

    /// Puts a layer over everything, with what all of them count together then.
    fn push(&mut self, stretch: Stretch, tallies: Tallies) {
        debug_assert!(stretch.from < stretch.to && self.base <= stretch.from && stretch.from <= self.covered());
        // What it covers completely says nothing any more.
        let before = self.layers.len();
        self.layers.retain(|below| below.from < stretch.from);
        if self.layers.len() < before {
            self.content = RunsContent::default();
        }
        self.layers.push(stretch);
        self.tallies = Arc::new(tallies);
    }

    /// Nothing of what the layers say can be reached any more. The base is now this generation.
    pub fn rebase(&mut self, base: u64) {
        *self = Runs::none(base, self.salt);
    }

    /// The newest layer covers the generations up to this one, too, because they left no rows.
    pub fn extend(&mut self, to: u64) {
        match self.layers.last_mut() {
            Some(stretch) => stretch.to = to,
            None => self.base = to,
        }
    }

    /// The layers of a stretch, if one begins and one ends there.
    pub fn stretch(&self, from: u64, to: u64) -> Option<&[Stretch]> {
        let first = self.layers.iter().position(|stretch| stretch.from == from)?;
        let last = self.layers.iter().position(|stretch| stretch.to == to)?;
        self.layers.get(first..=last)
    }

    /// Puts a layer in the place of those that it was merged from, if they are still there. It lacks the keys of databases that
    /// no number maps to.
    pub fn replace(&mut self, stretch: Stretch, numbers: &[Numbered]) {
        if self.stretch(stretch.from, stretch.to).is_none() {
            return;
        }
        let mut tallies = Arc::unwrap_or_clone(std::mem::take(&mut self.tallies));
        tallies.keep(numbers);
        tallies.bury(stretch.now, usize::MAX, |table, name| self.get(table, name));
        self.tallies = Arc::new(tallies);
        // Rows that nobody can see may be missing in it.
        self.content = RunsContent::default();
        let first = self.layers.partition_point(|other| other.from < stretch.from);
        let after = self.layers.partition_point(|other| other.to <= stretch.to);
        self.layers.splice(first..after, [stretch]);
    }
}

/// The rows that are looked up in one step.
const LOOKED_UP: usize = 1024;

/// Lays a layer over runs, and counts what they have together.
pub struct Laying {
    runs: Runs,
    stretch: Stretch,
    /// The next row.
    at: RowPlace,
    /// How many rows come before it.
    passed: usize,
    /// What the runs say of the name of each row, if somebody has looked. It may be empty.
    below: Arc<[Mention]>,
    tallies: Tallies,
}

impl Laying {
    /// Begins.
    pub fn new(mut runs: Runs, stretch: Stretch) -> Laying {
        let tallies = Arc::unwrap_or_clone(std::mem::take(&mut runs.tallies));
        Laying { runs, stretch, at: RowPlace::default(), passed: 0, below: Arc::default(), tallies }
    }
}

impl Laying {
    /// With what the runs say of the name of each row, as far as somebody has looked. If these runs were others, it does not
    /// count.
    pub(super) fn knowing(self, Below { content, says }: &Below) -> Laying {
        let is_theirs = content == self.runs.content() || planted!("fold-counted-over-other-runs");
        Laying { below: if is_theirs { Arc::clone(says) } else { Arc::default() }, ..self }
    }

    /// What the runs say of the name of the row with this number.
    fn below(&self, nth: usize, table: Table, name: &[u8]) -> Option<Row> {
        let looked = || self.runs.get(table, name);
        match self.below.get(nth) {
            None | Some(Mention::Nothing) => looked(),
            Some(known) => {
                let below = known.clone().into_row();
                // A merge may have left it out in the meantime, because it has ended or is out of reach.
                debug_assert!(looked().is_none_or(|found| below == Some(found)), "below {name:?}");
                below
            }
        }
    }
}

impl Work for Laying {
    type Done = Runs;

    fn step(&mut self) -> Option<Runs> {
        for _ in 0..LOOKED_UP {
            let Some(found) = self.stretch.layer.at(self.at) else {
                let nothing = Runs::none(self.runs.base, self.runs.salt);
                let mut runs = std::mem::replace(&mut self.runs, nothing);
                runs.push(self.stretch.clone(), std::mem::take(&mut self.tallies));
                return Some(runs);
            };
            self.at = found.next;
            let (table, name) = (found.table, found.name);
            // An element counts only if it names collections, or hides one that does.
            if matches!(table, Table::Keys(_)) || found.concerns_collections() {
                let row = found.row();
                let below = self.below(self.passed, table, name);
                self.tallies.note(table, name, below.as_ref(), row.as_ref());
            }
            self.passed += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Building;

    const KEYS: Made = Made { generation: 0, ordinal: 0 };

    /// A layer in which one key has this value, or none.
    fn stretch(from: u64, value: Option<&'static str>) -> Stretch {
        let mut building = Building::new(Salt::default(), 0, 0);
        if let Some(value) = value {
            building.push(Table::Keys(KEYS), b"key", Some(&Row::Value(value.into())));
        }
        Stretch { from, to: from + 1, layer: Arc::new(building.done()), now: 0 }
    }

    #[test]
    fn a_fold_counts_by_the_runs_it_lies_over_and_not_by_those_that_somebody_has_looked_at() {
        let looked_at = Laying::new(Runs::none(0, Salt::default()), stretch(0, Some("old"))).finish();
        let below = looked_at.below(vec![Mention::Row(Row::Value("old".into()))]);
        let mut flushed = looked_at.clone();
        flushed.rebase(1);
        let mut merged = looked_at.clone();
        merged.replace(stretch(0, None), &[]);
        for (runs, what) in [(looked_at, "the same"), (flushed, "flushed"), (merged, "merged by another server")] {
            let runs = Laying::new(runs, stretch(1, Some("new"))).knowing(&below).finish();
            assert_eq!(runs.tallies().of(KEYS).map(|tally| tally.rows), Some(1), "runs that are {what}");
        }
    }
}
