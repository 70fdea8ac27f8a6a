//! The one commit under way: from a batch to its fate.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::Waker;

use antithesis_sdk::{assert_always, assert_reachable, assert_unreachable};
use tokio::time::{Instant, timeout};

use super::batch::{self, Arrival, Commit};
use super::fate::{self, Fate};
use super::freshness::Check;
use super::queue::{Amended, Refusal, Unit};
use super::upkeep::{Before, Landed};
use super::{Committer, Done, REQUEST_TIMEOUT, pace};
use crate::root;
use crate::state::{Database, Draft};
use crate::store::{Condition, ETag, Store, StoreError};
use crate::zoo::planted;

/// How often the bytes of one commit may be under way at once. A store that swallows requests must not fill up with
/// copies of them.
const ATTEMPTS_UNDER_WAY: u32 = 3;

impl<S: Store> Committer<S> {
    /// Makes a commit of everything that waits, if anything there changes the database and it is time.
    pub(super) fn begin_commit(&mut self, now: Instant) {
        // Whatever would be built on a version that is known to be past would be built in vain.
        if self.on_trial || self.commit.is_some() || self.ahead.is_some() || self.pause(now).is_some() {
            return;
        }
        let chosen = self.choose();
        let is_chosen = |place: usize| chosen.as_ref().is_none_or(|chosen| chosen[place - self.barren]);
        if self.amendments.is_empty() {
            let mut probe = Draft::new(&self.database, self.max_memory);
            let untested = (self.barren..self.waiting.len()).filter(|&place| is_chosen(place));
            let changes = |unit: &Unit| unit.may_write() && batch::execute(&mut probe, unit).1;
            if !untested.map(|place| &self.waiting[place].entry.unit).any(changes) {
                let left_out = (self.barren..self.waiting.len()).find(|&place| !is_chosen(place));
                let barren = left_out.unwrap_or(self.waiting.len());
                self.stirred |= self.barren < barren;
                self.barren = barren;
                return;
            }
        }
        self.commits += 1;
        let condition = self.etag.clone().map_or(Condition::Absent, Condition::Match);
        let waiting = self.take(chosen);
        let amendments = std::mem::take(&mut self.amendments);
        let draft = Draft::new(&self.database, self.max_memory);
        let computed = Commit::compute(self.commits, self.server, draft, condition, waiting, amendments, now);
        match computed {
            Ok(commit) => {
                if commit.is_shared() {
                    assert_reachable!("A batch holds commands of several clients");
                }
                self.barren = 0;
                self.send(commit, now);
            }
            // Only amendments could have changed something, and they found nothing to change.
            Err((waiting, amendments)) => {
                self.barren = if self.waiting.is_empty() { waiting.len() } else { 0 };
                self.put_back(waiting.into_iter());
                self.stirred = true;
                for amendment in amendments {
                    let _ = amendment.outcome.send(Amended::Moot);
                }
            }
        }
    }

    /// Until when a batch has to wait: for a store that fails, or for the clients that were just answered.
    pub(super) fn pause(&self, now: Instant) -> Option<Instant> {
        self.backoff.until(now).or_else(|| self.linger.until(self.arrivals, now))
    }

    /// Sends the bytes of a commit, for the first time or again: always the same bytes, on the same condition.
    fn send(&mut self, mut commit: Commit, now: Instant) {
        commit.attempts += 1;
        commit.unanswered += 1;
        commit.doubt = None;
        commit.sent = now;
        if planted!("reply-before-put") {
            commit.entries.drain(..).for_each(|executed| executed.arrival.answer(Ok(executed.replies)));
        }
        if planted!("dirty-read") {
            while let Some(read) = commit.entries.pop_front_if(|executed| !executed.changed) {
                read.arrival.answer(Ok(read.replies));
            }
        }
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
    pub(super) fn pursue_commit(&mut self, now: Instant) {
        let patience = self.round_trip.patience();
        if let Some(commit) = &mut self.commit
            && commit.doubt.is_none()
            && now >= commit.sent + patience
        {
            commit.doubt = Some(self.checks.next());
        }
    }

    /// A PUT was answered.
    pub(super) fn put_answered(&mut self, number: u64, result: Result<ETag, StoreError>) {
        // An answer to a commit that is settled already says nothing about the present one.
        let Some(mut commit) = self.commit.take_if(|commit| commit.number == number) else {
            if result.is_ok() && self.lost == Some(number) {
                assert_unreachable!("A PUT is answered with success after a newer version has proven it lost");
                tracing::error!("the store reports success for a commit that it has not kept: it breaks its promises");
            }
            return;
        };
        let now = Instant::now();
        commit.unanswered -= 1;
        match result {
            Ok(etag) => {
                assert_always!(!etag.0.is_empty(), "Every stored version has an ETag");
                if commit.attempts == 1 {
                    self.round_trip.measured(now.duration_since(commit.sent));
                }
                let changes = std::mem::take(&mut commit.changes);
                // Told first: to apply thousands of changes takes a while, and whatever clients ask next waits for that.
                self.count(commit.header.generation, changes.counted());
                let answered = self.tell(&mut commit);
                let before = Before::of(&self.database.root);
                self.database.apply(commit.header.clone(), changes);
                self.etag = Some(etag);
                if planted!("put-proves-later-reads") {
                    let mark = self.arrivals;
                    self.checks.prove(&Check { number: 0, mark, generation: 0, etag: None, sent: now });
                }
                self.landed(commit, answered, &before);
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
                if planted!("lost-answer-taken-for-success") && matches!(error, StoreError::Unclear(_)) {
                    commit.entries.drain(..).for_each(|executed| executed.arrival.answer(Ok(executed.replies)));
                }
                if planted!("lost-answer-taken-for-failure") && matches!(error, StoreError::Unclear(_)) {
                    commit.entries.drain(..).for_each(|entry| entry.arrival.answer(Err(Refusal::NothingHappened)));
                }
                if planted!("first-412-trusted") && matches!(error, StoreError::Conflict(_)) {
                    commit.number = 0;
                }
                if commit.attempts > 1 || !matches!(error, StoreError::Conflict(_)) {
                    self.backoff.failed(now);
                }
                commit.doubt = Some(commit.doubt.unwrap_or(self.checks.next()));
                self.commit = Some(commit);
            }
        }
    }

    /// Everybody in a commit that has landed gets the replies that were computed for it. Says how many these are.
    fn tell(&self, commit: &mut Commit) -> usize {
        let answered = commit.entries.len();
        self.stats.commits.add(1);
        self.stats.batched_commands.add(answered as u64);
        self.stats.largest_batch.at_least(answered as u64);
        if planted!("reply-to-another-client") && commit.is_shared() {
            let (first, last) =
                (std::mem::take(&mut commit.entries[0].replies), &mut commit.entries[answered - 1].replies);
            commit.entries[0].replies = std::mem::replace(last, first);
        }
        // Woken when all are answered, so that a client gets the replies to a pipeline at once.
        let entries = commit.entries.drain(..);
        let told = entries.map(|executed| executed.arrival.entry.answer.note(Ok(executed.replies)));
        let waiting: Vec<Waker> = told.flatten().collect();
        waiting.into_iter().for_each(Waker::wake);
        answered
    }

    /// What follows when everybody has been told and `database` holds the commit.
    fn landed(&mut self, commit: Commit, answered: usize, before: &Before) {
        let landed = Landed::of(&commit);
        self.backoff.succeeded();
        self.barren = 0;
        self.stirred = true; // some reads were only waiting for an entry of their own client
        self.note_version();
        // From here on they can come back. To answer thousands takes a while, which is not to be taken from theirs.
        let most = self.round_trip.estimate() / pace::LINGER;
        self.linger.after(answered, self.arrivals, most, Instant::now());
        Commit::resolve_amendments(commit.amendments, Amended::Landed(commit.header.generation));
        self.keep_up(&landed, before);
    }

    /// Those who are not answered yet wait again, each at its place: some that came before may have been left waiting.
    fn put_back(&mut self, arrivals: impl DoubleEndedIterator<Item = Arrival>) {
        for arrival in arrivals.rev() {
            if !arrival.entry.unit.may_write() {
                self.newest_read = self.newest_read.max(arrival.number + 1);
            }
            self.waiting.push_front(arrival);
        }
        if !self.waiting.iter().is_sorted_by_key(|arrival| arrival.number) {
            self.waiting.make_contiguous().sort_by_key(|arrival| arrival.number);
        }
    }

    /// A commit that can't land any more, or that was never sent, waits again, before everything that came later.
    fn requeue(&mut self, commit: Commit) {
        self.put_back(commit.entries.into_iter().map(|executed| executed.arrival));
        let amendments = commit.amendments.into_iter().map(|executed| executed.amendment);
        self.amendments.splice(0..0, amendments);
        self.barren = 0;
        self.stirred = true;
    }

    /// Moves to a newer version, which settles the commit under way: what that was built on is gone.
    pub(super) fn advance(&mut self, read: Database, etag: ETag) {
        let commit = self.commit.take();
        let creation = self.etag.is_none();
        let fate = commit.as_ref().map(|commit| match planted!("first-412-trusted") && commit.number == 0 {
            false => fate::judge(self.server, &commit.header, creation, &read.root.header),
            true => Fate::Lost,
        });
        let before = Before::of(&self.database.root);
        self.database = read;
        self.tidy();
        self.etag = Some(etag);
        self.barren = 0;
        self.note_version();
        let Some((mut commit, fate)) = commit.zip(fate) else { return };
        let doubted = commit.doubt.is_some();
        match fate {
            Fate::Landed => {
                if doubted {
                    assert_reachable!("A commit whose answer was not 200 turns out to have landed");
                    self.stats.unclear_landed.add(1);
                }
                let answered = self.tell(&mut commit);
                self.landed(commit, answered, &before);
            }
            Fate::Lost => {
                assert_reachable!("A server loses the race for a version and executes its batch again");
                if doubted && commit.exposed {
                    assert_reachable!("A commit whose answer was not 200 turns out never to have landed");
                    self.stats.unclear_lost.add(1);
                }
                self.stats.conflicts.add(1);
                self.lost = Some(commit.number);
                if planted!("lost-batch-acknowledged") {
                    let answered = self.tell(&mut commit);
                    return self.landed(commit, answered, &before);
                }
                self.backoff.succeeded(); // a rival has just shown that the store works
                self.requeue(commit);
            }
            Fate::Unknowable => {
                self.stats.unclear_unknown.add(1);
                self.give_up(commit);
            }
            Fate::Open => unreachable!("a version newer than the one that a commit was built on settles it"),
        }
    }

    /// Nobody can tell any more whether the commit landed. What it changed must not be executed again; nor what came
    /// before a change of its own client, which it would then see.
    fn give_up(&mut self, mut commit: Commit) {
        let mut uncertain = BTreeSet::new();
        for executed in std::mem::take(&mut commit.entries).into_iter().rev() {
            let client = executed.arrival.entry.client;
            if executed.changed {
                uncertain.insert(client);
                self.stats.told_uncertain.add(1);
                executed.arrival.answer(Err(Refusal::Uncertain));
            } else if uncertain.contains(&client) {
                self.stats.told_tryagain.add(1);
                executed.arrival.answer(Err(Refusal::NothingHappened));
            } else {
                commit.entries.push_front(executed);
            }
        }
        Commit::resolve_amendments(std::mem::take(&mut commit.amendments), Amended::Uncertain);
        self.requeue(commit);
    }

    /// A commit is in doubt, and a check that was sent since has seen the very version that it was built on: so it has
    /// not landed. It may be under way still, so nothing else may be sent, but it may be sent again.
    pub(super) fn resend(&mut self, check: &Check, seen: u64, now: Instant) {
        let settled =
            |commit: &mut Commit| commit.doubt.is_some_and(|from| check.number >= from) && commit.base() == seen;
        let Some(mut commit) = self.commit.take_if(settled) else { return };
        if planted!("other-bytes-before-settled") {
            self.requeue(commit);
        } else if commit.unanswered < ATTEMPTS_UNDER_WAY {
            assert_reachable!("A commit is sent again because its answer was not 200 and it has not landed");
            self.send(commit, now);
        } else {
            commit.sent = now;
            commit.doubt = None;
            self.commit = Some(commit);
        }
    }
}
