//! The pure core: what the loop knows, what can happen to it, and what it wants to be done.
//!
//! The files of `step` say how each event changes it. The core sends nothing, spawns nothing, waits for nothing and reads
//! no clock, but for the time that a script may take ([`crate::script`]). So a test can drive several cores through any
//! order of lost, late and doubled messages, step by step.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::ahead::Ahead;
use super::answer::Answer;
use super::attempt::Attempts;
use super::fetch::Obstacle;
use super::freshness::{Check, Checks};
use super::queue::{Outcome, Unit};
use super::sheet::Promise;
use super::trouble::{Trouble, Unusable};
use super::untaken::Untaken;
use super::waiting::{Proposed, Waiting};
use crate::id::Id;
use crate::knobs::Knobs;
use crate::root::{self, Root};
use crate::settings::Thresholds;
use crate::state::order::Discard;
use crate::state::{Database, Derived, Deriving, OrderKey, Runs, Stretch};
use crate::stats::Stats;
use crate::store::{Condition, ETag, Got, StoreError};
use crate::upkeep::{Content, Landed, Uploaded};

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
    /// An order was built.
    Derived(Box<Derived>),
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
    /// Build an order in slices.
    Derive(Box<Deriving>),
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

/// The orders that are being built.
#[derive(Default)]
pub struct OrdersUnderWay {
    /// Those that units may still wait for, and the numbers of the works.
    pub tickets: BTreeMap<OrderKey, u64>,
    /// How many works have not ended. Some may be in vain.
    pub under_way: usize,
    /// The newest work's number.
    pub newest: u64,
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
    /// The orders that are being built.
    pub(crate) deriving: OrdersUnderWay,
    /// Why the database cannot be used at present.
    pub(crate) trouble: Option<Trouble>,
    /// The store is still on trial: nothing is written, and no client is told what the store says.
    pub(crate) on_trial: bool,
    /// Something has happened that may let reads be answered.
    pub(crate) stirred: bool,
    /// Scripts have worked for long, and others may be waiting. A step is due at once, but whatever has come meanwhile is
    /// served first.
    pub(crate) is_behind: bool,
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
            deriving: OrdersUnderWay::default(),
            trouble: None,
            on_trial: false,
            stirred: false,
            is_behind: false,
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

    /// The version in memory.
    pub fn database(&self) -> &Database {
        &self.known.database
    }

    /// The work to free what the database in memory does not need any more, if it is long.
    pub fn discard(&mut self) -> Option<Discard> {
        self.known.database.discard()
    }

    /// Tells the time, in milliseconds since 1970. It never goes back.
    pub fn tell_time(&mut self, estimate: u64) {
        self.estimate = self.estimate.max(estimate);
    }

    /// Notes that the database in memory is another version now.
    pub(super) fn moved(&mut self) {
        self.count_version();
        self.terms.stats.expired_keys.add(self.known.database.take_expired());
        self.effects.push(Effect::Moved);
    }

    fn count_version(&self) {
        self.terms.stats.count_version(self.known.database.figures());
    }

    /// Where `db.json` is, and what is wrong with it.
    pub(super) fn wrong_root(&self, why: &str) -> Unusable {
        Unusable::new(format!("{} {why}", (self.terms.locate)(root::NAME)))
    }
}
