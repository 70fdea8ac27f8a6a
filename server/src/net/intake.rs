//! Turns the requests of a connection into replies, or into promises of them.
//!
//! Most replies take no more memory than their requests, because they refer to values of the database. The commit loop
//! counts the others (`commit::untaken`).

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::http::{HttpAlarm, is_http};
use super::inbound::Inbound;
use super::outbox::{Expected, Outbox};
use super::stopwatch::Stopwatch;
use crate::budget::Share;
use crate::clients::Pause;
use crate::command::Command;
use crate::commit::{Answer, Closed, Queue, Refusal, Refused, Sheet, Unit, Unusable};
use crate::instance::Instance;
use crate::resp::{ARGUMENT_MEMORY, Reply};
use crate::session::transaction::{Gathered, Queued};
use crate::session::{Intent, Session, Step};
use crate::store::Health;
use crate::zoo::planted;

/// How many bytes of known replies one turn may add. Small requests can have large replies, and a mebibyte of such
/// requests would keep a thread for long; the rest waits for the client's next turn.
pub(super) const TURN_BYTES: usize = 1 << 20;

/// The memory of a request besides its words: its place in the queue of the commit loop, and the place of its reply.
const REQUEST_MEMORY: usize = 512;

/// Whether the server can execute commands.
#[derive(Clone, Debug)]
pub enum Status {
    /// It is still reading the database.
    Loading(Arc<Health>),
    /// It can.
    Ready,
    /// It cannot use the database.
    Unusable(Unusable),
}

impl Status {
    /// The reply to every command that needs the database, while the server cannot use it.
    pub fn refusal(&self) -> Option<Reply> {
        match self {
            Status::Ready => None,
            Status::Loading(health) => {
                let cause = health.cause().map_or_else(String::new, |cause| format!(": {cause}"));
                Some(Reply::error(format!("LOADING Valthree is reading the database from its store{cause}")))
            }
            Status::Unusable(why) => Some(Refused::from(Refusal::Unusable(Arc::clone(&why.text))).reply()),
        }
    }
}

/// What a connection needs of its server.
#[derive(Clone)]
pub struct Context {
    /// What all connections share.
    pub shared: Arc<Instance>,
    /// The way to the commit loop.
    pub queue: Queue,
    /// Whether the server can execute commands.
    pub status: watch::Receiver<Status>,
    /// Becomes true when the server stops.
    pub stopping: watch::Receiver<bool>,
    http: Arc<HttpAlarm>,
}

impl Context {
    /// The context of all connections of one server.
    pub fn new(
        shared: Arc<Instance>,
        queue: Queue,
        status: watch::Receiver<Status>,
        stopping: watch::Receiver<bool>,
    ) -> Context {
        Context { shared, queue, status, stopping, http: Arc::default() }
    }

    /// Warns of a web page that sends requests to this server.
    pub(super) fn warn_of_http(&self, peer: &str) {
        self.http.raise(peer);
    }
}

/// Takes the requests of one connection.
pub(super) struct Intake<'a> {
    pub(super) session: Session,
    pub(super) context: Context,
    /// The client's address, for the log.
    pub(super) peer: &'a str,
    /// A request that has to wait until a pause of the server is over.
    pub(super) postponed: Option<Postponed>,
    /// The pause.
    pub(super) pause: watch::Receiver<Option<Pause>>,
}

/// A request that has to wait. INFO counts it as a blocked client.
pub(super) struct Postponed {
    request: Vec<Bytes>,
    /// Whether it may change keys, if the database was asked.
    writes: Option<bool>,
    shared: Arc<Instance>,
}

impl Postponed {
    fn new(request: Vec<Bytes>, writes: Option<bool>, shared: &Arc<Instance>) -> Postponed {
        shared.clients.count_waiting(1);
        Postponed { request, writes, shared: Arc::clone(shared) }
    }
}

/// What a pause means for a request.
enum Standing {
    /// Nothing.
    Passes,
    /// It has to wait.
    Waits,
    /// The database has to be asked, by these questions. A library may be replaced after the answer. So a function may write
    /// although it did not when it was let through: the pause is one server's, and others write anyway.
    Asks(Vec<Command>),
}

impl Drop for Postponed {
    fn drop(&mut self) {
        self.shared.clients.count_waiting(-1);
    }
}

/// What one turn hands over to the commit loop.
struct Turn {
    units: Vec<Unit>,
    sheet: Sheet,
    /// The memory of their requests.
    bytes: usize,
    /// When the next request was taken. It is read once for a pipeline, and after each request that is answered at once,
    /// because its answer may have taken long.
    now: Instant,
}

impl Turn {
    /// Reads the clock after a request that was answered at once. Returns when its reply is known: now, or at the end of a
    /// sleep.
    fn answered(&mut self, asleep: Option<Instant>) -> Instant {
        self.now = Instant::now();
        asleep.map_or(self.now, |until| until.max(self.now))
    }
}

impl Intake<'_> {
    /// Takes whole requests until there are no more, or until they are enough for this turn. Hands over together what is
    /// for the commit loop, so that it becomes part of one batch.
    pub(super) async fn take(&mut self, inbound: &mut Inbound, outbox: &mut Outbox) {
        let mut turn = Turn { units: Vec::new(), sheet: Sheet::default(), bytes: 0, now: Instant::now() };
        let refusal = self.context.status.borrow().refusal();
        let enough = outbox.untaken() + TURN_BYTES;
        while (self.postponed.is_some() || inbound.unparsed)
            && !outbox.is_full()
            && outbox.untaken() < enough
            && !self.session.is_waiting()
            && self.session.asleep_until().is_none()
        {
            let Some(request) = self.next_request(&mut turn, inbound, outbox) else { break };
            self.handle(request, refusal.as_ref(), &mut turn, inbound, outbox);
        }
        if !turn.units.is_empty() {
            planted!("exec-torn" => crate::zoo::net::tear_transactions(&mut turn.units, &self.context.queue).await);
            planted!("mset-torn" => crate::zoo::net::tear(&mut turn.units, &self.context.queue).await);
            self.hand_over(turn.units, turn.bytes, outbox).await;
        }
    }

    /// The next whole request, if it may be executed now. Closes the connection to further requests after bytes that are
    /// none.
    fn next_request(&mut self, turn: &mut Turn, inbound: &mut Inbound, outbox: &mut Outbox) -> Option<Vec<Bytes>> {
        let postponed = self.postponed.take().map(|mut it| (std::mem::take(&mut it.request), it.writes));
        let (request, writes) = match postponed {
            Some(postponed) => postponed,
            None => match inbound.next() {
                Ok(request) => (request?, None),
                Err(error) => {
                    outbox.push(error.reply(), self.session.protocol());
                    inbound.close();
                    return None;
                }
            },
        };
        match self.standing(&request, writes) {
            Standing::Passes => {}
            Standing::Waits => {
                self.postponed = Some(Postponed::new(request, writes, &self.context.shared));
                return None;
            }
            Standing::Asks(questions) => {
                self.ask(questions, turn, outbox);
                self.postponed = Some(Postponed::new(request, None, &self.context.shared));
                return None;
            }
        }
        if is_http(&request[0]) {
            self.context.warn_of_http(self.peer);
            inbound.close();
            return None;
        }
        Some(request)
    }

    /// Answers a request that the session can answer itself. The turn hands over any other, and the outbox expects its
    /// reply.
    fn handle(
        &mut self,
        request: Vec<Bytes>,
        refusal: Option<&Reply>,
        turn: &mut Turn,
        inbound: &mut Inbound,
        outbox: &mut Outbox,
    ) {
        self.context.shared.stats.commands.add(1);
        self.session.client().traffic.requests.add(1);
        let request_bytes = memory(&request);
        let stopwatch = Stopwatch::start(&self.context.shared, self.session.client(), &request, turn.now);
        self.session.tell_time(turn.now);
        let step = self.session.handle(request, refusal);
        let stopwatch = stopwatch.of(self.session.command());
        let settles = self.session.is_waiting();
        let (id, (database, protocol)) = (self.session.id(), self.session.terms());
        // What the session settles, it settles with the answer.
        let wanted = settles || matches!(step, Step::Settled(_)) || self.session.wants_reply();
        let (awaited, request_bytes, stopwatch) = match step {
            Step::Submit(command) | Step::Ask(command) => {
                let (answer, awaited) = turn.sheet.promise();
                turn.units.push(Unit::new(id, database, command, answer));
                (awaited, request_bytes, stopwatch)
            }
            Step::Transact(Gathered { queue, watched, bytes }) => {
                let (answer, awaited) = turn.sheet.promise();
                let names = queue.iter().map(|queued| queued.command().map(|it| it.spec().name)).collect();
                let commands = queue.iter().filter_map(Queued::shared).cloned().collect();
                turn.units.push(Unit::transaction(id, database, commands, watched, answer));
                (awaited, request_bytes + bytes, stopwatch.of_transaction(names))
            }
            Step::Settled(settled) => {
                stopwatch.stop(settled.whole(), true, turn.answered(self.session.asleep_until()));
                return outbox.push_settled(settled);
            }
            Step::Answer(reply) => {
                let is_error = matches!(reply, Reply::Error(_));
                let is_refused = is_error && (self.session.is_queuing() || !self.session.executes());
                // What was queued counts with its EXEC.
                if is_error || !self.session.is_queuing() {
                    stopwatch.stop(Some(&reply), !is_refused, turn.answered(self.session.asleep_until()));
                }
                if wanted {
                    outbox.push(reply, protocol);
                }
                return;
            }
            Step::AnswerAndClose(reply) => {
                stopwatch.stop(Some(&reply), true, turn.answered(None));
                inbound.close();
                if wanted {
                    outbox.push(reply, protocol);
                }
                return;
            }
        };
        turn.bytes += request_bytes;
        outbox.expect(Expected { awaited, protocol, wanted, request_bytes, settles, stopwatch: Some(stopwatch) });
    }

    /// Asks the database whether a request may change keys.
    fn ask(&mut self, questions: Vec<Command>, turn: &mut Turn, outbox: &mut Outbox) {
        let (answer, awaited) = turn.sheet.promise();
        turn.units.push(Unit::transaction(self.session.id(), 0, questions, Vec::new(), answer));
        self.session.await_intent();
        // The request that waits counts its words.
        let (protocol, request_bytes) = (self.session.protocol(), 0);
        outbox.expect(Expected { awaited, protocol, wanted: true, request_bytes, settles: true, stopwatch: None });
    }

    /// What the pause of the server, if there is one, means for a request. `writes` is what the database has said of it.
    fn standing(&self, request: &[Bytes], writes: Option<bool>) -> Standing {
        let Some(pause) = (*self.pause.borrow()).filter(|pause| pause.until > Instant::now()) else {
            return Standing::Passes;
        };
        let intent = || match writes {
            Some(true) => Intent::Writes,
            Some(false) => Intent::Reads,
            None => self.session.intent(request),
        };
        match if pause.all { Intent::Writes } else { intent() } {
            Intent::Reads => Standing::Passes,
            Intent::Writes => Standing::Waits,
            // Nobody answers while the server loads, and the session refuses the request.
            Intent::Unknown(_) if self.context.status.borrow().refusal().is_some() => Standing::Passes,
            Intent::Unknown(questions) => Standing::Asks(questions),
        }
    }

    /// Whether a request has to wait for the end of a pause.
    pub(super) fn is_paused(&self) -> bool {
        let Some(Postponed { request, writes, .. }) = &self.postponed else { return false };
        if self.session.is_waiting() {
            return false; // it may have asked, and the answer comes first
        }
        matches!(self.standing(request, *writes), Standing::Waits)
    }

    /// The memory of the request that has to wait.
    pub(super) fn postponed_bytes(&self) -> usize {
        self.postponed.as_ref().map_or(0, |postponed| memory(&postponed.request))
    }

    /// Waits until the pause is over or changes.
    pub(super) async fn pause_changes(pause: &mut watch::Receiver<Option<Pause>>) {
        let until = pause.borrow_and_update().map(|pause| pause.until);
        let over = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = over => {}
            _ = pause.changed() => {}
        }
    }

    /// Takes an answer of the commit loop, and has the session settle it if it concerns the session.
    pub(super) fn keep(&mut self, answer: Answer, outbox: &mut Outbox, now: Instant) {
        if outbox.settles() {
            let settled = self.session.settle(answer);
            if let Some(postponed) = &mut self.postponed {
                postponed.writes = settled.writes.or(postponed.writes);
            }
            outbox.keep_settled(settled, now);
        } else {
            outbox.keep(answer, now);
        }
    }

    async fn hand_over(&self, mut units: Vec<Unit>, bytes: usize, outbox: &mut Outbox) {
        let share = Arc::new(Share::new(&self.context.shared.budget, bytes));
        units.iter_mut().for_each(|unit| unit.held = Some(Arc::clone(&share)));
        outbox.release_later(share);
        // If the loop is gone, so are its promises, and each of them answers as such.
        let (Ok(()) | Err(Closed)) = self.context.queue.submit(units).await;
    }
}

/// The memory that a request takes until it is answered.
fn memory(request: &[Bytes]) -> usize {
    REQUEST_MEMORY + request.iter().map(|word| word.len() + ARGUMENT_MEMORY).sum::<usize>()
}
