//! Changes of where rows are stored. They change no row.

use std::sync::Arc;

use super::runs::{Below, Laying, Runs, Stretch};
use crate::root::{Entry, Root, Run};
use crate::run::{Layer, Name, Work as _};
use crate::zoo::planted;

/// A change of where rows are stored, for the next commit to make. It is executed after the batch that it joins, on the
/// very draft that is about to be stored, and again on another draft if that commit is lost. Each time the draft decides
/// whether the proposal still fits.
#[derive(Clone, Debug)]
pub enum Proposal {
    /// Name a run that holds the oldest entries, and drop these.
    Fold(Folded),
    /// Put one entry in the place of the oldest entries, whose generations it stands for.
    Squash(Arc<Entry>),
    /// Name one run instead of several.
    Merge(Merged),
    /// Declare that runs uploaded before this commit, and not named by it, will never be named.
    Sweep,
}

impl Proposal {
    /// Whether it waits for a batch that changes something. A squash only makes the commits after it shorter, so it is not
    /// worth a commit of its own.
    pub fn is_patient(&self) -> bool {
        matches!(self, Proposal::Squash(_))
    }
}

/// An uploaded run, and its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// As it will stand in `db.json`.
    pub run: Run,
    /// Its content.
    pub layer: Arc<Layer>,
}

/// The oldest entries of `recent`, as a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// The end of the last run when the fold was made.
    pub from: u64,
    /// The newest generation that it covers.
    pub to: u64,
    /// The run. There is none if no row of these entries can be reached: then they are dropped all the same.
    pub added: Option<Added>,
    /// What the runs below say of it.
    pub below: Below,
}

/// An uploaded run that is to replace several runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The runs that it was merged from, in their order.
    pub replaced: Vec<Run>,
    /// As it will stand in `db.json`.
    pub run: Run,
    /// Its content.
    pub layer: Arc<Layer>,
    /// It lacks keys that had ended by then, and were buried.
    pub now: u64,
}

impl Merged {
    /// Its place in the map.
    pub fn stretch(&self) -> Stretch {
        Stretch { from: self.run.from, to: self.run.to, layer: Arc::clone(&self.layer), now: self.now }
    }

    /// The names of the runs that it replaces.
    pub fn replaced(&self) -> impl Iterator<Item = Name> {
        self.replaced.iter().map(|run| run.name)
    }

    /// The positions of the runs that it replaces, if all of them are still there, in their order, and cover what they
    /// covered when they were merged.
    pub(super) fn fits(&self, runs: &[Run]) -> Option<std::ops::Range<usize>> {
        let oldest = self.replaced.first()?;
        let first = runs.iter().position(|run| run.name == oldest.name)?;
        let range = first..first + self.replaced.len();
        let found = runs.get(range.clone())?;
        let has_names = || found.iter().map(|run| run.name).eq(self.replaced());
        (found == self.replaced || planted!("merge-ignores-bounds") && has_names()).then_some(range)
    }
}

/// What a finished draft does to the layers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// No row of the runs can be reached any more.
    pub(super) dropped: bool,
    pub(super) folded: Option<Folded>,
    pub(super) merged: Vec<Merged>,
}

impl Change {
    /// Whether the runs of the version before are out of reach.
    pub fn has_dropped(&self) -> bool {
        self.dropped
    }

    /// Whether a run was named behind the others.
    pub fn has_folded(&self) -> bool {
        self.folded.is_some()
    }

    /// Makes the change.
    pub(super) fn lay(&self, mut runs: Runs, root: &Root) -> Runs {
        if self.dropped {
            runs.rebase(root.header.base);
        }
        match &self.folded {
            Some(Folded { from, to, added: Some(Added { layer, .. }), below }) => {
                let stretch = Stretch { from: *from, to: *to, layer: Arc::clone(layer), now: 0 };
                runs = Laying::new(runs, stretch).knowing(below).finish();
            }
            Some(Folded { added: None, .. }) if planted!("empty-fold-extends-nothing") => {}
            Some(Folded { to, added: None, .. }) => runs.extend(*to),
            None => {}
        }
        for merged in &self.merged {
            runs.replace(merged.stretch(), &root.header.databases);
        }
        runs
    }
}
