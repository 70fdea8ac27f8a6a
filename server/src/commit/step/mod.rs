//! The steps of the core: [`Core::step`] takes one event and the present time, and returns what the loop has to do.
//!
//! | module | what it does |
//! |---|---|
//! | here | which steps follow an event, and when the next one is due |
//! | `arrive` | takes in units, and stores their large values |
//! | `begin` | makes a commit of what waits |
//! | `hold` | keeps an outcome until its effects are stored |
//! | `put` | sends the bytes of a commit, and takes the answers |
//! | `settle` | what follows when a commit has landed, or can never land |
//! | `check` | sends checks, and takes in the versions that they bring |
//! | `read` | answers reads |
//! | `order` | has large orders built that units wait for |
//! | `outage` | what happens while the database cannot be used |

mod arrive;
mod begin;
mod check;
mod hold;
mod order;
mod outage;
mod put;
mod read;
mod settle;

use tokio::time::Instant;

use super::answer::{Refusal, Refused};
use super::arrival::Arrival;
use super::core::{Core, Effect, Event};
use super::trouble::Unusable;
use crate::state::Stretch;
use crate::zoo::planted;

impl Core {
    /// Takes in one event, and returns what has to be done about it.
    pub fn step(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        self.stirred |= std::mem::take(&mut self.is_behind);
        self.apply_landed(now);
        match event {
            Event::Tick => {}
            Event::Room => self.stirred = true,
            Event::Arrived(requests) => requests.into_iter().flatten().for_each(|unit| self.arrive(unit, now)),
            Event::Proposed(proposed) => self.waiting.proposals.push(proposed),
            Event::Tried(verdict) => self.tried(verdict),
            Event::Put { commit, result } => self.put_answered(commit, result, now),
            Event::Checked { check, result } => self.check_answered(check, result, now),
            Event::Fetched(result) => self.fetched(result, now),
            Event::Uploaded { arrival, uploaded } => self.uploaded(arrival, uploaded),
            Event::EffectsUploaded { commit, uploaded } => self.effects_uploaded(commit, uploaded),
            Event::Derived(derived) => self.derived(*derived),
            Event::Tidied(stretch) => self.tidied(stretch),
        }
        if !self.is_settling() {
            self.forgo_orders();
            self.expire(now);
            self.begin_commit(now);
            if self.answer_reads(now) {
                self.begin_commit(now);
            }
            self.pursue_commit(now);
            self.begin_checks(now);
            self.begin_orders();
        }
        std::mem::take(&mut self.effects)
    }

    /// Whether a commit has landed and its clients have their answers, but memory does not hold it yet. The next step
    /// applies it and should follow at once. Two steps, because applying thousands of changes would keep the clients waiting.
    pub fn is_settling(&self) -> bool {
        self.attempts.landed.is_some()
    }

    /// The next moment at which a step is due even if nothing happens.
    pub fn wake(&self, now: Instant) -> Option<Instant> {
        let commit = self.attempts.commit.as_ref();
        let deadlines = [
            self.waiting.deadline(),
            commit.and_then(|commit| commit.units.front()).map(|executed| executed.arrival.deadline),
        ];
        let idle = self.waiting.is_empty() && self.waiting.proposals.is_empty();
        let batch = (commit.is_none() && !self.on_trial && !idle).then(|| self.pause(now)).flatten();
        let rest = self.is_behind.then_some(now);
        let wakes = [rest, batch, self.doubt_due(), self.check_due(now), self.checks.overdue(now)];
        deadlines.into_iter().chain(wakes).flatten().min()
    }

    /// Whether some client waits for an answer.
    pub fn owes_an_answer(&self) -> bool {
        let in_commit = self.attempts.commit.as_ref().is_some_and(|commit| !commit.units.is_empty());
        in_commit || !self.waiting.is_empty() || self.waiting.has_aside() || self.is_settling()
    }

    fn tried(&mut self, verdict: Result<(), Unusable>) {
        match verdict {
            Ok(()) => {
                tracing::info!("the store keeps its conditions and the database is loaded: serving");
                self.on_trial = false;
                self.stirred = true;
            }
            Err(unusable) => self.effects.push(Effect::Stop(unusable)),
        }
    }

    /// Refuses the units whose deadline has passed.
    fn expire(&mut self, now: Instant) {
        while let Some(late) = self.waiting.expire(now) {
            self.terms.stats.told_tryagain.add(1);
            planted!("executed-after-tryagain" => return crate::zoo::commit::execute_later(self, late, now));
            let refused = late_refusal(Refusal::NothingHappened, &late);
            self.effects.push(Effect::Answer(late.unit.answer, Err(refused)));
            self.stirred = true; // a later read of its client may have waited for this unit only
        }
        let Some(commit) = &mut self.attempts.commit else { return };
        while let Some(executed) = commit.units.pop_front_if(|executed| executed.arrival.deadline <= now) {
            // The bytes that were sent hold no effect of a unit that changed nothing, and never will.
            let (refusal, told) = match executed.is_change() && !planted!("nothing-happened-while-it-may") {
                true => (Refusal::Uncertain, &self.terms.stats.told_uncertain),
                false => (Refusal::NothingHappened, &self.terms.stats.told_tryagain),
            };
            told.add(1);
            let refused = late_refusal(refusal, &executed.arrival);
            self.effects.push(Effect::Answer(executed.arrival.unit.answer, Err(refused)));
            self.stirred = true;
        }
    }

    /// Layers that lie within one run were merged in memory; the stored version is the same.
    fn tidied(&mut self, stretch: Stretch) {
        let database = &mut self.known.database;
        // They may have been the layers of an older version.
        if database.root.runs.iter().any(|run| (run.from, run.to) == (stretch.from, stretch.to)) {
            database.tidy(stretch);
        }
        self.moved();
    }
}

/// The refusal of a unit whose deadline has passed. If the unit has lost a race, or waits for an order, that is a cause.
fn late_refusal(refusal: Refusal, late: &Arrival) -> Refused {
    let cause = match late {
        arrival if !arrival.lacking().is_empty() => Some("the order of a large collection is being built"),
        Arrival { lost: true, .. } => Some("other servers were faster"),
        Arrival { .. } => None,
    };
    Refused { refusal, cause: cause.map(Into::into) }
}
