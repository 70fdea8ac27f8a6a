//! The map of the runs: what lies under the newest entries.

use std::sync::Arc;

use bytes::Bytes;

use crate::root::{self, Root, Run};
use crate::run::{Found, Layer, Salt, Work};

/// Layers that follow each other without a gap from the base of a database on. A key has the value that the newest layer
/// with an entry for it gives.
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
    keys: u64,
    size: u64,
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
}

impl Runs {
    /// No runs above this base.
    pub fn none(base: u64, salt: Salt) -> Runs {
        Runs { salt, base, layers: Vec::new(), keys: 0, size: 0 }
    }

    /// What keys are hashed with.
    pub fn salt(&self) -> Salt {
        self.salt
    }

    /// How many keys have a value.
    pub fn keys(&self) -> u64 {
        self.keys
    }

    /// How large they are together: see [`root::size`].
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The layers, the oldest first.
    pub fn layers(&self) -> &[Stretch] {
        &self.layers
    }

    /// The generation up to which it has everything.
    pub fn covered(&self) -> u64 {
        self.layers.last().map_or(self.base, |stretch| stretch.to)
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<Bytes> {
        let hash = self.salt.hash(key);
        self.layers.iter().rev().find_map(|stretch| stretch.layer.get(hash, key)).flatten()
    }

    /// The same of the key with this hash, for whoever only looks at it.
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<&[u8]> {
        self.layers.iter().rev().find_map(|stretch| stretch.layer.find(hash, key)).flatten()
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

    /// Lays a layer over everything, which then has so many keys of this size.
    pub fn push(&mut self, stretch: Stretch, keys: u64, size: u64) {
        debug_assert!(stretch.from < stretch.to && self.base <= stretch.from && stretch.from <= self.covered());
        // What it covers completely says nothing any more.
        self.layers.retain(|below| below.from < stretch.from);
        self.layers.push(stretch);
        (self.keys, self.size) = (keys, size);
    }

    /// The layers of a stretch, if one begins and one ends there.
    pub fn stretch(&self, from: u64, to: u64) -> Option<&[Stretch]> {
        let first = self.layers.iter().position(|stretch| stretch.from == from)?;
        let last = self.layers.iter().position(|stretch| stretch.to == to)?;
        self.layers.get(first..=last)
    }

    /// Puts a layer in the place of those that it was merged from, if they are still there.
    pub fn replace(&mut self, stretch: Stretch) {
        if self.stretch(stretch.from, stretch.to).is_none() {
            return;
        }
        let first = self.layers.partition_point(|other| other.from < stretch.from);
        let after = self.layers.partition_point(|other| other.to <= stretch.to);
        self.layers.splice(first..after, [stretch]);
    }
}

/// The entries that are looked up in one step.
const LOOKED_UP: usize = 1024;

/// Lays a layer over runs, where how much they have together has to be counted.
pub struct Laying {
    runs: Runs,
    stretch: Stretch,
    /// The next entry.
    at: usize,
    keys: u64,
    size: u64,
}

impl Laying {
    /// Begins.
    pub fn new(runs: Runs, stretch: Stretch) -> Laying {
        let (keys, size) = (runs.keys, runs.size);
        Laying { runs, stretch, at: 0, keys, size }
    }
}

impl Work for Laying {
    type Done = Runs;

    fn step(&mut self) -> Option<Runs> {
        let layer = &self.stretch.layer;
        if self.runs.layers.is_empty() {
            let count = layer.count();
            (self.keys, self.size) = (count.keys, count.size);
        } else {
            for _ in 0..LOOKED_UP {
                let Some(Found { key, value, end }) = layer.at(self.at) else { break };
                let below = self.runs.get(key);
                self.keys = self.keys + u64::from(value.is_some()) - u64::from(below.is_some());
                let counts = |value: &[u8]| root::size(key, value);
                self.size = self.size + value.map_or(0, counts) - below.as_deref().map_or(0, counts);
                self.at = end;
            }
            if self.at < layer.packed().len() {
                return None;
            }
        }
        let nothing = Runs::none(self.runs.base, self.runs.salt);
        let mut runs = std::mem::replace(&mut self.runs, nothing);
        runs.push(self.stretch.clone(), self.keys, self.size);
        Some(runs)
    }
}
