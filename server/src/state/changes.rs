//! Changes of where entries are kept, which change no key's value.

use std::sync::Arc;

use super::runs::{Laying, Runs, Stretch};
use crate::root::Run;
use crate::run::{Layer, Name, Work as _};

/// A run that has been uploaded and is to follow the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// As it will stand in `db.json`.
    pub run: Run,
    /// What it holds.
    pub layer: Arc<Layer>,
    /// How many keys the database had at its end, and how large they were, if that is known.
    pub counted: Option<(u64, u64)>,
}

impl Added {
    /// Makes it part of the map.
    pub(super) fn lay_over(self, runs: &mut Runs) {
        let stretch = Stretch { from: self.run.from, to: self.run.to, layer: self.layer };
        match self.counted {
            Some((keys, size)) => runs.push(stretch, keys, size),
            None => *runs = Laying::new(runs.clone(), stretch).finish(),
        }
    }
}

/// A run that has been uploaded and is to take the place of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// Those that it was merged from, in their order.
    pub replaced: Vec<Name>,
    /// As it will stand in `db.json`.
    pub run: Run,
    /// What it holds.
    pub layer: Arc<Layer>,
}

impl Merged {
    /// Its place in the map.
    pub fn stretch(self) -> Stretch {
        Stretch { from: self.run.from, to: self.run.to, layer: self.layer }
    }

    /// Where the runs that it replaces stand, if all of them are still there, in their order.
    pub(super) fn fits(&self, runs: &[Run]) -> Option<std::ops::Range<usize>> {
        let oldest = self.replaced.first()?;
        let first = runs.iter().position(|run| run.name == *oldest)?;
        let range = first..first + self.replaced.len();
        let there = runs.get(range.clone())?.iter().map(|run| &run.name);
        there.eq(&self.replaced).then_some(range)
    }
}
