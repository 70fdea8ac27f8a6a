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
//! *One client's order.* Entries keep their order in the queue and in batches, and a read is answered out of turn only
//! if no earlier entry of its client is unanswered.
//!
//! *Deadlines.* A client is told that nothing happened only while no bytes that hold an effect of its command may have
//! been sent; the entry is removed in the same step, so nothing will happen later either. Otherwise it is told that the
//! outcome is uncertain, and removed too: should the commit prove lost, the command is not executed again.
//!
//! No step of this mentions time. The clock only decides when to wait, look or give up.

mod batch;
mod fate;
mod freshness;
mod load;
mod pace;
mod queue;

use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use antithesis_sdk::{assert_always, assert_reachable};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde::Serialize;
use tokio::time::{Instant, sleep_until, timeout};

use self::batch::{Arrival, Commit, Executed};
use self::fate::Fate;
use self::freshness::{Check, Checks};
pub use self::load::Start;
use self::pace::{Backoff, Linger, RoundTrip};
use self::queue::Submission;
pub use self::queue::{Amended, Amendment, Answer, Closed, Entry, Queue, Refusal, Submissions, Unit};
use crate::root::{self, Id, Root};
use crate::state::Draft;
use crate::stats::Stats;
use crate::store::{Condition, ETag, Got, Store, StoreError};

/// Submissions taken from the channel at once.
const AT_ONCE: usize = 256;

/// How often the bytes of one commit may be under way at once. A store that swallows requests must not fill up with
/// copies of them.
const ATTEMPTS_UNDER_WAY: u32 = 3;

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
    /// The newest version that is known to have been stored.
    root: Root,
    /// Its tag; none before the database exists.
    etag: Option<ETag>,
    /// How many entries have arrived.
    arrivals: u64,
    /// What is in no commit, in order of arrival.
    waiting: VecDeque<Arrival>,
    /// How many at the front of `waiting` are known to change nothing on `root`.
    barren: usize,
    /// The number after that of the newest entry in `waiting` that can only read.
    newest_read: u64,
    amendments: Vec<Amendment>,
    commit: Option<Commit>,
    commits: u64,
    /// Something has happened since reads were last looked through that may let some be answered.
    stirred: bool,
    checks: Checks,
    round_trip: RoundTrip,
    linger: Linger,
    backoff: Backoff,
    under_way: FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>>,
}

/// A request that was answered, or given up.
enum Done {
    Put { commit: u64, result: Result<ETag, StoreError> },
    Check { check: Check, result: Result<Got, StoreError> },
}

/// What the assertions say about two versions that should not have met.
#[derive(Serialize)]
struct Versions<'a> {
    server: Id,
    known: u64,
    read: u64,
    database: Id,
    etag: &'a str,
}

impl<S: Store> Committer<S> {
    fn new(start: Start<S>, root: Root, etag: Option<ETag>) -> Committer<S> {
        let committer = Committer {
            store: start.store,
            server: start.server,
            deadline: start.deadline,
            max_memory: start.max_memory,
            stats: start.stats,
            root,
            etag,
            arrivals: 0,
            waiting: VecDeque::new(),
            barren: 0,
            newest_read: 0,
            amendments: Vec::new(),
            commit: None,
            commits: 0,
            stirred: false,
            checks: Checks::default(),
            round_trip: RoundTrip::default(),
            linger: Linger::default(),
            backoff: Backoff::default(),
            under_way: FuturesUnordered::new(),
        };
        committer.note_version();
        committer
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
            self.answer_reads();
            self.pursue_commit(now);
            self.begin_checks(now);
            let wake = self.wake(now);
            tokio::select! {
                biased;
                Some(done) = self.under_way.next() => match done {
                    Done::Put { commit, result } => self.put_answered(commit, result),
                    Done::Check { check, result } => self.check_answered(&check, result)?,
                },
                taken = queue.0.recv_many(&mut inbox, AT_ONCE), if open => {
                    open = taken > 0;
                    inbox.drain(..).for_each(|submission| self.arrive(submission));
                }
                () = sleep_until(wake.unwrap_or(now)), if wake.is_some() => {}
            }
        }
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
            self.waiting.push_back(Arrival { number, deadline, entry });
        }
    }

    /// Tells those whose time is up. Arrivals are in the order of their deadlines.
    fn expire(&mut self, now: Instant) {
        while let Some(late) = self.waiting.pop_front_if(|arrival| arrival.deadline <= now) {
            self.barren = self.barren.saturating_sub(1);
            self.stats.told_tryagain.add(1);
            late.answer(Err(Refusal::NothingHappened));
        }
        let Some(commit) = &mut self.commit else { return };
        while let Some(late) = commit.entries.pop_front_if(|executed| executed.arrival.deadline <= now) {
            // What changed nothing is not in the bytes that were sent, and now never will be.
            let (refusal, told) = match late.changed {
                true => (Refusal::Uncertain, &self.stats.told_uncertain),
                false => (Refusal::NothingHappened, &self.stats.told_tryagain),
            };
            told.add(1);
            late.arrival.answer(Err(refusal));
        }
    }

    /// Makes a commit of everything that waits, if anything there changes the database and it is time.
    fn begin_commit(&mut self, now: Instant) {
        if self.commit.is_some() || self.pause(now).is_some() {
            return;
        }
        if self.amendments.is_empty() {
            let mut probe = Draft::new(&self.root, self.max_memory);
            let untested = self.waiting.range(self.barren..).map(|arrival| &arrival.entry.unit);
            for unit in untested.filter(|unit| unit.may_write()) {
                batch::execute(&mut probe, unit);
            }
            if probe.made() == 0 {
                self.stirred |= self.barren < self.waiting.len();
                self.barren = self.waiting.len();
                return;
            }
        }
        self.commits += 1;
        let condition = self.etag.clone().map_or(Condition::Absent, Condition::Match);
        let waiting = std::mem::take(&mut self.waiting);
        let amendments = std::mem::take(&mut self.amendments);
        let draft = Draft::new(&self.root, self.max_memory);
        let computed = Commit::compute(self.commits, self.server, draft, condition, waiting, amendments, now);
        match computed {
            Ok(commit) => {
                if commit.is_shared() {
                    assert_reachable!("A batch holds commands of several clients");
                }
                self.barren = 0;
                self.newest_read = 0;
                self.send(commit, now);
            }
            // Only amendments could have changed something, and they found nothing to change.
            Err((waiting, amendments)) => {
                self.waiting = waiting;
                self.barren = self.waiting.len();
                self.stirred = true;
                for amendment in amendments {
                    let _ = amendment.outcome.send(Amended::Moot);
                }
            }
        }
    }

    /// Until when a batch has to wait: for a store that fails, or for the clients that were just answered.
    fn pause(&self, now: Instant) -> Option<Instant> {
        self.backoff.until(now).or_else(|| self.linger.until(self.waiting.len(), now))
    }

    /// Sends the bytes of a commit, for the first time or again: always the same bytes, on the same condition.
    fn send(&mut self, mut commit: Commit, now: Instant) {
        commit.attempts += 1;
        commit.unanswered += 1;
        commit.doubt = None;
        commit.sent = now;
        self.stats.puts.add(1);
        self.stats.bytes_put.add(commit.bytes.len() as u64);
        let store = Arc::clone(&self.store);
        let (number, bytes, condition) = (commit.number, commit.bytes.clone(), commit.condition.clone());
        self.under_way.push(Box::pin(async move {
            let result = timeout(REQUEST_TIMEOUT, store.put(root::NAME, bytes, &condition)).await;
            let result = result.unwrap_or_else(|_| Err(StoreError::Unclear("no answer to the PUT".into())));
            Done::Put { commit: number, result }
        }));
        self.commit = Some(commit);
    }

    /// Begins to doubt a commit whose answer is overdue. It may still come, and counts if it does.
    fn pursue_commit(&mut self, now: Instant) {
        let patience = self.round_trip.patience();
        if let Some(commit) = &mut self.commit
            && commit.doubt.is_none()
            && now >= commit.sent + patience
        {
            commit.doubt = Some(self.checks.next());
        }
    }

    /// Sends a check if somebody needs one: a commit in doubt at once, reads when it is their turn.
    fn begin_checks(&mut self, now: Instant) {
        if self.check_due(now).is_none_or(|due| now < due) {
            return;
        }
        self.stats.freshness_checks.add(1);
        self.stats.gets.add(1);
        let check = self.checks.send(self.arrivals, self.root.header.generation, self.etag.clone(), now);
        let store = Arc::clone(&self.store);
        self.under_way.push(Box::pin(async move {
            let result = timeout(REQUEST_TIMEOUT, store.get(root::NAME, check.etag.as_ref())).await;
            let result = result.unwrap_or_else(|_| Err(StoreError::Unclear("no answer to the GET".into())));
            Done::Check { check, result }
        }));
    }

    /// When the next check is to be sent, if somebody needs one and no answer has to come first.
    fn check_due(&self, now: Instant) -> Option<Instant> {
        let doubt = self.commit.as_ref().and_then(|commit| commit.doubt);
        let doubt = doubt.filter(|&from| !self.checks.expected(from, now));
        let settle = doubt.map(|_| self.backoff.until(now).unwrap_or(now));
        let read = self.reads_wait(now).then(|| self.checks.turn(now)).flatten();
        let due = settle.into_iter().chain(read).min()?;
        Some(self.checks.pause(now).map_or(due, |pause| pause.max(due)))
    }

    /// Whether an entry that needs a proof has arrived since the newest check was sent. A write needs none as long as it
    /// may yet become part of a commit.
    fn reads_wait(&self, now: Instant) -> bool {
        let barren = self.commit.is_none() && self.barren == self.waiting.len();
        let Some((oldest, newest)) = self.waiting.front().zip(self.waiting.back()) else { return false };
        let newest = if barren { newest.number + 1 } else { self.newest_read };
        newest > oldest.number.max(self.checks.covered(now))
    }

    /// The next moment at which something is due without anything having happened.
    fn wake(&self, now: Instant) -> Option<Instant> {
        let commit = self.commit.as_ref();
        let deadlines = [
            self.waiting.front().map(|arrival| arrival.deadline),
            commit.and_then(|commit| commit.entries.front()).map(|executed| executed.arrival.deadline),
        ];
        let batch = (commit.is_none() && !(self.waiting.is_empty() && self.amendments.is_empty()))
            .then(|| self.pause(now))
            .flatten();
        let doubt =
            commit.filter(|commit| commit.doubt.is_none()).map(|commit| commit.sent + self.round_trip.patience());
        let wakes = [batch, doubt, self.check_due(now), self.checks.overdue(now)];
        deadlines.into_iter().chain(wakes).flatten().min()
    }

    /// A PUT was answered.
    fn put_answered(&mut self, number: u64, result: Result<ETag, StoreError>) {
        // An answer to a commit that is settled already says nothing about the present one.
        let Some(mut commit) = self.commit.take_if(|commit| commit.number == number) else { return };
        let now = Instant::now();
        commit.unanswered -= 1;
        match result {
            Ok(etag) => {
                assert_always!(!etag.0.is_empty(), "Every stored version has an ETag");
                if commit.attempts == 1 {
                    self.round_trip.measured(now.duration_since(commit.sent));
                }
                let changes = std::mem::take(&mut commit.changes);
                self.root.apply(commit.header.clone(), changes);
                self.etag = Some(etag);
                self.landed(commit, now);
            }
            // Nobody has seen the bytes: there is no fate to settle, and other bytes may be sent.
            Err(StoreError::DidNotHappen(why)) if !commit.exposed && commit.unanswered == 0 => {
                tracing::debug!(generation = commit.header.generation, why, "a commit was not sent");
                self.backoff.failed(now);
                self.requeue(commit);
            }
            Err(error) => {
                tracing::debug!(generation = commit.header.generation, %error, "a commit is in doubt");
                commit.exposed |= !matches!(error, StoreError::DidNotHappen(_));
                if commit.attempts > 1 || !matches!(error, StoreError::Conflict(_)) {
                    self.backoff.failed(now);
                }
                commit.doubt = Some(commit.doubt.unwrap_or(self.checks.next()));
                self.commit = Some(commit);
            }
        }
    }

    /// Everybody in the commit gets the replies that were computed for it; `root` holds it already.
    fn landed(&mut self, commit: Commit, now: Instant) {
        self.backoff.succeeded();
        self.barren = 0;
        self.stirred = true; // some reads were only waiting for an entry of their own client
        self.linger.after_commit(commit.entries.len(), self.waiting.len(), &self.round_trip, now);
        self.note_version();
        self.stats.commits.add(1);
        self.stats.batched_commands.add(commit.entries.len() as u64);
        self.stats.largest_batch.at_least(commit.entries.len() as u64);
        for executed in commit.entries {
            executed.arrival.answer(Ok(executed.replies));
        }
        Commit::resolve_amendments(commit.amendments, Amended::Landed(commit.header.generation));
    }

    /// A commit that can't land any more, or that was never sent, waits again, before everything that came later.
    fn requeue(&mut self, commit: Commit) {
        for executed in commit.entries.into_iter().rev() {
            if !executed.arrival.entry.unit.may_write() {
                self.newest_read = self.newest_read.max(executed.arrival.number + 1);
            }
            self.waiting.push_front(executed.arrival);
        }
        let amendments = commit.amendments.into_iter().map(|executed| executed.amendment);
        self.amendments.splice(0..0, amendments);
        self.barren = 0;
        self.stirred = true;
    }

    /// A check was answered.
    fn check_answered(&mut self, check: &Check, result: Result<Got, StoreError>) -> Result<(), Unusable> {
        let now = Instant::now();
        let got = match result {
            Ok(got) => got,
            Err(StoreError::Obstructed(why)) => return Err(self.unusable(&why)),
            Err(error) => {
                tracing::debug!(%error, "a check failed");
                self.checks.failed(check, now);
                return Ok(());
            }
        };
        let seen = match got {
            Got::Unchanged => check.generation,
            Got::Absent if check.etag.is_none() => 0,
            Got::Absent => return Err(self.unusable("has disappeared")),
            Got::Object { bytes, etag } => {
                self.stats.bytes_got.add(bytes.len() as u64);
                self.read(check, &bytes, etag, now)?
            }
        };
        self.checks.answered(check, now);
        self.stirred = true;
        self.resend(check, seen, now);
        Ok(())
    }

    /// Takes in a version that a check has brought, and answers its generation.
    fn read(&mut self, check: &Check, bytes: &[u8], etag: ETag, now: Instant) -> Result<u64, Unusable> {
        let decoded = Root::decode(bytes);
        assert_always!(decoded.is_ok(), "The stored database can always be read");
        let read = decoded.map_err(|damage| self.unusable(&damage.to_string()))?;
        let (known, seen) = (self.root.header.generation, read.header.generation);
        let details = Versions {
            server: self.server,
            known: check.generation,
            read: seen,
            database: read.header.id,
            etag: &etag.0,
        };
        assert_always!(!etag.0.is_empty(), "Every version that is read has an ETag", &details);
        if self.etag.is_some() && read.header.id != self.root.header.id {
            return Err(self.unusable(&format!(
                "is another database now: its id was {} and is {}",
                self.root.header.id, read.header.id
            )));
        }
        assert_always!(seen >= check.generation, "The stored generation never goes back", &details);
        if seen < check.generation {
            return Err(self.unusable(&format!("has gone back from generation {} to {seen}", check.generation)));
        }
        if seen == known && self.etag.as_ref() != Some(&etag) {
            return Err(self.unusable(&format!("was replaced by another version with the same generation, {seen}")));
        }
        if seen > known {
            self.advance(read, etag, now);
        }
        Ok(seen)
    }

    /// Moves to a newer version, which settles the commit under way: what that was built on is gone.
    fn advance(&mut self, read: Root, etag: ETag, now: Instant) {
        let commit = self.commit.take();
        let creation = self.etag.is_none();
        let fate = commit.as_ref().map(|commit| fate::judge(self.server, &commit.header, creation, &read.header));
        self.root = read;
        self.etag = Some(etag);
        self.barren = 0;
        self.note_version();
        let Some((commit, fate)) = commit.zip(fate) else { return };
        let doubted = commit.doubt.is_some();
        match fate {
            Fate::Landed => {
                if doubted {
                    assert_reachable!("A commit whose answer was not 200 turns out to have landed");
                    self.stats.unclear_landed.add(1);
                }
                self.landed(commit, now);
            }
            Fate::Lost => {
                assert_reachable!("A server loses the race for a version and executes its batch again");
                if doubted && commit.exposed {
                    assert_reachable!("A commit whose answer was not 200 turns out never to have landed");
                    self.stats.unclear_lost.add(1);
                }
                self.stats.conflicts.add(1);
                self.requeue(commit);
            }
            Fate::Unknowable => {
                self.stats.unclear_unknown.add(1);
                self.give_up(commit);
            }
            Fate::Open => unreachable!("a version newer than the one that a commit was built on settles it"),
        }
    }

    /// Nobody can tell any more whether the commit landed. What it changed must not be executed again.
    fn give_up(&mut self, mut commit: Commit) {
        let (changed, unchanged): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut commit.entries).into_iter().partition(|executed| executed.changed);
        for executed in changed {
            self.stats.told_uncertain.add(1);
            executed.arrival.answer(Err(Refusal::Uncertain));
        }
        Commit::resolve_amendments(std::mem::take(&mut commit.amendments), Amended::Uncertain);
        commit.entries = unchanged;
        self.requeue(commit);
    }

    /// A commit is in doubt, and a check that was sent since has seen the very version that it was built on: so it has
    /// not landed. It may be under way still, so nothing else may be sent, but it may be sent again.
    fn resend(&mut self, check: &Check, seen: u64, now: Instant) {
        let settled =
            |commit: &mut Commit| commit.doubt.is_some_and(|from| check.number >= from) && commit.base() == seen;
        let Some(mut commit) = self.commit.take_if(settled) else { return };
        if commit.unanswered < ATTEMPTS_UNDER_WAY {
            assert_reachable!("A commit is sent again because its answer was not 200 and it has not landed");
            self.send(commit, now);
        } else {
            commit.sent = now;
            commit.doubt = None;
            self.commit = Some(commit);
        }
    }

    /// Answers the entries that a check has proven fresh and that change nothing, from the newest known version; unless
    /// an earlier entry of their client is still unanswered.
    fn answer_reads(&mut self) {
        if !std::mem::take(&mut self.stirred) {
            return;
        }
        let proven = self.checks.proven();
        let mut draft = Draft::new(&self.root, self.max_memory);
        let mut blocked = BTreeSet::new();
        let mut answer = |arrival: Arrival, may_read: bool| {
            if !may_read || arrival.number >= proven || blocked.contains(&arrival.entry.client) {
                blocked.insert(arrival.entry.client);
                return Some(arrival);
            }
            let (replies, _) = batch::execute(&mut draft, &arrival.entry.unit);
            arrival.answer(Ok(replies));
            None
        };
        if let Some(commit) = &mut self.commit {
            let entries = std::mem::take(&mut commit.entries).into_iter();
            let stay = entries.filter_map(|Executed { arrival, replies, changed }| {
                // A write of the batch is part of what was sent, even if it would change nothing on `root`.
                let may_read = !arrival.entry.unit.may_write();
                answer(arrival, may_read).map(|arrival| Executed { arrival, replies, changed })
            });
            commit.entries = stay.collect();
        }
        let untested = self.waiting.split_off(self.barren);
        let before = self.waiting.len() + untested.len();
        let barren = std::mem::take(&mut self.waiting).into_iter();
        self.waiting = barren.filter_map(|arrival| answer(arrival, true)).collect();
        self.barren = self.waiting.len();
        self.waiting.extend(untested.into_iter().filter_map(|arrival| {
            let may_read = !arrival.entry.unit.may_write();
            answer(arrival, may_read)
        }));
        debug_assert_eq!(draft.made(), 0, "what is answered as a read changes nothing");
        if self.etag.is_none() && self.waiting.len() < before {
            assert_reachable!("A read is answered before the database exists");
        }
    }

    fn note_version(&self) {
        self.stats.keys.set(self.root.recent.len() as u64);
        self.stats.database_bytes.set(self.root.recent.size());
        self.stats.generation.set(self.root.header.generation);
    }

    fn unusable(&self, why: &str) -> Unusable {
        let place = self.store.locate(root::NAME);
        Unusable(format!("{place} {why}. Nothing was overwritten; mend it, then restart this server").into())
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
