//! Settles the fate of a commit: what follows when it has landed, or can never land.

use std::collections::BTreeSet;
use std::sync::Arc;

use antithesis_sdk::assert_reachable;
use tokio::time::Instant;

use crate::commit::answer::{Refusal, Refused};
use crate::commit::core::{Core, Effect};
use crate::commit::fate::{self, Fate};
use crate::commit::pace;
use crate::commit::queue::Outcome;
use crate::commit::sending::Commit;
use crate::commit::trouble::Unusable;
use crate::commit::waiting::Proposed;
use crate::root::Root;
use crate::state::Runs;
use crate::store::ETag;
use crate::upkeep::{Before, Landed};
use crate::zoo::planted;

impl Core {
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
            self.terms.stats.count_lookups(unit.result.lookups);
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
    pub(super) fn requeue(&mut self, commit: Commit) {
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
    pub(super) fn advance(&mut self, root: Root, runs: Runs, etag: ETag, now: Instant) -> Result<(), Unusable> {
        let before = Before::of(&self.known.database.root);
        let creation = self.known.etag.is_none();
        self.known
            .database
            .follow(root, runs)
            .map_err(|damage| self.wrong_root(&damage.to_string()).caused_by(damage))?;
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
                planted!("expiry-made-absolute-twice" => crate::zoo::commit::make_absolute(&mut commit));
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
            let (refusal, told) = if executed.is_change() {
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
            let refused = Refused { refusal, cause };
            self.effects.push(Effect::Answer(executed.arrival.unit.answer, Err(refused)));
        }
        let proposals: Vec<Proposed> =
            std::mem::take(&mut commit.proposals).into_iter().map(|adopted| adopted.proposed).collect();
        let uncertain = proposals.into_iter().map(|proposed| Effect::Concluded(proposed, Outcome::Uncertain));
        self.effects.extend(uncertain);
        self.requeue(commit);
    }
}
