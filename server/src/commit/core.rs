//! The pure core: what the loop knows, and how each event changes it.
//!
//! [`Core::step`] takes one event and the present time, and returns what the loop has to do. The core sends nothing,
//! spawns nothing, waits for nothing and reads no clock. So a test can drive several cores through any order of lost,
//! late and doubled messages, step by step.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::answers::Promise;
use super::attempt::Attempts;
use super::fetch::Obstacle;
use super::freshness::{Check, Checks};
use super::queue::{Answer, Outcome, Refusal, Refused, Unit};
use super::reads::Ahead;
use super::trouble::{Trouble, Unusable};
use super::untaken::Untaken;
use super::waiting::{Proposed, Upload, Waiting};
use crate::id::Id;
use crate::knobs::Knobs;
use crate::root::{self, Root};
use crate::row::{Row, Table};
use crate::settings::Thresholds;
use crate::state::{Database, Runs, Stretch};
use crate::stats::Stats;
use crate::store::{Condition, ETag, Got, StoreError};
use crate::upkeep::{Content, Landed, Uploaded};
use crate::zoo::planted;

/// Something that happened.
pub enum Event {
    /// Nothing but that time has passed.
    Tick,
    /// Clients have taken long replies, so there is room for others.
    Room,
    /// Clients sent requests. The requests that one client sent at once stand together.
    Arrived(Vec<Vec<Unit>>),
    /// Upkeep proposes a change.
    Proposed(Proposed),
    /// The trial of the store has ended.
    Tried(Result<(), Unusable>),
    /// A PUT of `db.json` was answered, or given up.
    Put { commit: u64, result: Result<ETag, StoreError> },
    /// A check was answered, or given up.
    Checked { check: Check, result: Result<Got, StoreError> },
    /// The runs of a newer version were read, or could not be read.
    Fetched(Result<Box<(Root, Runs)>, Obstacle>),
    /// The run of a large value was stored, or could not be stored.
    Uploaded { arrival: u64, uploaded: Option<Uploaded> },
    /// The run of a batch's effects was stored, or could not be stored.
    EffectsUploaded { commit: u64, uploaded: Option<Uploaded> },
    /// Layers in memory have been merged to the layer of one run.
    Tidied(Stretch),
}

/// Something that the loop has to do.
pub enum Effect {
    /// Give a client its answer.
    Answer(Promise, Answer),
    /// Send the bytes of a commit.
    Put { commit: u64, bytes: Bytes, condition: Condition },
    /// Read `db.json` unless it still is the version that the check names.
    Check(Check),
    /// Read the runs that this version names and memory lacks.
    Fetch { root: Box<Root>, known: Runs },
    /// Store a large value as a run.
    Upload { arrival: u64, content: Content },
    /// Store the effects of a batch as a run.
    UploadEffects { commit: u64, content: Content },
    /// Tell upkeep that a commit of this server has landed.
    Landed(Landed),
    /// Tell upkeep that the database in memory is another version now.
    Moved,
    /// Tell the proposer what became of its proposal.
    Concluded(Proposed, Outcome),
    /// Tell upkeep that an uploaded run will never be named.
    Wasted,
    /// Tell everybody that the database cannot be used, or that it can be used again.
    Usable(Result<(), Unusable>),
    /// End the loop: the store does not keep its promises.
    Stop(Unusable),
}

/// What stays the same for the life of a server.
pub struct Terms {
    /// Signs the commits. It is new at every start.
    pub server: Id,
    /// How long a command may take before its client gets an answer of some kind.
    pub deadline: Duration,
    /// The numbers that an operator may change meanwhile: the size beyond which the database may not grow, and others.
    pub knobs: Arc<Knobs>,
    /// The sizes from which on the database is kept in several objects.
    pub thresholds: Thresholds,
    /// What INFO tells. Nothing is decided by it.
    pub stats: Arc<Stats>,
    /// The memory of long replies.
    pub untaken: Arc<Untaken>,
    /// Says where an object is, in words that an operator can follow.
    pub locate: Arc<dyn Fn(&str) -> String + Send + Sync>,
}

/// The newest version that is known to have been stored, with its runs.
pub struct Known {
    pub database: Database,
    /// Its tag. None before the database exists.
    pub etag: Option<ETag>,
}

impl Known {
    pub fn generation(&self) -> u64 {
        self.database.root.header.generation
    }
}

/// Everything that the loop knows.
pub struct Core {
    pub(crate) terms: Terms,
    /// The version in memory.
    pub(crate) known: Known,
    /// The units that are in no commit.
    pub(crate) waiting: Waiting,
    /// The commit under way, and how the last ones fared.
    pub(crate) attempts: Attempts,
    /// The checks under way, and what they have proven.
    pub(crate) checks: Checks,
    /// A newer version whose runs are being read.
    pub(crate) ahead: Ahead,
    /// Why the database cannot be used at present.
    pub(crate) trouble: Option<Trouble>,
    /// The store is still on trial: nothing is written, and no client is told what the store says.
    pub(crate) on_trial: bool,
    /// Something has happened that may let reads be answered.
    pub(crate) stirred: bool,
    /// The time, as far as this server can tell: milliseconds since 1970.
    pub(crate) estimate: u64,
    pub(crate) effects: Vec<Effect>,
}

impl Core {
    /// Starts from a version that was read.
    pub fn new(terms: Terms, known: Known) -> Core {
        let core = Core {
            terms,
            known,
            waiting: Waiting::default(),
            attempts: Attempts::default(),
            checks: Checks::default(),
            ahead: Ahead::default(),
            trouble: None,
            on_trial: false,
            stirred: false,
            estimate: 0,
            effects: Vec::new(),
        };
        core.count_version();
        core
    }

    /// The store has not yet proven that it keeps its conditions. An [`Event::Tried`] ends this.
    pub fn begin_trial(&mut self) {
        self.on_trial = true;
    }

    /// Takes in one event, and returns what has to be done about it.
    pub fn step(&mut self, event: Event, now: Instant) -> Vec<Effect> {
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
            Event::Tidied(stretch) => self.tidied(stretch),
        }
        if !self.is_settling() {
            self.expire(now);
            self.begin_commit(now);
            if self.answer_reads(now) {
                self.begin_commit(now);
            }
            self.pursue_commit(now);
            self.begin_checks(now);
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
        let wakes = [batch, self.doubt_due(), self.check_due(now), self.checks.overdue(now)];
        deadlines.into_iter().chain(wakes).flatten().min()
    }

    /// Whether some client waits for an answer.
    pub fn owes_an_answer(&self) -> bool {
        let in_commit = self.attempts.commit.as_ref().is_some_and(|commit| !commit.units.is_empty());
        in_commit || !self.waiting.is_empty() || self.is_settling()
    }

    /// The version in memory.
    pub fn database(&self) -> &Database {
        &self.known.database
    }

    /// Tells the time, in milliseconds since 1970. It never goes back.
    pub fn tell_time(&mut self, estimate: u64) {
        self.estimate = self.estimate.max(estimate);
    }

    fn arrive(&mut self, unit: Unit, now: Instant) {
        if let Some(trouble) = &self.trouble {
            let refused = Refusal::Unusable(trouble.why()).into();
            return self.effects.push(Effect::Answer(unit.answer, Err(refused)));
        }
        let (threshold, exists) = (self.terms.thresholds.recent, self.known.etag.is_some());
        let arrival = self.waiting.arrive(unit, now + self.terms.deadline);
        // Before the database exists there must be no runs: the next server would take them for what is left of a lost one.
        if arrival.written > threshold && exists && !self.on_trial {
            let (number, content) = (arrival.number, content_of(&arrival.unit, &self.known.database.root));
            arrival.upload = Some(Upload::UnderWay);
            self.effects.push(Effect::Upload { arrival: number, content });
        }
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
            let refused = late_refusal(Refusal::NothingHappened, late.lost);
            self.effects.push(Effect::Answer(late.unit.answer, Err(refused)));
            self.stirred = true; // a later read of its client may have waited for this unit only
        }
        let Some(commit) = &mut self.attempts.commit else { return };
        while let Some(executed) = commit.units.pop_front_if(|executed| executed.arrival.deadline <= now) {
            // The bytes that were sent hold no effect of a unit that changed nothing, and never will.
            let (refusal, told) = match executed.changed && !planted!("nothing-happened-while-it-may") {
                true => (Refusal::Uncertain, &self.terms.stats.told_uncertain),
                false => (Refusal::NothingHappened, &self.terms.stats.told_tryagain),
            };
            told.add(1);
            let refused = late_refusal(refusal, executed.arrival.lost);
            self.effects.push(Effect::Answer(executed.arrival.unit.answer, Err(refused)));
            self.stirred = true;
        }
    }

    /// A run of a large value is stored, or could not be stored.
    fn uploaded(&mut self, arrival: u64, uploaded: Option<Uploaded>) {
        match (self.waiting.find(arrival), uploaded) {
            (Some(arrival), Some(uploaded)) => arrival.upload = Some(Upload::Ready(uploaded)),
            (Some(waiting), None) => {
                let content = content_of(&waiting.unit, &self.known.database.root);
                self.effects.push(Effect::Upload { arrival, content });
            }
            // The unit's deadline has passed.
            (None, Some(_)) => self.effects.push(Effect::Wasted),
            (None, None) => {}
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

    /// Notes that the database in memory is another version now.
    pub(super) fn moved(&mut self) {
        self.count_version();
        self.effects.push(Effect::Moved);
    }

    fn count_version(&self) {
        self.terms.stats.count_version(self.known.database.figures());
    }

    /// Where `db.json` is, and what is wrong with it.
    pub(super) fn wrong_root(&self, why: &str) -> String {
        format!("{} {why}", (self.terms.locate)(root::NAME))
    }
}

/// The large values of a unit, as rows of the databases that it works on.
fn content_of(unit: &Unit, root: &Root) -> Content {
    let table = |number: usize| Table::Keys(root.header.databases[number].id);
    let rows = unit.values().into_iter().map(|((number, key), value)| (table(number), key, Some(Row::Value(value))));
    let mut rows: Vec<_> = rows.collect();
    // Databases may have been exchanged, so that their ids do not ascend as their numbers do.
    rows.sort_by_key(|(table, ..)| *table);
    Content::Rows(rows)
}

/// The refusal of a unit whose deadline has passed. If the unit has lost a race, that is a cause.
fn late_refusal(refusal: Refusal, lost: bool) -> Refused {
    Refused { refusal, cause: lost.then(|| "other servers were faster".into()) }
}
