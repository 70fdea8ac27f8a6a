//! Upkeep keeps commits small while the database grows: it folds, squashes, merges and sweeps.
//!
//! | task | what it does |
//! |---|---|
//! | fold | writes the newest entries as a run, so that `recent` stays short |
//! | squash | makes one entry of the newest entries instead, if they say much of the same |
//! | merge | makes one run of several: of similar size, or all when much is outdated |
//! | sweep | deletes the runs that no version names any more |
//! | tidy | merges layers in memory that lie within one run, because another server merged that run |
//!
//! None of it is on the path of a commit. A [`Job`] makes and uploads a run in the background. Then upkeep proposes to
//! name it, and the next commit executes the [`Proposal`] after its batch, on the very draft that is about to be stored.
//! There the draft decides whether the proposal still fits. If it does not, upkeep drops it. The only loss is an upload. The
//! entry of a squash is not uploaded, and waits for the next commit that changes something.
//!
//! [`Upkeep`] itself is pure. The loop tells it what has happened, and each method returns the next [`Task`]s.
//!
//! # Why no row changes
//!
//! A fold is made of a stored version, never of a draft. It holds the rows of that version's `recent`: all changes since
//! the last run. A draft adds it only if that run is still the last one, so no other run covers a part of it. Then it drops
//! exactly the entries that the fold covers (`state/finish.rs`). Later entries stay and override the run. A merge replaces
//! runs only if the draft still names all of them, for the same generations.
//!
//! A squash is made of a stored version, too, and of the same rows as a fold. They stand in one entry, which takes the place
//! of the entries that it was made of, and not in a run below them. A draft adopts it only if its log still begins with
//! entries of exactly these generations. Another squash may have made one entry of some of them: the rows stay the same. A
//! fold that ends within these generations does not fit any more, because no entry ends there. A server that knows the
//! generations one by one goes on with what it knows. A server that knows only some of them reads the version anew, as
//! after a fold of what it does not know. Upkeep squashes no entry that names a run: its rows are too many for `db.json`.
//!
//! All three leave out rows that nobody can reach in the version that the server holds: rows of a database that was flushed,
//! elements of a collection that was deleted, and rows that have ended at the version's time. Ids never come back, and the
//! stored time only grows. So such rows stay out of reach in every later version, and a merge that lands late is still
//! right. No count includes expired rows ([`crate::state`]), so all servers count alike, whether they have left these rows
//! out or not. A merge must not judge by the rows that it merges: MOVE and RENAME leave the elements where they are, and
//! the head that names them may stand in another run.
//!
//! # Why no sweep deletes a run that is needed
//!
//! A sweep raises `swept` to its own generation S. After that commit has landed, the server deletes the runs that were
//! named below generation S, except the ones that version S still names. No later version can name them either: a draft
//! adds no run that was named below its own `swept`, and every draft from S on is built on a version whose `swept` is S or
//! more. So a server that slept for a week cannot bring a deleted run back, and the argument needs no clock.
//!
//! # Which server does it
//!
//! The server whose commit made `recent` too large folds or squashes. If that server has died, `recent` grows. Then any
//! server does so whose commit leaves `recent` at more than twice the limit. A server that has added a run also merges. Two
//! servers that do the same at once waste an upload, if any.

mod job;
mod policy;
mod upload;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use self::job::{Job, Product};
pub use self::upload::{Content, RunWriter, Uploaded, bound};
use crate::root::{self, Entry, Root, Run};
use crate::run::{Merger, Name};
use crate::settings::Thresholds;
use crate::state::{Database, Merged, Proposal, Stretch};
use crate::stats::Stats;

/// What upkeep wants to be done next.
pub enum Task {
    /// Work for the background.
    Do(Job),
    /// A change for the next commit.
    Propose(Proposal),
    /// A layer in memory to replace the layers that it was merged from.
    Replace(Stretch),
}

/// What is under way, and what is left to do.
pub struct Upkeep {
    thresholds: Thresholds,
    stats: Arc<Stats>,
    /// A fold or a squash is being made or proposed.
    folding: bool,
    merging: bool,
    sweeping: bool,
    /// The size that `recent` may have.
    threshold: u64,
    /// The size that it might have when the last squash began.
    squashed_at: u64,
    /// How many runs are of no use any more, as far as this server knows.
    garbage: usize,
}

/// The version that a commit was laid over.
pub struct Before {
    recent: u64,
}

impl Before {
    /// Notes what upkeep needs to know of it.
    pub fn of(root: &Root) -> Before {
        Before { recent: root.recent_bytes() }
    }
}

/// A commit that has landed.
pub struct Landed {
    /// Its generation.
    pub generation: u64,
    /// The `swept` of its version.
    pub swept: u64,
    /// The runs that its version names.
    pub names: BTreeSet<Name>,
    /// Whether it has dropped all runs of the version before, because nobody can reach their rows.
    pub dropped: bool,
    /// Whether it has named a fold.
    pub folded: bool,
    /// The bytes that its entry added to `recent`.
    pub written: u64,
    /// The version before it.
    pub before: Before,
}

impl Upkeep {
    /// Nothing is under way.
    pub fn new(thresholds: Thresholds, stats: Arc<Stats>) -> Upkeep {
        Upkeep {
            thresholds,
            stats,
            folding: false,
            merging: false,
            sweeping: false,
            threshold: u64::MAX,
            squashed_at: 0,
            garbage: 0,
        }
    }

    /// An uploaded run will never be named.
    pub fn wasted(&mut self) {
        self.garbage += 1;
    }

    /// The deletion of a sweep cannot begin now. A later sweep deletes as much.
    pub fn put_off_sweep(&mut self) {
        self.sweeping = false;
        self.garbage += self.thresholds.garbage;
    }

    /// A commit of this server has landed, and `database` holds it.
    pub fn landed(&mut self, landed: Landed, database: &Database) -> Vec<Task> {
        let mut tasks = Vec::new();
        let Landed { generation, swept, names, dropped, folded, written, before } = landed;
        if swept == generation {
            tasks.push(Task::Do(Job::Delete { swept, named: names }));
        }
        if dropped {
            self.garbage += self.thresholds.garbage; // a flush leaves any number of runs
        }
        self.threshold = policy::fold_at(&self.thresholds, written);
        let size = database.root.recent_bytes();
        if size > self.threshold && (before.recent <= self.threshold || size > 2 * self.threshold) {
            tasks.extend(self.shorten(database, true));
        }
        if folded || self.garbage >= self.thresholds.garbage {
            tasks.extend(self.sweep_or_merge(database));
        }
        tasks
    }

    /// Begins to sweep if there is enough garbage, or else to merge. Never both: once a sweep has landed, a run whose
    /// upload began earlier may not be named any more, so a merge beside a sweep would be in vain.
    fn sweep_or_merge(&mut self, database: &Database) -> Option<Task> {
        if self.sweeping || self.merging {
            return None;
        }
        if self.garbage < self.thresholds.garbage {
            return self.merge(database);
        }
        self.sweeping = true;
        self.garbage = 0;
        Some(Task::Propose(Proposal::Sweep))
    }

    /// Begins to make one entry of the newest entries, or else a run, if they may be folded.
    fn shorten(&mut self, database: &Database, may_fold: bool) -> Option<Task> {
        let root = &database.root;
        let (from, to) = (root.covered(), root.header.generation);
        if self.folding || root.recent_bytes() == 0 {
            return None;
        }
        let newest = database.newest();
        let bytes = newest.iter().map(|((_, name, row), _)| root::length(name, row.as_ref()) as u64).sum();
        // Without rows a fold costs no run, and takes the entries away.
        let squashes = !newest.is_empty() && database.may_squash();
        let squashes = squashes && policy::squashes(&self.thresholds, said(&root.recent), bytes);
        self.folding = squashes || may_fold;
        if squashes {
            self.squashed_at = self.threshold;
            return Some(Task::Do(Job::Squash(database.squash(newest))));
        }
        let (rows, says) = newest.into_iter().unzip();
        let below = database.runs.below(says);
        may_fold.then_some(Task::Do(Job::Fold { from, to, rows, below }))
    }

    /// Begins to merge the runs that should become one.
    fn merge(&mut self, database: &Database) -> Option<Task> {
        let range = policy::to_merge(&database.root.runs, &self.thresholds)?;
        let runs = &database.root.runs[range];
        let (from, to) = (runs[0].from, runs[runs.len() - 1].to);
        let merger = merger(database, from, to)?;
        let replaced = runs.to_vec();
        self.merging = true;
        Some(Task::Do(Job::Merge { from, to, replaced, merger }))
    }

    /// The database in memory is another version now. Layers that lie within one run, because another server has merged
    /// it, can become one without anybody's knowledge.
    pub fn moved(&mut self, database: &Database) -> Option<Task> {
        let (runs, layers) = (&database.root.runs, database.runs.layers());
        if self.merging || layers.len() < runs.len() + self.thresholds.fanout {
            return None;
        }
        let parts = |run: &Run| database.runs.stretch(run.from, run.to).map_or(0, <[_]>::len);
        let &Run { from, to, .. } = runs.iter().max_by_key(|run| parts(run))?;
        let merger = merger(database, from, to)?;
        self.merging = true;
        Some(Task::Do(Job::Tidy { from, to, merger }))
    }

    /// A job has ended.
    pub fn produced(&mut self, product: Product, database: &Database) -> Option<Task> {
        match product {
            Product::Folded(Some(folded)) => Some(Task::Propose(Proposal::Fold(folded))),
            Product::Folded(None) => {
                self.folding = false;
                None
            }
            Product::Squashed(entry) => Some(Task::Propose(Proposal::Squash(entry))),
            Product::Merged(Some(merged)) => Some(Task::Propose(Proposal::Merge(merged))),
            Product::Merged(None) => {
                self.merging = false;
                None
            }
            Product::Tidied(stretch) => {
                self.merging = false;
                Some(Task::Replace(stretch))
            }
            Product::Deleted => {
                self.sweeping = false;
                self.sweep_or_merge(database)
            }
        }
    }

    /// A commit has taken the proposal in, or never will.
    pub fn concluded(&mut self, proposal: &Proposal, landed: bool, database: &Database) -> Option<Task> {
        match proposal {
            Proposal::Fold(_) => {
                self.folding = false;
                self.garbage += usize::from(!landed);
                self.stats.folds.add(u64::from(landed));
                // As much may have come meanwhile.
                let is_due = landed && database.root.recent_bytes() > self.threshold;
                is_due.then(|| self.shorten(database, true)).flatten()
            }
            Proposal::Squash(_) => {
                self.folding = false;
                self.stats.squashes.add(u64::from(landed));
                // As much may have come meanwhile, and repeat what the squash has left. The commit that has taken the squash along
                // may be smaller than those before it, and its threshold, too.
                let (size, threshold) = (database.root.recent_bytes(), self.threshold.max(self.squashed_at));
                let is_due = landed && size > threshold;
                is_due.then(|| self.shorten(database, size > 2 * threshold)).flatten()
            }
            Proposal::Merge(Merged { replaced, .. }) => {
                self.merging = false;
                self.garbage += if landed { replaced.len() } else { 1 };
                self.stats.merges.add(u64::from(landed));
                // The new run may be one too many for its size.
                landed.then(|| self.sweep_or_merge(database)).flatten()
            }
            Proposal::Sweep => {
                self.sweeping &= landed; // if it has landed, the deletion follows
                None
            }
        }
    }
}

/// About how long all rows of these entries are.
fn said(recent: &[Arc<Entry>]) -> u64 {
    recent.iter().flat_map(|entry| entry.all_rows()).map(|(_, name, row)| root::length(name, row) as u64).sum()
}

/// Merges the layers of a range of generations.
fn merger(database: &Database, from: u64, to: u64) -> Option<Merger> {
    let layers: Vec<_> = database.runs.stretch(from, to)?.iter().map(|stretch| Arc::clone(&stretch.layer)).collect();
    let whole = from == database.root.header.base;
    Merger::fits(&layers).then(|| Merger::new(layers, whole, database.reach(), database.runs.salt()))
}
