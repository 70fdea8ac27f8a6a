//! The commit loop: the one place that knows of concurrency, and the one compare-and-swap loop there is.
//!
//! One task owns the newest known version of the database. It takes everything that waits as one batch, executes it
//! on that version, and replaces `db.json` on the condition that it still is that version. There is one commit at a
//! time, so batches grow to fit the round trip. While its PUT is under way, checks go on proving memory fresh for the
//! reads that arrive meanwhile.
//!
//! # Why every history is strictly serializable
//!
//! *Writes.* `db.json` is only ever replaced by a PUT on the condition that it is the version which the new one was
//! computed from, and no two versions have the same bytes. So the stored versions form one chain, in which each is the
//! one before it with one batch executed in order: put the batches one behind the other in the order of the chain, and
//! that is the serial order. A command is in at most one batch of the chain: it is executed for another one only after
//! a stored version has proven that the first can never land (`fate`: that version's condition can't come true any
//! more), or when nothing was ever sent. A lost answer therefore costs time, not truth: until the fate is known, only
//! the same bytes on the same condition are sent again, which can land once at most. And it respects real time: a
//! batch enters the chain after its commands arrived, because its bytes were made from them, and before they are
//! answered, because only a 200, or a version that names our commit, lets them be.
//!
//! *Reads.* A read in a batch with changes takes its place in that batch. Any other read is answered from the newest
//! known version, W, once a check that was sent after the read arrived has shown some version V to be current, and W is
//! V or a later one (`freshness`). So W was current at some moment between the read's arrival and its answer, and the
//! read is put at that moment, between the batches.
//!
//! *One client's order.* Entries keep their order in the queue and in batches. A read is answered out of turn only if no
//! earlier entry of its client is unanswered, and an entry that is left out of a batch, because what it writes is still
//! being uploaded, keeps its client's later ones out of it too (`large`).
//!
//! *Deadlines.* A client is told that nothing happened only while no bytes that hold an effect of its command may have
//! been sent; the entry is removed in the same step, so nothing will happen later either. Otherwise it is told that the
//! outcome is uncertain, and removed too: should the commit prove lost, the command is not executed again.
//!
//! *Runs.* The state that a version stands for is what its runs say with `recent` laid over them (`state`). A version that
//! names runs which memory lacks is known only once these have been read (`fetch`): until then it proves nothing, answers
//! nothing, and settles no fate. Runs never change, so it does not matter when they are read; one that is gone was taken
//! out of `db.json` before it was deleted, so if it is damage, a version that is read after that still names it. What is
//! folded, merged and swept in the background becomes part of the chain as part of a batch, and changes no key's value
//! (`upkeep`).
//!
//! *The trial.* All of this needs a store that keeps its conditions, and a server begins before it knows that of its own.
//! While the store is put to the proof nothing is written and nobody is answered. Only checks are sent: what they bring
//! is used once the trial has passed, and then it is the word of a store that keeps its conditions.
//!
//! No step of this mentions time. The clock only decides when to wait, look or give up.
//!
//! # Where things are
//!
//! This file is the loop. `queue` is the way in, and `answers` the way out. `batch` holds what waits and what is under way; `attempt` takes a batch
//! to its fate, which `fate` judges; `reads` sends the checks that `freshness` keeps account of, and answers what they
//! prove fresh. `pace` decides how long to wait, and `load` looks at the database for the first time. `fetch` reads runs;
//! `upkeep` makes, merges and sweeps them by the rules of `policy`, and `large` has some made before their commit; `upload`
//! stores them, in the `background`.

mod answers;
mod attempt;
mod background;
mod batch;
mod fate;
mod fetch;
mod freshness;
mod large;
mod load;
mod pace;
mod policy;
mod queue;
mod reads;
mod upkeep;
mod upload;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep_until};

pub use self::answers::{Awaited, Promise, Sheet};
use self::batch::{Arrival, Commit};
use self::fetch::Obstacle;
pub(crate) use self::fetch::unpack;
use self::freshness::{Check, Checks};
pub use self::load::{Start, Witness};
use self::pace::{Backoff, Linger, RoundTrip};
use self::queue::Submission;
pub use self::queue::{Amended, Amendment, Answer, Closed, Entry, Queue, Refusal, Submissions, Unit};
use self::upkeep::{Kept, Upkeep};
use self::upload::Uploaded;
use crate::root::{self, Id};
use crate::run::Name;
use crate::shared::Thresholds;
use crate::state::Database;
use crate::stats::Stats;
use crate::store::{ETag, Got, Store, StoreError};
use crate::zoo::planted;

/// Submissions taken from the channel at once.
const AT_ONCE: usize = 256;

/// When a request to the store is given up for good. Longer than any deadline, because a late answer is still worth
/// having, and bounded, because a store that never answers must not collect requests for ever.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The database cannot be used by this server any more, for this reason.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub Arc<str>);

/// The loop and everything it knows.
pub struct Committer<S> {
    store: Arc<S>,
    server: Id,
    deadline: Duration,
    max_memory: Option<u64>,
    stats: Arc<Stats>,
    thresholds: Thresholds,
    witness: Option<Witness>,
    /// The store is still being put to the proof: nothing is written, and nobody is told what it has said.
    on_trial: bool,
    /// The newest version that is known to have been stored, with its runs.
    database: Database,
    /// Its tag; none before the database exists.
    etag: Option<ETag>,
    /// How many entries have arrived.
    arrivals: u64,
    /// What is in no commit, in order of arrival.
    waiting: VecDeque<Arrival>,
    /// How many at the front of `waiting` are known to change nothing on `database`.
    barren: usize,
    /// The number after that of the newest entry in `waiting` that can only read.
    newest_read: u64,
    amendments: Vec<Amendment>,
    commit: Option<Commit>,
    commits: u64,
    /// The newest commit that was proven lost.
    lost: Option<u64>,
    /// Something has happened since reads were last looked through that may let some be answered.
    stirred: bool,
    checks: Checks,
    /// A version whose runs are being read.
    ahead: Option<Ahead>,
    /// A run that was not there, and the number from which on a check was sent after that was known.
    gone: Option<(Name, u64)>,
    upkeep: Upkeep,
    round_trip: RoundTrip,
    linger: Linger,
    backoff: Backoff,
    under_way: FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>>,
}

/// A request that was answered, or given up.
enum Done {
    /// The trial of the store.
    Tried(Result<(), Unusable>),
    Put {
        commit: u64,
        result: Result<ETag, StoreError>,
    },
    Check {
        check: Check,
        result: Result<Got, StoreError>,
    },
    /// The runs of the version that is ahead.
    Completed(Result<Database, Obstacle>),
    /// The run of what this arrival writes.
    Uploaded {
        arrival: u64,
        uploaded: Option<Uploaded>,
    },
    /// Work in the background.
    Kept(Kept),
}

/// A version that a check has brought, and that can't be used before its runs have been read.
struct Ahead {
    check: Check,
    etag: ETag,
}

impl<S: Store> Committer<S> {
    fn new(start: Start<S>, database: Database, etag: Option<ETag>) -> Committer<S> {
        let committer = Committer {
            store: start.store,
            server: start.server,
            deadline: start.deadline,
            max_memory: start.max_memory,
            stats: start.stats,
            thresholds: start.thresholds,
            witness: start.witness,
            on_trial: false,
            database,
            etag,
            arrivals: 0,
            waiting: VecDeque::new(),
            barren: 0,
            newest_read: 0,
            amendments: Vec::new(),
            commit: None,
            commits: 0,
            lost: None,
            stirred: false,
            checks: Checks::default(),
            ahead: None,
            gone: None,
            // The id is random, and nobody's but this server's.
            upkeep: Upkeep::new(StdRng::seed_from_u64(start.server.bits() as u64)),
            round_trip: RoundTrip::default(),
            linger: Linger::default(),
            backoff: Backoff::default(),
            under_way: FuturesUnordered::new(),
        };
        committer.note_version();
        committer
    }

    /// The same, for a store whose trial is under way. Until it has passed, commands wait, and checks prove memory fresh
    /// for them: whatever the store says meanwhile counts once it is known to be worth something.
    pub fn during(mut self, trial: impl Future<Output = Result<(), Unusable>> + Send + 'static) -> Committer<S> {
        self.on_trial = true;
        self.under_way.push(Box::pin(async move { Done::Tried(trial.await) }));
        self
    }

    /// Serves the queue until every sender is gone and everybody has been answered. If the database turns out to be
    /// unusable, everybody who waits is told so, and nothing is written any more.
    pub async fn run(mut self, queue: &mut Submissions) -> Result<(), Unusable> {
        let served = self.serve(queue).await;
        if let Err(Unusable(why)) = &served {
            self.refuse(why);
        }
        served
    }

    async fn serve(&mut self, queue: &mut Submissions) -> Result<(), Unusable> {
        let mut inbox = Vec::with_capacity(AT_ONCE);
        let mut open = true;
        while open || self.owes_an_answer() {
            let now = Instant::now();
            self.expire(now);
            self.begin_commit(now);
            self.answer_reads(now);
            self.pursue_commit(now);
            self.begin_checks(now);
            let wake = self.wake(now);
            tokio::select! {
                biased;
                Some(done) = self.under_way.next() => match done {
                    Done::Tried(verdict) => self.tried(verdict)?,
                    Done::Put { commit, result } => self.put_answered(commit, result),
                    Done::Check { mut check, result } => {
                        if planted!("check-covers-later-reads") {
                            check.mark = self.arrivals;
                        }
                        self.check_answered(&check, result)?;
                    }
                    Done::Completed(result) => self.completed(result)?,
                    Done::Uploaded { arrival, uploaded } => self.uploaded(arrival, uploaded),
                    Done::Kept(kept) => self.kept(kept),
                },
                taken = queue.0.recv_many(&mut inbox, AT_ONCE), if open => {
                    open = taken > 0;
                    inbox.drain(..).for_each(|submission| self.arrive(submission));
                }
                () = sleep_until(wake.unwrap_or(now)), if wake.is_some() => {}
                else => {} // the last of those who waited have just been told that their time is up
            }
        }
        Ok(())
    }

    fn tried(&mut self, verdict: Result<(), Unusable>) -> Result<(), Unusable> {
        verdict?;
        tracing::info!("the store keeps its conditions and the database is loaded: serving");
        self.on_trial = false;
        self.stirred = true;
        Ok(())
    }

    fn owes_an_answer(&self) -> bool {
        let in_commit = self.commit.as_ref().is_some_and(|commit| !commit.entries.is_empty());
        in_commit || !self.waiting.is_empty()
    }

    fn arrive(&mut self, submission: Submission) {
        let entries = match submission {
            Submission::Units(entries) => entries,
            Submission::Amendment(amendment) => return self.amendments.push(amendment),
        };
        let deadline = Instant::now() + self.deadline;
        for entry in entries {
            let number = self.arrivals;
            self.arrivals += 1;
            if !entry.unit.may_write() {
                self.newest_read = self.arrivals;
            }
            let written = entry.unit.written();
            self.waiting.push_back(Arrival { number, deadline, entry, written, upload: None });
            // There can't be runs before there is a database: they would be taken for what is left of a lost one.
            if written > self.thresholds.recent && self.etag.is_some() && !self.on_trial {
                self.upload(self.waiting.len() - 1);
            }
        }
    }

    /// Tells those whose time is up. Arrivals are in the order of their deadlines.
    fn expire(&mut self, now: Instant) {
        while let Some(late) = self.waiting.pop_front_if(|arrival| arrival.deadline <= now) {
            self.barren = self.barren.saturating_sub(1);
            self.stats.told_tryagain.add(1);
            if planted!("executed-after-tryagain") {
                let (answer, entry) = (Sheet::default().promise().0, late.entry);
                entry.answer.keep(Err(Refusal::NothingHappened));
                self.waiting.push_back(Arrival {
                    deadline: now + REQUEST_TIMEOUT,
                    entry: Entry { answer, ..entry },
                    ..late
                });
                continue;
            }
            late.answer(Err(Refusal::NothingHappened));
            self.stirred = true; // a later read of its client may only have been waiting for it
        }
        let Some(commit) = &mut self.commit else { return };
        while let Some(late) = commit.entries.pop_front_if(|executed| executed.arrival.deadline <= now) {
            // What changed nothing is not in the bytes that were sent, and now never will be.
            let (refusal, told) = match late.changed && !planted!("nothing-happened-while-it-may") {
                true => (Refusal::Uncertain, &self.stats.told_uncertain),
                false => (Refusal::NothingHappened, &self.stats.told_tryagain),
            };
            told.add(1);
            late.arrival.answer(Err(refusal));
            self.stirred = true;
        }
    }

    /// The next moment at which something is due without anything having happened.
    fn wake(&self, now: Instant) -> Option<Instant> {
        let commit = self.commit.as_ref();
        let deadlines = [
            self.waiting.front().map(|arrival| arrival.deadline),
            commit.and_then(|commit| commit.entries.front()).map(|executed| executed.arrival.deadline),
        ];
        let batch = (commit.is_none() && !self.on_trial && !(self.waiting.is_empty() && self.amendments.is_empty()))
            .then(|| self.pause(now))
            .flatten();
        let doubt =
            commit.filter(|commit| commit.doubt.is_none()).map(|commit| commit.sent + self.round_trip.patience());
        let wakes = [batch, doubt, self.check_due(now), self.checks.overdue(now)];
        deadlines.into_iter().chain(wakes).flatten().min()
    }

    /// What INFO tells of a version.
    fn count(&self, generation: u64, (keys, size): (u64, u64)) {
        self.stats.keys.set(keys);
        self.stats.database_bytes.set(size);
        self.stats.generation.set(generation);
    }

    fn note_version(&self) {
        let root = &self.database.root;
        self.count(root.header.generation, (root.keys, self.database.size()));
        if let Some(witness) = &self.witness {
            witness(&self.database);
        }
    }

    fn unusable(&self, why: &str) -> Unusable {
        self.broken(&format!("{} {why}", self.store.locate(root::NAME)))
    }

    /// The same of any object, which `what` names.
    fn broken(&self, what: &str) -> Unusable {
        Unusable(format!("{what}. Nothing was overwritten; mend it, then restart this server").into())
    }

    fn refuse(&mut self, why: &Arc<str>) {
        let refusal = Refusal::Unusable(Arc::clone(why));
        for executed in self.commit.take().into_iter().flat_map(|commit| commit.entries) {
            let uncertain = executed.changed;
            executed.arrival.answer(Err(if uncertain { Refusal::Uncertain } else { refusal.clone() }));
        }
        for arrival in self.waiting.drain(..) {
            arrival.answer(Err(refusal.clone()));
        }
    }
}
