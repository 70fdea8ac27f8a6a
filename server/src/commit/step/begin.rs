//! Makes a commit of what waits.

use antithesis_sdk::assert_reachable;
use tokio::time::Instant;

use crate::commit::arrival::ValueUpload;
use crate::commit::batch::{Base, Batch, BatchResult};
use crate::commit::chosen::Room;
use crate::commit::core::{Core, Effect};
use crate::commit::pace;
use crate::commit::queue::Outcome;
use crate::upkeep::Content;
use crate::zoo::planted;

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
        // A unit with too large effects, or one that lacks an order, spoils the first draft. With care it is undone. Once more
        // is only necessary if units were set aside, and each time there are fewer.
        let mut is_done = self.execute(now, false);
        while !is_done {
            is_done = self.execute(now, true);
        }
    }

    /// Executes a batch, and begins to store what it changes. Returns false if that has to be done again, with care.
    fn execute(&mut self, now: Instant, is_careful: bool) -> bool {
        let mut chosen = self.waiting.choose(&self.room(now));
        let Core { terms, known, waiting, attempts, estimate, is_behind, .. } = &mut *self;
        let base = Base {
            database: &known.database,
            etag: known.etag.as_ref(),
            knobs: &terms.knobs,
            estimate: *estimate,
            untaken: &terms.untaken,
            large: terms.thresholds.recent,
            at_once: terms.thresholds.order,
            most: terms.thresholds.commit,
            is_careful,
        };
        let mut draft = base.draft();
        let mut first = None;
        if waiting.proposals.iter().all(|proposed| proposed.proposal.is_patient()) {
            first = waiting.first_change(&mut chosen, &mut draft);
            let is_tired = draft.is_tired();
            *is_behind |= is_tired;
            if draft.is_spoiled() {
                return false;
            }
            if first.is_none() {
                // Those behind the units that are set aside were not all looked at. If scripts have worked for long, that is for
                // the next step.
                let is_done = !waiting.set_aside();
                if is_done {
                    self.stirred |= waiting.mark_barren(&chosen);
                }
                return is_done || is_tired && !planted!("tired-batch-goes-on");
            }
        }
        let batch = Batch { units: waiting.take(&chosen), proposals: std::mem::take(&mut waiting.proposals), first };
        attempts.count += 1;
        let (made, left) = batch.commit(attempts.count, terms.server, &base, draft, now);
        waiting.put_back(left.into_iter());
        match made {
            BatchResult::Commit(commit) => {
                if commit.is_shared() {
                    assert_reachable!("A batch holds commands of several clients");
                }
                self.send(*commit, now);
            }
            BatchResult::Held(held, units) => {
                assert_reachable!("The effects of a batch are stored before its commit");
                waiting.put_back(units.into_iter());
                self.hold(*held);
            }
            BatchResult::Nothing(batch) => self.nothing_to_commit(batch),
            BatchResult::Spoiled(batch) => {
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
            if let Some(ValueUpload::Ready(uploaded)) = arrival.upload.replace(ValueUpload::UnderWay) {
                self.effects.push(Effect::Wasted);
                let content = Content::Layer(uploaded.layer);
                self.effects.push(Effect::Upload { arrival: arrival.number, content });
            }
        }
    }
}
