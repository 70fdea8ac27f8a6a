//! Decides about each request of a connection: the session answers it, or submits it to the commit loop.
//!
//! The session finds the command of a request in the table. The kind of the command's meaning decides who answers.
//! [`caller`] holds what commands may see and change of their connection. [`transaction`] keeps the commands that MULTI
//! queues.

pub mod caller;
mod intent;
mod settled;
mod settlement;
pub mod silence;
pub mod transaction;

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use self::caller::Caller;
pub use self::intent::Intent;
use self::settled::Awaiting;
pub use self::settled::{Reckoning, Settled};
use self::transaction::{Gathered, Transaction};
use crate::clients::Client;
use crate::command::Command;
use crate::command::arguments::wrong_arity;
use crate::command::execution::time;
use crate::command::flag::Flag;
use crate::command::purpose::ROOM;
use crate::command::resolve::resolve;
use crate::command::spec::{Meaning, Spec};
use crate::command::table::commands;
use crate::commit::aborted;
use crate::instance::Instance;
use crate::resp::{Protocol, Reply};
use crate::zoo::planted;

/// What the connection has to do about a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Submit the command to the commit loop, which answers later.
    Submit(Command),
    /// Submit the command, a WATCH or a question of the session, and have the session settle the answer. Until then it takes
    /// no request.
    Ask(Command),
    /// Submit the transaction. If it concerns the session, have the session settle the answer, as above.
    Transact(Gathered),
    /// Send the reply to a transaction that does not concern the database, after the replies to earlier requests.
    Settled(Settled),
    /// Send the reply, after the replies to earlier requests.
    Answer(Reply),
    /// Send the reply and close the connection.
    AnswerAndClose(Reply),
}

/// The session of one connection.
#[derive(Debug)]
pub struct Session {
    caller: Caller,
    /// The queued commands and the watched keys.
    transaction: Transaction,
    /// What it has to do with the next answer of the commit loop.
    awaiting: Option<Awaiting>,
    /// How many queued commands and watched keys other clients see.
    shown: (Option<usize>, usize),
    /// The row of the newest request, unless its command is unknown.
    newest: Option<&'static Spec>,
    /// The present time, as far as the connection has told.
    now: Instant,
}

/// The error for a command that has no meaning in a transaction.
const NOT_INSIDE: Reply = Reply::fault("ERR Command not allowed inside a transaction");

/// The reply to a command of a transaction.
const QUEUED: Reply = Reply::Simple(Bytes::from_static(b"QUEUED"));

/// The error for tools of tests.
const NO_DEBUG: Reply =
    Reply::fault("ERR DEBUG command not allowed. Start the server with --debug-commands true to allow it.");

/// The commands that are not queued in a transaction.
const ENDINGS: [&str; 4] = ["discard", "exec", "quit", "reset"];

impl Session {
    /// Begins a session and registers its client.
    pub fn open(instance: Arc<Instance>, peer: String, local: String) -> Session {
        Session {
            caller: Caller::enter(instance, peer, local),
            transaction: Transaction::default(),
            awaiting: None,
            shown: (None, 0),
            newest: None,
            now: Instant::now(),
        }
    }

    /// Tells the time of the next requests. To read the clock for each request of a pipeline would take long.
    pub fn tell_time(&mut self, now: Instant) {
        self.now = now;
    }

    /// The id of the client. No other connection of this server ever gets it.
    pub fn id(&self) -> u64 {
        self.caller.client.id
    }

    /// The protocol of the replies from now on.
    pub fn protocol(&self) -> Protocol {
        self.caller.facts().protocol
    }

    /// The number of the database that the client has selected, and the protocol of the replies from now on.
    pub fn terms(&self) -> (usize, Protocol) {
        let facts = self.caller.facts();
        (facts.database, facts.protocol)
    }

    /// The client, as others see it.
    pub fn client(&self) -> &Arc<Client> {
        &self.caller.client
    }

    /// The command of the newest request, if there is one of that name.
    pub fn command(&self) -> Option<&'static str> {
        self.newest.map(|spec| spec.name)
    }

    /// Whether the session itself executes the newest command, so that an error is the reply of the command.
    pub fn executes(&self) -> bool {
        self.newest.is_some_and(|spec| {
            matches!(
                spec.meaning,
                Meaning::Session(_)
                    | Meaning::Time
                    | Meaning::Reset(_)
                    | Meaning::Transaction(_)
                    | Meaning::Select(..)
                    | Meaning::Table(_)
                    | Meaning::Exec
            )
        })
    }

    /// Whether the newest command was queued, or refused instead.
    pub fn is_queuing(&self) -> bool {
        let is_queued = |spec: &Spec| !ENDINGS.contains(&spec.name) && spec.name != "multi";
        self.transaction.is_open() && self.newest.is_some_and(is_queued)
    }

    /// Until when the client has to wait for its replies.
    pub fn asleep_until(&self) -> Option<Instant> {
        self.caller.asleep_until()
    }

    /// Ends the sleep if it is time. Returns until when it lasts otherwise.
    pub fn wake(&mut self, now: Instant) -> Option<Instant> {
        self.caller.wake(now)
    }

    /// The memory of queued commands and watched keys.
    pub fn held(&self) -> usize {
        self.transaction.held()
    }

    /// Whether to send the reply to the request that was just handled. Call it once after each [`Session::handle`] whose
    /// step the session does not settle: the answer may hold for one request only.
    pub fn wants_reply(&mut self) -> bool {
        self.caller.silence.wants_reply()
    }

    /// Decides about a request of at least one word. While the database cannot be used, `refusal` is the reply to every
    /// command that the table does not allow then.
    pub fn handle(&mut self, words: Vec<Bytes>, refusal: Option<&Reply>) -> Step {
        self.decide(words, refusal).unwrap_or_else(Step::Answer)
    }

    fn decide(&mut self, words: Vec<Bytes>, refusal: Option<&Reply>) -> Result<Step, Reply> {
        let resolved = resolve(commands(), &words);
        self.newest = resolved.as_ref().ok().copied();
        self.note(self.newest.map(|spec| spec.name));
        let exec = resolved.as_ref().is_ok_and(|spec| matches!(spec.meaning, Meaning::Exec));
        let admitted = resolved.and_then(|spec| self.admit(spec, &words, refusal).map(|()| spec));
        let spec = admitted.map_err(|error| self.refuse(exec, error))?;
        let step = if self.transaction.is_open() && !ENDINGS.contains(&spec.name) {
            Ok(self.queue(Command::queued(spec, words)))
        } else {
            self.perform(spec, words)
        };
        self.show_transaction();
        step
    }

    /// Makes sure that a command may be executed, or queued in a transaction.
    fn admit(&self, spec: &Spec, words: &[Bytes], refusal: Option<&Reply>) -> Result<(), Reply> {
        if !spec.admits(words.len()) {
            return Err(wrong_arity(spec.name));
        }
        if spec.name.starts_with("debug|") && !self.caller.instance.settings.debug_commands {
            return Err(NO_DEBUG);
        }
        let transaction = &self.transaction;
        if transaction.is_open() && spec.is(Flag::NoMulti) {
            return Err(NOT_INSIDE);
        }
        let needs_the_database = |spec: &Spec| !spec.is(Flag::Loading) || matches!(spec.meaning, Meaning::Watch);
        let queue_needs_it = || transaction.commands().any(|command| needs_the_database(command.spec()));
        if let Some(refusal) = refusal
            && (needs_the_database(spec) || matches!(spec.meaning, Meaning::Exec) && queue_needs_it())
        {
            return Err(refusal.clone());
        }
        let limit = self.caller.instance.settings.limits.request_bytes;
        let grows = transaction.is_open() && !ENDINGS.contains(&spec.name) || matches!(spec.meaning, Meaning::Watch);
        if grows && transaction.held() + transaction::memory(words) > limit {
            let what = "ERR The commands and watched keys of a transaction are larger than";
            return Err(Reply::error(format!("{what} {limit} bytes, see --max-request")));
        }
        Ok(())
    }

    /// Queues a command.
    ///
    /// Like Valkey, the server refuses a command that may let a full database grow, and the transaction with it. The size
    /// that this session knows may be that of an old version. If that is too large, the session asks the commit loop, which
    /// answers from a version that is proven fresh and holds the earlier writes of this client. If it is not, EXEC will look.
    fn queue(&mut self, command: Command) -> Step {
        let may_grow = command.purpose().is_none_or(|purpose| purpose.grows);
        if may_grow && self.caller.instance.seems_full() {
            let question = Command::ask(&ROOM, command.words());
            self.awaiting = Some(Awaiting::Room(command));
            return Step::Ask(question);
        }
        self.transaction.queue(command);
        Step::Answer(QUEUED)
    }

    /// A command that cannot be queued spoils its transaction. An EXEC that is refused ends it.
    fn refuse(&mut self, exec: bool, error: Reply) -> Reply {
        let transaction = &mut self.transaction;
        let error = if exec {
            transaction.forget();
            aborted(&error)
        } else {
            if !planted!("queued-error-ignored") {
                transaction.spoil();
            }
            error
        };
        self.show_transaction();
        error
    }

    fn perform(&mut self, spec: &'static Spec, words: Vec<Bytes>) -> Result<Step, Reply> {
        let command = Command::new(spec, words)?;
        match command.spec().meaning {
            Meaning::Data(_) | Meaning::Script(_) => Ok(Step::Submit(command)),
            Meaning::Watch => {
                self.awaiting = Some(Awaiting::Notes);
                Ok(Step::Ask(command))
            }
            Meaning::Exec => {
                let gathered = self.transaction.end()?;
                Ok(self.transact(gathered))
            }
            Meaning::Time => Ok(Step::Answer(time(self.caller.instance.clock.present()))),
            Meaning::Transaction(change) => Ok(Step::Answer(self.transaction.change(change)?)),
            Meaning::Reset(act) => {
                self.transaction.forget();
                Ok(Step::Answer(act(&mut self.caller, command.words())?))
            }
            Meaning::Session(act) | Meaning::Select(_, act) => {
                let reply = act(&mut self.caller, command.words())?;
                Ok(if self.caller.is_leaving() { Step::AnswerAndClose(reply) } else { Step::Answer(reply) })
            }
            Meaning::Table(tell) => Ok(Step::Answer(tell(commands(), command.words())?)),
            Meaning::Container => Err(wrong_arity(command.spec().name)),
        }
    }

    /// Notes for `CLIENT LIST` what the transaction holds.
    pub(crate) fn show_transaction(&mut self) {
        let transaction = &self.transaction;
        let (queued, watched) = (transaction.length(), transaction.watched());
        // Most requests change nothing of it, and need no lock.
        if self.shown == (queued, watched) {
            return;
        }
        self.shown = (queued, watched);
        let mut facts = self.caller.facts();
        facts.queued = queued;
        facts.watched = watched;
        facts.transaction_bytes = transaction.held();
    }

    /// Notes for `CLIENT LIST` that a request for this command came.
    fn note(&self, command: Option<&'static str>) {
        let mut facts = self.caller.facts();
        facts.active = self.now;
        facts.command = command;
    }
}

#[cfg(test)]
mod tests;
