//! The work that upkeep has done in the background.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::upload::{Content, RunWriter, Uploaded};
use crate::background::in_slices;
use crate::root::{Entry, Placed, Run};
use crate::run::{Merger, Name, RUNS};
use crate::state::{Added, Below, Folded, Merged, Squashing, Stretch};
use crate::store::Store;
use crate::store::patience::bounded;
use crate::zoo::planted;

/// The runs of one request to delete. Some stores remove them one after the other, and the request has a time limit.
const DELETED: usize = 50;

/// Work for the background, with everything that it needs.
pub enum Job {
    /// Store the newest entries as the run that covers the generations after `from` up to `to`.
    Fold {
        /// The end of the last run.
        from: u64,
        /// The generation that the entries were taken from.
        to: u64,
        /// The newest rows of the entries, in ascending order.
        rows: Vec<Placed>,
        /// What the runs say of them.
        below: Below,
    },
    /// Make one entry of the newest entries, in memory only.
    Squash(Squashing),
    /// Store the layers of several runs as one.
    Merge {
        /// Where the first of them begins.
        from: u64,
        /// Where the last of them ends.
        to: u64,
        /// The runs.
        replaced: Vec<Run>,
        /// Their layers.
        merger: Merger,
    },
    /// Make one layer of several, in memory only.
    Tidy {
        /// Where the first of them begins.
        from: u64,
        /// Where the last of them ends.
        to: u64,
        /// The layers.
        merger: Merger,
    },
    /// Delete the runs that were uploaded below `swept` and that the version which said so does not name.
    Delete {
        /// Its generation.
        swept: u64,
        /// The runs that it names.
        named: BTreeSet<Name>,
    },
}

/// What a job has made.
pub enum Product {
    /// A run of the newest entries, unless it could not be stored.
    Folded(Option<Folded>),
    /// One entry that says what the newest entries say.
    Squashed(Arc<Entry>),
    /// A run of several, unless it could not be stored.
    Merged(Option<Merged>),
    /// One layer of several.
    Tidied(Stretch),
    /// A sweep has ended.
    Deleted,
}

impl Job {
    /// Does it. A run that it stores gets this name.
    pub async fn run<S: Store>(self, writer: RunWriter<S>, name: Name) -> Product {
        match self {
            Job::Fold { from, to, rows, .. } if rows.is_empty() => {
                Product::Folded(Some(Folded { from, to, added: None, below: Below::default() }))
            }
            Job::Fold { from, to, rows, below } => {
                let uploaded = writer.store(name, Content::Rows(rows)).await;
                Product::Folded(uploaded.map(|uploaded| {
                    let added = Some(uploaded.added(from, to));
                    Folded { from, to, added, below }
                }))
            }
            Job::Squash(squashing) => Product::Squashed(squashing.entry()),
            Job::Merge { from, to, replaced, merger } => {
                let now = merger.now();
                let layer = Arc::new(in_slices(merger).await);
                let uploaded = writer.store(name, Content::Layer(layer)).await;
                Product::Merged(uploaded.map(|uploaded| {
                    let Added { run, layer } = uploaded.added(from, to);
                    Merged { replaced, run, layer, now }
                }))
            }
            Job::Tidy { from, to, merger } => {
                let now = merger.now();
                Product::Tidied(Stretch { from, to, layer: Arc::new(in_slices(merger).await), now })
            }
            Job::Delete { swept, named } => {
                delete(&writer, swept, &named).await;
                Product::Deleted
            }
        }
    }
}

async fn delete<S: Store>(writer: &RunWriter<S>, swept: u64, named: &BTreeSet<Name>) {
    let listed = bounded(writer.store.list(RUNS)).await.unwrap_or_default();
    let is_garbage = |text: &String| {
        // Compared as a number, since 9 comes before 10.
        let old = Name::parse(text).filter(|name| name.generation < swept);
        old.is_some_and(|name| !named.contains(&name) || planted!("sweep-deletes-named"))
    };
    let garbage: Vec<String> = listed.into_iter().filter(is_garbage).collect();
    for some in garbage.chunks(DELETED) {
        // The next sweep finds what cannot be deleted now.
        if bounded(writer.store.delete(some)).await.is_err() {
            break;
        }
        writer.stats.runs_deleted.add(some.len() as u64);
    }
}

impl Uploaded {
    /// The run as it will be named for a range of generations.
    pub fn added(self, from: u64, to: u64) -> Added {
        let Uploaded { name, layer, bytes } = self;
        Added { run: Run { name, from, to, rows: layer.count().rows, bytes }, layer }
    }
}
