//! A batch whose effects are too large for `db.json`: they are stored as a run before its commit is sent.
//!
//! The core executes the batch, keeps the outcome, and has the changed rows uploaded. Meanwhile it commits nothing else,
//! since that would outdate the outcome. Once the run is stored, the outcome becomes a commit whose entry names the run.
//!
//! No byte of the outcome can have any effect before that: nothing names the run. So the units of a held batch stand in
//! the queue like all units without a commit. There they can be told TRYAGAIN, and reads among them can be answered. The
//! core drops the outcome if
//!
//! - memory moves to another version: ids, expiries and conditions of the outcome belong to the old one;
//! - a unit that it changes something for has left the queue, because its client was told that nothing happened;
//! - a deadline is so near that the commit could not be settled before it.
//!
//! Then the units are executed again like any others, and their effects uploaded again. An upload is for one outcome: no
//! other may name it, although it may change the same keys.

use tokio::time::Instant;

use crate::commit::core::{Core, Effect};
use crate::commit::held::Held;
use crate::commit::sending::{Commit, Executed};
use crate::upkeep::{Content, Uploaded};
use crate::zoo::planted;

impl Core {
    /// Keeps an outcome until its rows are stored.
    pub(super) fn hold(&mut self, held: Held) {
        self.effects.push(upload(&held));
        self.attempts.held = Some(held);
        planted!("lost-effects-used-again" => crate::zoo::commit::use_again(self));
    }

    /// Makes a commit of the outcome that is held, if its rows are stored. Returns whether an outcome still is held, or has
    /// become a commit.
    pub(super) fn release(&mut self, now: Instant) -> bool {
        let room = self.room(now);
        let Some(held) = &mut self.attempts.held else { return false };
        let oldest = held.oldest.map(|number| self.waiting.find(number));
        let fits = oldest.is_none_or(|arrival| arrival.is_some_and(|arrival| !room.is_too_late(arrival)));
        if !fits {
            self.drop_held();
            return false;
        }
        let Some(uploaded) = held.uploaded.take() else { return true };
        let Some(mut held) = self.attempts.held.take() else { return false };
        let added = uploaded.added(0, 0);
        let finished = held.prepared.finish_with(&added);
        let arrivals = self.waiting.take_these(|number| held.results.contains_key(&number));
        let executed = arrivals.into_iter().filter_map(|arrival| {
            let (result, changed) = held.results.remove(&arrival.number)?;
            Some(Executed { arrival, result, changed })
        });
        let commit = Commit::new(held.number, executed.collect(), held.proposals, finished, held.condition, now);
        self.send(commit, now);
        true
    }

    /// Drops the outcome that is held. Its units and proposals will be executed again.
    pub(super) fn drop_held(&mut self) {
        let Some(held) = self.attempts.held.take() else { return };
        if held.uploaded.is_some() {
            self.effects.push(Effect::Wasted);
        }
        self.waiting.have_lost(|number| held.results.contains_key(&number));
        self.waiting.proposals.splice(0..0, held.proposals.into_iter().map(|adopted| adopted.proposed));
        self.stirred = true;
    }

    /// The rows of an outcome are stored, or could not be stored.
    pub(super) fn effects_uploaded(&mut self, commit: u64, uploaded: Option<Uploaded>) {
        planted!("lost-effects-used-again" => crate::zoo::commit::remember(self, uploaded.as_ref()));
        match (self.attempts.held.as_mut().filter(|held| held.number == commit), uploaded) {
            (Some(held), Some(uploaded)) => held.uploaded = Some(uploaded),
            (Some(held), None) => self.effects.push(upload(held)),
            // The outcome was dropped meanwhile.
            (None, Some(_)) => self.effects.push(Effect::Wasted),
            (None, None) => {}
        }
    }
}

fn upload(held: &Held) -> Effect {
    Effect::UploadEffects { commit: held.number, content: Content::Rows(held.prepared.rows()) }
}
