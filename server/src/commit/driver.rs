//! The loop around the core: it owns the requests under way, the timers and the queue.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use super::answer::{Refusal, Refused};
use super::core::{Core, Effect, Event, Known, Terms};
use super::fetch::Reader;
use super::freshness::Check;
use super::queue::{Outcome, Submission, Submissions};
use super::start::{Start, Witness};
use super::trouble::Unusable;
use super::untaken::Untaken;
use super::waiting::Proposed;
use crate::background::{Background, in_slices};
use crate::clock::Clock;
use crate::id::Id;
use crate::root::{self, Root};
use crate::run::Name;
use crate::state::{Proposal, Runs};
use crate::stats::Stats;
use crate::store::{Condition, Health, Store, StoreError};
use crate::upkeep::{Content, Job, Product, RunWriter, Task, Upkeep, Uploaded};

/// Submissions taken from the channel at once.
const AT_ONCE: usize = 256;

/// When a request to the store is given up. Longer than any deadline, because a late answer is still worth having.
/// Bounded, because a store that never answers must not collect requests for ever.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Something under way has ended.
enum Done {
    /// It concerns the core.
    Event(Event),
    /// It concerns upkeep.
    Upkeep(Product),
}

/// The loop and everything that it owns.
pub struct Committer<S> {
    store: Arc<S>,
    core: Core,
    upkeep: Upkeep,
    /// Names of runs are drawn from it.
    rng: StdRng,
    stats: Arc<Stats>,
    health: Arc<Health>,
    clock: Arc<Clock>,
    untaken: Arc<Untaken>,
    witness: Option<Witness>,
    /// The newest proposal's number.
    tickets: u64,
    /// The tools that wait for the outcome of a proposal. All other proposals are upkeep's.
    tools: BTreeMap<u64, oneshot::Sender<Outcome>>,
    /// What has happened and the core does not know yet.
    events: VecDeque<Event>,
    under_way: FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>>,
}

impl<S: Store> Committer<S> {
    pub(super) fn new(start: Start<S>, known: Known) -> Committer<S> {
        let store = Arc::clone(&start.store);
        let terms = Terms {
            server: start.server,
            deadline: start.deadline,
            knobs: start.knobs,
            thresholds: start.thresholds,
            stats: Arc::clone(&start.stats),
            untaken: Arc::clone(&start.untaken),
            locate: Arc::new(move |name| store.locate(name)),
        };
        let committer = Committer {
            store: start.store,
            core: Core::new(terms, known),
            upkeep: Upkeep::new(start.thresholds, Arc::clone(&start.stats)),
            // The id is random, and no other server has it.
            rng: StdRng::seed_from_u64(start.server.bits() as u64),
            stats: start.stats,
            health: start.health,
            clock: start.clock,
            untaken: start.untaken,
            witness: start.witness,
            tickets: 0,
            tools: BTreeMap::new(),
            events: VecDeque::new(),
            under_way: FuturesUnordered::new(),
        };
        committer.show_version();
        committer
    }

    /// Has commands wait until the trial of the store has passed. Checks go on meanwhile: what the store says counts once
    /// it is known to keep its promises.
    pub fn during(mut self, trial: impl Future<Output = Result<(), Unusable>> + Send + 'static) -> Committer<S> {
        self.core.begin_trial();
        self.under_way.push(Box::pin(async move { Done::Event(Event::Tried(trial.await)) }));
        self
    }

    /// Serves the queue until every sender is gone and everybody has been answered. Calls `usable` when the database
    /// cannot be used any more, and when it can be used again. Fails if the store does not pass its trial: then everybody
    /// who waits is refused, and nothing is written.
    pub async fn run(
        mut self,
        queue: &mut Submissions,
        mut usable: impl FnMut(Result<(), Unusable>),
    ) -> Result<(), Unusable> {
        let mut open = true;
        let mut inbox = Vec::with_capacity(AT_ONCE);
        loop {
            let now = Instant::now();
            let event = self.events.pop_front().unwrap_or(Event::Tick);
            self.core.tell_time(self.clock.now());
            let effects = self.core.step(event, now);
            self.perform(effects, &mut usable)?;
            self.discard();
            if self.core.is_settling() || !self.events.is_empty() {
                continue;
            }
            if !open && !self.core.owes_an_answer() {
                return Ok(());
            }
            let wake = self.core.wake(now);
            tokio::select! {
                biased;
                Some(done) = self.under_way.next() => match done {
                    Done::Event(event) => self.events.push_back(event),
                    Done::Upkeep(product) => {
                        let task = self.upkeep.produced(product, self.core.database());
                        self.begin(task);
                    }
                },
                taken = queue.0.recv_many(&mut inbox, AT_ONCE), if open => {
                    open = taken > 0;
                    self.arrived(&mut inbox);
                }
                () = self.untaken.room() => self.events.push_back(Event::Room),
                () = sleep_until(wake.unwrap_or(now)), if wake.is_some() => {}
                else => {} // the last clients that waited have just been refused
            }
        }
    }

    fn arrived(&mut self, inbox: &mut Vec<Submission>) {
        let mut requests = Vec::with_capacity(inbox.len());
        for submission in inbox.drain(..) {
            match submission {
                Submission::Units(units) => requests.push(units),
                Submission::Proposal(proposal, outcome) => self.propose(proposal, Some(outcome)),
            }
        }
        self.events.push_back(Event::Arrived(requests));
    }

    /// Does what a step of the core asks for.
    fn perform(&mut self, effects: Vec<Effect>, usable: &mut impl FnMut(Result<(), Unusable>)) -> Result<(), Unusable> {
        let mut wakers: Vec<Waker> = Vec::new();
        for effect in effects {
            match effect {
                Effect::Answer(promise, answer) => {
                    let answer = answer.map_err(|refused| self.with_cause(refused));
                    wakers.extend(promise.note(answer));
                }
                Effect::Put { commit, bytes, condition } => self.put(commit, bytes, condition),
                Effect::Check(check) => self.check(check),
                Effect::Fetch { root, known } => self.fetch(*root, known),
                Effect::Upload { arrival, content } => {
                    self.upload(content, move |uploaded| Event::Uploaded { arrival, uploaded });
                }
                Effect::UploadEffects { commit, content } => {
                    self.upload(content, move |uploaded| Event::EffectsUploaded { commit, uploaded });
                }
                Effect::Derive(work) => {
                    let work = Background::start(in_slices(*work));
                    self.under_way.push(Box::pin(async move { Done::Event(Event::Derived(Box::new(work.await))) }));
                }
                Effect::Landed(landed) => {
                    let tasks = self.upkeep.landed(landed, self.core.database());
                    self.begin(tasks);
                }
                Effect::Moved => {
                    self.show_version();
                    let task = self.upkeep.moved(self.core.database());
                    self.begin(task);
                }
                Effect::Concluded(proposed, outcome) => self.concluded(&proposed, outcome),
                Effect::Wasted => self.upkeep.wasted(),
                Effect::Usable(result) => usable(result),
                Effect::Stop(unusable) => {
                    self.refuse_everybody(&unusable);
                    return Err(unusable);
                }
            }
        }
        // All answers of a pipeline are given before its connection wakes, so that it writes them at once.
        wakers.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Adds the trouble of the store to the refusal of a command that ran out of time.
    fn with_cause(&self, refused: Refused) -> Refused {
        let is_late = matches!(refused.refusal, Refusal::NothingHappened | Refusal::Uncertain);
        let cause = is_late.then(|| self.health.cause()).flatten();
        Refused { cause: cause.map(Arc::from).or(refused.cause), ..refused }
    }

    fn put(&mut self, commit: u64, bytes: Bytes, condition: Condition) {
        let store = Arc::clone(&self.store);
        self.under_way.push(Box::pin(async move {
            let result = timeout(REQUEST_TIMEOUT, store.put(root::NAME, bytes, &condition)).await;
            let result = result.unwrap_or_else(|_| Err(StoreError::Unclear("no answer to the PUT".into())));
            Done::Event(Event::Put { commit, result })
        }));
    }

    fn check(&mut self, check: Check) {
        let store = Arc::clone(&self.store);
        self.under_way.push(Box::pin(async move {
            let result = timeout(REQUEST_TIMEOUT, store.get(root::NAME, check.etag.as_ref())).await;
            let result = result.unwrap_or_else(|_| Err(StoreError::Unclear("no answer to the GET".into())));
            Done::Event(Event::Checked { check, result })
        }));
    }

    fn fetch(&mut self, root: Root, known: Runs) {
        let reader = Reader { store: Arc::clone(&self.store), stats: Arc::clone(&self.stats) };
        let reading = Background::start(reader.complete(root, known));
        self.under_way.push(Box::pin(async move { Done::Event(Event::Fetched(reading.await.map(Box::new))) }));
    }

    fn upload(&mut self, content: Content, done: impl FnOnce(Option<Uploaded>) -> Event + Send + 'static) {
        let (name, writer) = (self.name(), self.writer());
        let work = Background::start(async move { writer.store(name, content).await });
        self.under_way.push(Box::pin(async move { Done::Event(done(work.await)) }));
    }

    /// Frees in the background what the core does not need any more.
    fn discard(&mut self) {
        if let Some(discard) = self.core.discard() {
            let work = Background::start(in_slices(discard));
            self.under_way.push(Box::pin(async move {
                work.await;
                Done::Event(Event::Tick)
            }));
        }
    }

    /// Begins what upkeep wants to be done.
    fn begin(&mut self, tasks: impl IntoIterator<Item = Task>) {
        for task in tasks {
            match task {
                // The stored database is not the one that the sweep has counted on.
                Task::Do(Job::Delete { .. }) if self.core.is_in_trouble() => self.upkeep.put_off_sweep(),
                Task::Do(job) => {
                    let (name, writer) = (self.name(), self.writer());
                    let work = Background::start(job.run(writer, name));
                    self.under_way.push(Box::pin(async move { Done::Upkeep(work.await) }));
                }
                Task::Propose(proposal) => self.propose(proposal, None),
                Task::Replace(stretch) => self.events.push_back(Event::Tidied(stretch)),
            }
        }
    }

    /// Proposes a change. A tool learns the outcome over its channel, upkeep by a call.
    fn propose(&mut self, proposal: Proposal, tool: Option<oneshot::Sender<Outcome>>) {
        self.tickets += 1;
        let ticket = self.tickets;
        self.tools.extend(tool.map(|tool| (ticket, tool)));
        self.events.push_back(Event::Proposed(Proposed { ticket, proposal }));
    }

    fn concluded(&mut self, Proposed { ticket, proposal }: &Proposed, outcome: Outcome) {
        // The core steps once more: units that had to wait for this proposal may go on.
        self.events.push_back(Event::Tick);
        if let Some(tool) = self.tools.remove(ticket) {
            let _ = tool.send(outcome); // the tool may have gone
            return;
        }
        let landed = matches!(outcome, Outcome::Landed(_));
        let task = self.upkeep.concluded(proposal, landed, self.core.database());
        self.begin(task);
    }

    /// A name for a run that is uploaded now.
    fn name(&mut self) -> Name {
        Name { generation: self.core.database().root.header.generation, id: Id::random(&mut self.rng) }
    }

    fn writer(&self) -> RunWriter<S> {
        let database = self.core.database();
        RunWriter {
            store: Arc::clone(&self.store),
            stats: Arc::clone(&self.stats),
            database: database.root.header.id,
            salt: database.runs.salt(),
        }
    }

    fn show_version(&self) {
        self.clock.known(self.core.database().root.header.now);
        if let Some(witness) = &self.witness {
            witness(self.core.database());
        }
    }

    fn refuse_everybody(&mut self, why: &Unusable) {
        for effect in self.core.refuse_everybody(why) {
            if let Effect::Answer(promise, answer) = effect {
                promise.keep(answer);
            }
        }
    }
}
