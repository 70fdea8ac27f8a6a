//! The one commit under way, from a batch to its fate.

use std::collections::BTreeSet;
use std::sync::Arc;

use antithesis_sdk::{assert_always, assert_reachable, assert_unreachable};
use tokio::time::Instant;

use super::batch::{Base, Batch, Commit, Made};
use super::core::{Core, Effect};
use super::fate::{self, Fate};
use super::freshness::Check;
use super::held::Held;
use super::pace::{self, Backoff, Linger, RoundTrip};
use super::queue::{Outcome, Refusal};
use super::waiting::{Proposed, Room, Upload};
use crate::root::Root;
use crate::state::Runs;
use crate::store::{ETag, StoreError};
use crate::upkeep::{Before, Content, Landed};
use crate::zoo::planted;

/// How many copies of one commit may be under way at once. A store that swallows requests must not fill up with them.
const COPIES_UNDER_WAY: u32 = 3;

/// The commit under way, and how the last ones fared.
#[derive(Default)]
pub struct Attempts {
    pub commit: Option<Commit>,
    /// An outcome whose effects are being stored before it becomes a commit.
    pub held: Option<Held>,
    /// For a planted bug: the run of effects that was stored for a unit.
    #[cfg(feature = "bug-zoo")]
    pub remembered: Option<(u64, crate::upkeep::Uploaded)>,
    /// A commit that has landed and that memory does not hold yet, with its tag and the number of answers it gave.
    pub landed: Option<(Commit, ETag, usize)>,
    /// How many commits there were.
    pub count: u64,
    /// The newest commit that was proven lost.
    pub lost: Option<u64>,
    pub round_trip: RoundTrip,
    pub linger: Linger,
    pub backoff: Backoff,
}

impl Core {
    /// Makes a commit of everything that waits, if something there changes the database and it is time.
    pub(super) fn begin_commit(&mut self, now: Instant) {
        let is_busy = self.on_trial || self.trouble.is_some() || self.attempts.commit.is_some();
        // A batch on a version that is known to be outdated could only lose.
        if is_busy || self.ahead.is_reading() || self.pause(now).is_some() {
            return;
        }
        if self.release(now) {
            return;
        }
        self.renew_uploads();
        // A unit with too large effects spoils the first draft. With care it is undone.
        if !self.execute(now, false) {
            self.execute(now, true);
        }
    }

    /// Executes a batch, and begins to store what it changes. Returns false if that has to be done again, with care.
    fn execute(&mut self, now: Instant, is_careful: bool) -> bool {
        let chosen = self.waiting.choose(&self.room(now));
        let Core { terms, known, waiting, attempts, estimate, .. } = &mut *self;
        let base = Base {
            database: &known.database,
            etag: known.etag.as_ref(),
            knobs: &terms.knobs,
            estimate: *estimate,
            untaken: &terms.untaken,
            large: terms.thresholds.recent,
            most: terms.thresholds.commit,
            is_careful,
        };
        let mut draft = base.draft();
        let mut first = None;
        if waiting.proposals.is_empty() {
            first = waiting.first_change(&chosen, &mut draft);
            if draft.is_spoiled() {
                return false;
            }
            if first.is_none() {
                self.stirred |= waiting.mark_barren(&chosen);
                return true;
            }
        }
        let batch = Batch { units: waiting.take(&chosen), proposals: std::mem::take(&mut waiting.proposals), first };
        attempts.count += 1;
        let (made, left) = batch.commit(attempts.count, terms.server, &base, draft, now);
        waiting.put_back(left.into_iter());
        match made {
            Made::Commit(commit) => {
                if commit.is_shared() {
                    assert_reachable!("A batch holds commands of several clients");
                }
                self.send(*commit, now);
            }
            Made::Held(held, units) => {
                assert_reachable!("The effects of a batch are stored before its commit");
                waiting.put_back(units.into_iter());
                self.hold(*held);
            }
            Made::Nothing(batch) => self.nothing_to_commit(batch),
            Made::Spoiled(batch) => {
                waiting.put_back(batch.units.into_iter());
                waiting.proposals = batch.proposals;
                return false;
            }
        }
        true
    }

    /// Only proposals could have changed something, and none of them fits any more.
    fn nothing_to_commit(&mut self, batch: Batch) {
        if self.waiting.is_empty() {
            self.waiting.mark_first_barren(batch.units.len());
        }
        self.waiting.put_back(batch.units.into_iter());
        self.stirred = true;
        let moot = batch.proposals.into_iter().map(|proposed| Effect::Concluded(proposed, Outcome::Moot));
        self.effects.extend(moot);
    }

    /// What limits the next batch.
    pub(super) fn room(&self, now: Instant) -> Room {
        // A server that always loses has no measurement of a PUT, but its checks are answered.
        let round_trip = self.attempts.round_trip.estimate().max(self.checks.round_trip());
        let (margin, margin_after_loss) = pace::margins(round_trip, self.terms.deadline);
        let is_full = self.terms.untaken.is_full();
        Room { bytes: self.terms.thresholds.commit, now, margin, margin_after_loss, is_full }
    }

    /// Until when a batch has to wait: for a store that fails, or for the clients that were just answered.
    pub(super) fn pause(&self, now: Instant) -> Option<Instant> {
        let linger = || self.attempts.linger.until(self.waiting.arrivals(), now);
        self.attempts.backoff.until(now).or_else(linger)
    }

    /// Stores large values again whose runs may have been swept.
    fn renew_uploads(&mut self) {
        let swept = self.known.database.root.header.swept;
        for arrival in self.waiting.swept(swept) {
            if let Some(Upload::Ready(uploaded)) = arrival.upload.replace(Upload::UnderWay) {
                self.effects.push(Effect::Wasted);
                let content = Content::Layer(uploaded.layer);
                self.effects.push(Effect::Upload { arrival: arrival.number, content });
            }
        }
    }

    /// Sends the bytes of a commit, for the first time or again: always the same bytes, on the same condition.
    pub(super) fn send(&mut self, mut commit: Commit, now: Instant) {
        let sending = &mut commit.sending;
        sending.attempts += 1;
        sending.unanswered += 1;
        sending.doubt = None;
        sending.sent = now;
        planted!("reply-before-put" => crate::zoo::commit::acknowledge(self, &mut commit));
        planted!("dirty-read" => crate::zoo::commit::answer_dirty_reads(self, &mut commit));
        self.terms.stats.puts.add(1);
        self.terms.stats.bytes_put.add(commit.bytes().len() as u64);
        let (bytes, condition) = (commit.bytes().clone(), commit.condition.clone());
        self.effects.push(Effect::Put { commit: commit.number, bytes, condition });
        self.attempts.commit = Some(commit);
    }

    /// When the answer to the commit under way is overdue. While the database cannot be used, nobody waits for it.
    pub(super) fn doubt_due(&self) -> Option<Instant> {
        let commit = self.attempts.commit.as_ref().filter(|commit| commit.sending.doubt.is_none())?;
        if self.trouble.is_some() {
            return None;
        }
        Some(commit.sending.sent + self.attempts.round_trip.patience())
    }

    /// Begins to doubt a commit whose answer is overdue. The answer may still come, and counts if it does.
    pub(super) fn pursue_commit(&mut self, now: Instant) {
        if self.doubt_due().is_some_and(|due| due <= now)
            && let Some(commit) = &mut self.attempts.commit
        {
            commit.sending.doubt = Some(self.checks.next());
        }
    }

    /// A PUT was answered.
    pub(super) fn put_answered(&mut self, number: u64, result: Result<ETag, StoreError>, now: Instant) {
        let Some(mut commit) = self.attempts.commit.take_if(|commit| commit.number == number) else {
            return self.late_answer(number, &result);
        };
        commit.sending.unanswered -= 1;
        match result {
            Ok(etag) => {
                assert_always!(!etag.0.is_empty(), "Every stored version has an ETag");
                if commit.sending.attempts == 1 {
                    self.attempts.round_trip.measured(now.duration_since(commit.sending.sent));
                }
                self.terms.stats.count_version(commit.finished.figures.clone());
                let answered = self.tell(&mut commit);
                self.attempts.landed = Some((commit, etag, answered));
            }
            // The store never saw the bytes, so there is no fate to settle, and other bytes may be sent.
            Err(error @ StoreError::DidNotHappen(_)) if !commit.sending.exposed && commit.sending.unanswered == 0 => {
                tracing::debug!(generation = commit.generation(), %error, "a commit was not sent");
                self.attempts.backoff.failed(now);
                self.requeue(commit);
            }
            Err(error) => self.doubt(commit, &error, now),
        }
    }

    /// An answer to a commit that is settled already says nothing about the present one.
    fn late_answer(&self, number: u64, result: &Result<ETag, StoreError>) {
        if result.is_ok() && self.attempts.lost == Some(number) {
            assert_unreachable!("A PUT is answered with success after a newer version has proven it lost");
            tracing::error!("the store reports success for a commit that it has not kept: it breaks its promises");
        }
    }

    /// An answer that proves nothing: the fate of the commit is open until a check has settled it.
    fn doubt(&mut self, mut commit: Commit, error: &StoreError, now: Instant) {
        tracing::debug!(generation = commit.generation(), %error, "a commit is in doubt");
        let is_conflict = matches!(error, StoreError::Conflict(_));
        commit.sending.exposed |= !matches!(error, StoreError::DidNotHappen(_));
        planted!("lost-answer-taken-for-success" => crate::zoo::commit::take_for_success(self, &mut commit, error));
        planted!("lost-answer-taken-for-failure" => crate::zoo::commit::take_for_failure(self, &mut commit, error));
        if planted!("first-412-trusted") && is_conflict {
            commit.number = 0;
        }
        if commit.sending.attempts > 1 || !is_conflict {
            self.attempts.backoff.failed(now);
        }
        commit.sending.doubt = Some(commit.sending.doubt.unwrap_or(self.checks.next()));
        self.attempts.commit = Some(commit);
    }

    /// Gives every unit of a commit that has landed the replies that were computed for it. Returns how many there were.
    pub(super) fn tell(&mut self, commit: &mut Commit) -> usize {
        let answered = commit.units.len();
        let stats = &self.terms.stats;
        stats.commits.add(1);
        stats.batched_commands.add(answered as u64);
        stats.largest_batch.at_least(answered as u64);
        planted!("reply-to-another-client" => crate::zoo::commit::swap_replies(commit));
        for unit in commit.units.drain(..) {
            self.terms.stats.count_refused(unit.result.stale);
            self.effects.push(Effect::Answer(unit.arrival.unit.answer, Ok(unit.result)));
        }
        answered
    }

    /// Takes a landed commit into memory.
    pub(super) fn apply_landed(&mut self, now: Instant) {
        let Some((commit, etag, answered)) = self.attempts.landed.take() else { return };
        let before = Before::of(&self.known.database.root);
        self.known.database.apply(&commit.finished);
        self.known.etag = Some(etag);
        planted!("put-proves-later-reads" => crate::zoo::commit::prove_everything(self, now));
        self.landed(commit, answered, before, now);
    }

    /// What follows when every client has its answer and memory holds the commit.
    fn landed(&mut self, commit: Commit, answered: usize, before: Before, now: Instant) {
        self.attempts.backoff.succeeded();
        self.waiting.test_again();
        self.stirred = true; // some reads were only waiting for an earlier unit of their client
        self.moved();
        // The clients that were just answered are about to send again.
        let most = self.attempts.round_trip.estimate() / pace::LINGER;
        self.attempts.linger.after(answered, self.waiting.arrivals(), most, now);
        let Commit { finished, written, proposals, .. } = commit;
        let generation = finished.root.header.generation;
        // Upkeep learns the size of this commit first, and judges by it whether the next fold is due.
        let landed = Landed {
            generation,
            swept: finished.root.header.swept,
            names: finished.root.names().collect(),
            dropped: finished.change.has_dropped(),
            folded: finished.change.has_folded(),
            written,
            before,
        };
        self.effects.push(Effect::Landed(landed));
        for adopted in proposals {
            let outcome = if adopted.changed { Outcome::Landed(generation) } else { Outcome::Moot };
            self.effects.push(Effect::Concluded(adopted.proposed, outcome));
        }
    }

    /// Puts the units and proposals of a commit that will never land back into the queue.
    fn requeue(&mut self, commit: Commit) {
        if commit.has_effects_apart() {
            self.effects.push(Effect::Wasted);
        }
        self.waiting.put_back(commit.units.into_iter().map(|executed| executed.arrival));
        let proposals = commit.proposals.into_iter().map(|adopted| adopted.proposed);
        self.waiting.proposals.splice(0..0, proposals);
        self.waiting.test_again();
        self.stirred = true;
    }

    /// Moves to a newer version that was read. That settles the commit under way, because the version it was built on is
    /// gone.
    pub(super) fn advance(&mut self, root: Root, runs: Runs, etag: ETag, now: Instant) -> Result<(), String> {
        let before = Before::of(&self.known.database.root);
        let creation = self.known.etag.is_none();
        self.known.database.follow(root, runs).map_err(|damage| self.wrong_root(&damage.to_string()))?;
        if self.attempts.held.is_some() {
            assert_reachable!("Another server is faster while the effects of a batch are stored");
            self.terms.stats.conflicts.add(1);
            self.drop_held();
        }
        let header = &self.known.database.root.header;
        let commit = self.attempts.commit.take();
        let fate = commit.as_ref().map(|commit| match planted!("first-412-trusted") && commit.number == 0 {
            false => fate::judge(self.terms.server, &commit.finished.root.header, creation, header),
            true => Fate::Lost,
        });
        self.known.etag = Some(etag);
        self.waiting.test_again();
        self.moved();
        let Some((mut commit, fate)) = commit.zip(fate) else { return Ok(()) };
        let is_doubted = commit.sending.doubt.is_some();
        match fate {
            Fate::Landed => {
                if is_doubted {
                    assert_reachable!("A commit whose answer was not 200 turns out to have landed");
                    self.terms.stats.unclear_landed.add(1);
                }
                let answered = self.tell(&mut commit);
                self.landed(commit, answered, before, now);
            }
            Fate::Lost => {
                assert_reachable!("A server loses the race for a version and executes its batch again");
                if is_doubted && commit.sending.exposed {
                    assert_reachable!("A commit whose answer was not 200 turns out never to have landed");
                    self.terms.stats.unclear_lost.add(1);
                }
                self.terms.stats.conflicts.add(1);
                self.attempts.lost = Some(commit.number);
                if planted!("lost-batch-acknowledged") {
                    let answered = self.tell(&mut commit);
                    self.landed(commit, answered, before, now);
                    return Ok(());
                }
                self.attempts.backoff.succeeded(); // a rival's commit has just shown that the store works
                commit.units.iter_mut().for_each(|executed| executed.arrival.lost = true);
                self.requeue(commit);
            }
            Fate::Unknowable => {
                self.terms.stats.unclear_unknown.add(1);
                self.give_up(commit);
            }
            Fate::Open => unreachable!("a version newer than the one that a commit was built on settles it"),
        }
        Ok(())
    }

    /// Nobody can tell any more whether the commit landed. Its changes must not be executed again. Neither must an
    /// earlier command of the same client: it would see the client's later write.
    fn give_up(&mut self, mut commit: Commit) {
        let mut uncertain = BTreeSet::new();
        for executed in std::mem::take(&mut commit.units).into_iter().rev() {
            let client = executed.arrival.unit.client;
            let (refusal, told) = if executed.changed {
                uncertain.insert(client);
                (Refusal::Uncertain, &self.terms.stats.told_uncertain)
            } else if uncertain.contains(&client) {
                (Refusal::NothingHappened, &self.terms.stats.told_tryagain)
            } else {
                commit.units.push_front(executed);
                continue;
            };
            told.add(1);
            let cause = Some(Arc::from("too many servers have committed since"));
            let refused = super::queue::Refused { refusal, cause };
            self.effects.push(Effect::Answer(executed.arrival.unit.answer, Err(refused)));
        }
        let proposals: Vec<Proposed> =
            std::mem::take(&mut commit.proposals).into_iter().map(|adopted| adopted.proposed).collect();
        let uncertain = proposals.into_iter().map(|proposed| Effect::Concluded(proposed, Outcome::Uncertain));
        self.effects.extend(uncertain);
        self.requeue(commit);
    }

    /// Sends a doubted commit again, if a check that was sent since then has seen the very version that it was built on.
    /// So the commit has not landed. It may still be under way: nothing else may be sent, but the same bytes may.
    pub(super) fn resend(&mut self, check: &Check, seen: u64, now: Instant) {
        let is_open = |commit: &mut Commit| {
            commit.sending.doubt.is_some_and(|from| check.number >= from) && commit.base() == seen
        };
        let Some(mut commit) = self.attempts.commit.take_if(is_open) else { return };
        if planted!("other-bytes-before-settled") {
            self.requeue(commit);
        } else if commit.sending.unanswered < COPIES_UNDER_WAY {
            assert_reachable!("A commit is sent again because its answer was not 200 and it has not landed");
            self.send(commit, now);
        } else {
            commit.sending.sent = now;
            commit.sending.doubt = None;
            self.attempts.commit = Some(commit);
        }
    }
}
