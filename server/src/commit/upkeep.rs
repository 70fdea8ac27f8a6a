//! Upkeep: what keeps commits small while the database grows. It folds the newest entries into a run, merges runs of about
//! the same size, and sweeps those that are of no use any more.
//!
//! None of it is on the path of a commit. A run is made and uploaded in the background; then an amendment asks a commit to
//! name it. Amendments are executed after the batch, on the very draft that is about to be stored, and there they look
//! whether they still fit ([`Draft::add`], [`Draft::merge`]); one that does not is thrown away. It costs an upload and
//! nothing else.
//!
//! # Why no key changes its value
//!
//! A fold is made of a version that was stored, never of a draft, and holds `recent` as it was: what the stretch of
//! generations from the last run's end to that version has changed. It is added only where that stretch still begins at
//! the end of the last run, so nobody else has covered a part of it. From then on the values of its keys are compared on
//! the draft (`state/finish.rs`). A merge replaces runs that are all still there by what they say together.
//!
//! # Why nothing is deleted that is needed
//!
//! A sweep raises `swept` to its own generation S, and only once it is known to have landed does it delete: objects whose
//! name says a generation below S and that version S does not name. No later version can name them either, because whoever
//! adds a run looks at `swept` on the draft that will name it, and all drafts from S on are built on a version that has it.
//! So a server that slept for a week cannot bring a deleted run back, and no clock is asked.
//!
//! # Who does it
//!
//! The server whose commit made `recent` too large, or any whose commit finds it twice too large, since the first may be
//! gone. Whoever added a run merges what is to be merged. Two that do the same at once waste an upload.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::rngs::StdRng;
use tokio::sync::oneshot;

use super::background::{Background, in_slices};
use super::batch::Commit;
use super::policy;
use super::queue::{Amended, Amendment};
use super::upload::{Uploaded, Writer};
use super::{Committer, Done};
use crate::root::{Header, Id, RUNS, Root, Run};
use crate::run::{Merger, Name};
use crate::state::{Added, Draft, Merged, Stretch};
use crate::store::Store;
use crate::store::patience::bounded;
use crate::zoo::planted;

/// What is under way.
pub struct Upkeep {
    /// Names come from here.
    pub rng: StdRng,
    pub folding: bool,
    /// A fold came too late: the next one is let through before a large value takes its place again.
    pub overtaken: bool,
    merging: bool,
    sweeping: bool,
    /// How large the newest entries may be.
    threshold: u64,
    /// How many runs are of no use any more, as far as this server knows.
    pub garbage: usize,
}

/// What the version was like that a commit was laid over.
pub struct Before {
    recent: u64,
    base: u64,
    runs: usize,
}

impl Before {
    pub fn of(root: &Root) -> Before {
        Before { recent: root.recent.size(), base: root.header.base, runs: root.runs.len() }
    }
}

/// What there is to know about a commit that has landed.
pub struct Landed {
    generation: u64,
    base: u64,
    swept: u64,
    /// The runs that its version names.
    runs: Vec<Run>,
    /// Whether some of them are new.
    added: bool,
    /// How much its commands wrote.
    written: u64,
}

impl Landed {
    pub fn of(commit: &Commit) -> Landed {
        let Header { generation, base, swept, .. } = commit.header;
        Landed { generation, base, swept, runs: commit.runs.clone(), added: commit.added, written: commit.written }
    }
}

/// What comes of it.
pub enum Kept {
    Folded(Option<Added>),
    Merged(Option<Merged>),
    /// Layers of a run that somebody else has merged have become one here too.
    Tidied(Stretch),
    /// The outcome of an amendment.
    Ended(Task, Amended),
    Swept,
}

/// What an amendment was for.
#[derive(Clone, Copy, Debug)]
pub enum Task {
    Fold,
    /// So many runs become one.
    Merge(usize),
    Sweep,
}

impl Upkeep {
    pub fn new(rng: StdRng) -> Upkeep {
        Upkeep {
            rng,
            folding: false,
            overtaken: false,
            merging: false,
            sweeping: false,
            threshold: u64::MAX,
            garbage: 0,
        }
    }
}

impl<S: Store> Committer<S> {
    /// A name for a run that is uploaded now.
    pub(super) fn name(&mut self) -> Name {
        Name { generation: self.database.root.header.generation, id: Id::random(&mut self.upkeep.rng) }
    }

    pub(super) fn writer(&self) -> Writer<S> {
        Writer {
            store: Arc::clone(&self.store),
            stats: Arc::clone(&self.stats),
            database: self.database.root.header.id,
            salt: self.database.runs.salt(),
        }
    }

    fn in_background(&mut self, work: impl Future<Output = Kept> + Send + 'static) {
        let work = Background::start(work);
        self.under_way.push(Box::pin(async move { Done::Kept(work.await) }));
    }

    /// Asks the next commit for something.
    fn ask(&mut self, task: Task, amend: impl FnMut(&mut Draft<'_>) + Send + 'static) {
        let (outcome, answer) = oneshot::channel();
        self.amendments.push(Amendment { amend: Box::new(amend), outcome });
        self.under_way
            .push(Box::pin(async move { Done::Kept(Kept::Ended(task, answer.await.unwrap_or(Amended::Uncertain))) }));
    }

    /// A commit of this server has landed.
    pub(super) fn keep_up(&mut self, landed: &Landed, before: &Before) {
        if landed.swept == landed.generation {
            self.delete_garbage(landed.swept, landed.runs.iter().map(|run| run.name).collect());
        }
        if landed.base != before.base && before.runs > 0 {
            self.upkeep.garbage += self.thresholds.garbage; // a flush leaves any number of runs
        }
        let threshold = policy::fold_at(&self.thresholds, landed.written);
        self.upkeep.threshold = threshold;
        let size = self.database.root.recent.size();
        if size > threshold && (before.recent <= threshold || size > 2 * threshold) {
            self.fold();
        }
        if landed.added || self.upkeep.garbage >= self.thresholds.garbage {
            self.sweep_or_merge();
        }
    }

    /// Begins to sweep, if there is enough that is of no use, or else to merge. One after the other: a run may not be named
    /// any more if a sweep has landed since its upload began, so each merge beside a sweep would be in vain.
    fn sweep_or_merge(&mut self) {
        if self.upkeep.sweeping || self.upkeep.merging {
            return;
        }
        if self.upkeep.garbage < self.thresholds.garbage {
            return self.merge();
        }
        self.upkeep.sweeping = true;
        self.upkeep.garbage = 0;
        self.ask(Task::Sweep, |draft| draft.sweep());
    }

    /// Begins to make a run of the newest entries.
    fn fold(&mut self) {
        let root = &self.database.root;
        let (from, to) = (root.covered(), root.header.generation);
        if self.upkeep.folding || from == to {
            return;
        }
        self.upkeep.folding = true;
        let entries = root.recent.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let counted = Some((root.keys, self.database.size()));
        let (name, writer) = (self.name(), self.writer());
        self.in_background(async move {
            let uploaded = writer.store_entries(name, entries).await;
            Kept::Folded(uploaded.map(|uploaded| Added { counted, ..uploaded.added(from, to) }))
        });
    }

    /// Begins to merge runs, if there are some to be merged; or else layers of runs that others have merged.
    fn merge(&mut self) {
        let root = &self.database.root;
        let Some(range) = policy::to_merge(&root.runs, &self.thresholds) else { return };
        let runs = &root.runs[range];
        let (from, to) = (runs[0].from, runs[runs.len() - 1].to);
        let Some(merger) = self.merger(from, to) else { return };
        let replaced: Vec<Name> = runs.iter().map(|run| run.name).collect();
        let (name, writer) = (self.name(), self.writer());
        self.upkeep.merging = true;
        self.in_background(async move {
            let layer = Arc::new(in_slices(merger).await);
            let uploaded = writer.store_layer(name, layer).await;
            Kept::Merged(uploaded.map(|uploaded| {
                let Added { run, layer, .. } = uploaded.added(from, to);
                Merged { replaced, run, layer }
            }))
        });
    }

    /// Of layers that lie within one run, because others have merged it, one can be made without anybody's knowledge.
    pub(super) fn tidy(&mut self) {
        let (runs, layers) = (&self.database.root.runs, self.database.runs.layers());
        if self.upkeep.merging || layers.len() < runs.len() + self.thresholds.fanout {
            return;
        }
        let parts = |run: &Run| self.database.runs.stretch(run.from, run.to).map_or(0, <[_]>::len);
        let Some(&Run { from, to, .. }) = runs.iter().max_by_key(|run| parts(run)) else { return };
        let Some(merger) = self.merger(from, to) else { return };
        self.upkeep.merging = true;
        self.in_background(async move {
            let layer = Arc::new(in_slices(merger).await);
            Kept::Tidied(Stretch { from, to, layer })
        });
    }

    fn merger(&self, from: u64, to: u64) -> Option<Merger> {
        let layers: Vec<_> =
            self.database.runs.stretch(from, to)?.iter().map(|stretch| Arc::clone(&stretch.layer)).collect();
        let whole = from == self.database.root.header.base;
        Merger::fits(&layers).then(|| Merger::new(layers, whole, self.database.runs.salt()))
    }

    /// Deletes the runs that were uploaded below `swept` and that the version which said so does not `name`.
    fn delete_garbage(&mut self, swept: u64, named: BTreeSet<Name>) {
        let (store, stats) = (Arc::clone(&self.store), Arc::clone(&self.stats));
        self.in_background(async move {
            let listed = bounded(store.list(RUNS)).await.unwrap_or_default();
            let garbage = listed.iter().filter_map(|text| Name::parse(text)).filter(|name| {
                // Compared as a number, since 9 comes before 10.
                name.generation < swept && (!named.contains(name) || planted!("sweep-deletes-named"))
            });
            for name in garbage {
                // What can't be deleted now is found by the next sweep.
                if bounded(store.delete(&name.to_string())).await.is_err() {
                    break;
                }
                stats.runs_deleted.add(1);
            }
            Kept::Swept
        });
    }

    /// Something in the background has come to an end.
    pub(super) fn kept(&mut self, kept: Kept) {
        match kept {
            Kept::Folded(Some(added)) => self.ask(Task::Fold, move |draft| {
                draft.add(&added);
            }),
            Kept::Folded(None) => self.upkeep.folding = false,
            Kept::Merged(Some(merged)) => self.ask(Task::Merge(merged.replaced.len()), move |draft| {
                draft.merge(&merged);
            }),
            Kept::Merged(None) => self.upkeep.merging = false,
            Kept::Tidied(stretch) => {
                self.upkeep.merging = false;
                // It may have been for another version.
                if self.database.root.runs.iter().any(|run| (run.from, run.to) == (stretch.from, stretch.to)) {
                    self.database.runs.replace(stretch);
                    self.note_version();
                }
                self.tidy();
            }
            Kept::Ended(task, outcome) => self.ended(task, outcome),
            Kept::Swept => {
                self.upkeep.sweeping = false;
                self.sweep_or_merge();
            }
        }
    }

    fn ended(&mut self, task: Task, outcome: Amended) {
        let landed = matches!(outcome, Amended::Landed(_));
        match task {
            Task::Fold => {
                self.upkeep.folding = false;
                self.upkeep.overtaken = !landed;
                self.upkeep.garbage += usize::from(!landed);
                self.stats.folds.add(u64::from(landed));
                // As much may have come meanwhile.
                if landed && self.database.root.recent.size() > self.upkeep.threshold {
                    self.fold();
                }
            }
            Task::Merge(replaced) => {
                self.upkeep.merging = false;
                self.upkeep.garbage += if landed { replaced } else { 1 };
                self.stats.merges.add(u64::from(landed));
            }
            Task::Sweep => self.upkeep.sweeping &= landed, // then the deletion is under way
        }
        if landed && matches!(task, Task::Merge(_)) {
            self.sweep_or_merge(); // it may have been one too many for its new level
        }
    }
}

impl Uploaded {
    /// The run as it will be named for a stretch of generations.
    pub fn added(self, from: u64, to: u64) -> Added {
        let Uploaded { name, layer, bytes } = self;
        Added { run: Run { name, from, to, entries: layer.count().entries, bytes }, layer, counted: None }
    }
}
