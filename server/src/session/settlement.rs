//! What a session does with answers of the commit loop that concern it: the notes of a WATCH, answers to questions of its
//! own, and the outcome of a transaction with commands that the session executes itself.
//!
//! A transaction may hold commands about the connection or the server, such as CLIENT SETNAME. The session executes them
//! when the unit has landed, so that they never happen for a transaction that was refused. Their replies stand at their
//! places in the array. Meanwhile the session takes no request: the next one may depend on what they change.

use std::sync::Arc;
use std::vec::IntoIter;

use smallvec::smallvec;

use super::settled::{Awaiting, Reckoning, Settled};
use super::transaction::{Gathered, Queued};
use super::{QUEUED, Session, Step};
use crate::command::Command;
use crate::command::arguments::wrong_arity;
use crate::command::spec::Meaning;
use crate::command::table::commands;
use crate::commit::{Answer, Counted};
use crate::resp::{Protocol, Reply, Unwritten};

/// The memory that the replies of the session to the commands of one transaction may take, in bytes. A few words, such as
/// CLIENT LIST, have replies of many bytes.
const OWN_REPLIES: usize = 64 << 20;

/// The reply to a command beyond that limit. It is not executed.
const TOO_MUCH: Reply = Reply::fault("ERR The replies to this transaction take too much memory");

/// A part of the reply to a transaction: what is sent, and in which protocol.
type Part = (Option<Reply>, Protocol);

impl Session {
    /// Whether it waits for an answer of the commit loop that it has to settle. Until then it takes no request.
    pub fn is_waiting(&self) -> bool {
        self.awaiting.is_some()
    }

    /// Begins a transaction that is complete.
    pub(super) fn transact(&mut self, gathered: Gathered) -> Step {
        if !gathered.concerns_the_database() {
            return Step::Settled(self.complete(gathered.queue, None, None));
        }
        if gathered.concerns_the_session() {
            self.awaiting = Some(Awaiting::Landing(gathered.queue.clone()));
        }
        Step::Transact(gathered)
    }

    /// Takes the answer that it waits for.
    pub fn settle(&mut self, answer: Answer) -> Settled {
        let reply = match (self.awaiting.take(), answer) {
            (Some(Awaiting::Room(command)), answer) => return self.settle_room(command, answer),
            (Some(Awaiting::Intent), answer) => {
                return Settled { writes: Some(may_write(answer)), ..Settled::default() };
            }
            (Some(Awaiting::Landing(queue)), Ok(landed)) => match landed.reply {
                Reply::Array(replies) => return self.complete(queue, Some(replies), landed.counted),
                // It was refused.
                reply => reply,
            },
            (_, Ok(found)) => {
                self.transaction.watch(found.watched);
                self.show_transaction();
                found.reply
            }
            (_, Err(refused)) => refused.reply(),
        };
        self.settled(reply, Reckoning::Executed)
    }

    fn settled(&mut self, reply: Reply, counting: Reckoning) -> Settled {
        let is_wanted = self.wants_reply();
        let parts = is_wanted.then_some((reply, self.protocol())).into_iter().collect();
        Settled { parts, counting, ..Settled::default() }
    }

    /// Queues a command if the commit loop says that there is room for it. If not, it spoils the transaction.
    fn settle_room(&mut self, command: Command, answer: Answer) -> Settled {
        let reply = answer.map_or_else(|refused| refused.reply(), |found| found.reply);
        let has_room = reply == Reply::OK;
        if has_room {
            self.transaction.queue(command);
        } else {
            self.transaction.spoil();
        }
        self.show_transaction();
        if has_room { self.settled(QUEUED, Reckoning::Queued) } else { self.settled(reply, Reckoning::Refused) }
    }

    /// Waits for the answer to the questions of an [`Intent::Unknown`](super::Intent::Unknown).
    pub fn await_intent(&mut self) {
        self.awaiting = Some(Awaiting::Intent);
    }

    /// Executes the session's own commands of a transaction that has landed, and completes the reply.
    fn complete(&mut self, queue: Vec<Queued>, landed: Option<Vec<Reply>>, counted: Option<Arc<Counted>>) -> Settled {
        self.caller.facts().queued = Some(queue.len());
        let (begin, is_heard) = (self.protocol(), self.caller.silence.is_heard());
        let mut landed = landed.map(Vec::into_iter);
        let mut own = 0;
        let parts: Vec<Part> = queue.into_iter().map(|queued| self.part(queued, &mut landed, &mut own)).collect();
        self.wants_reply();
        self.caller.facts().queued = None;
        let is_plain = |(reply, protocol): &Part| reply.is_some() && *protocol == begin;
        if is_heard && parts.iter().all(is_plain) {
            let replies = parts.into_iter().filter_map(|(reply, _)| reply).collect();
            return Settled { parts: vec![(Reply::Array(replies), begin)], counted, ..Settled::default() };
        }
        // Like Valkey, each part is sent as HELLO and CLIENT REPLY have it at that moment.
        let head = is_heard.then(|| (Reply::Encoded(format!("*{}\r\n", parts.len()).into()), begin));
        let wanted = parts.into_iter().filter_map(|(reply, protocol)| Some((reply?, protocol)));
        Settled { parts: head.into_iter().chain(wanted).collect(), counted, ..Settled::default() }
    }

    fn part(&mut self, queued: Queued, landed: &mut Option<IntoIter<Reply>>, own: &mut usize) -> Part {
        let skip_next = self.caller.silence.begin_part();
        let told = queued.shared().and_then(|_| landed.as_mut()?.next());
        let reply = match queued {
            Queued::Shared(_) => told.unwrap_or(Reply::Null),
            Queued::Select(command) => self.execute(&command),
            Queued::Mistaken(mistake) => mistake,
            Queued::Local(_) if *own > OWN_REPLIES => TOO_MUCH,
            Queued::Local(command) => {
                let reply = self.execute(&command);
                *own += Unwritten::owned(self.protocol(), smallvec![reply.clone()]).held();
                reply
            }
        };
        let is_wanted = self.caller.silence.end_part(skip_next);
        (is_wanted.then_some(reply), self.protocol())
    }

    /// Executes a command of a transaction that is about the connection or the server.
    fn execute(&mut self, command: &Command) -> Reply {
        let reply = command.check().and_then(|()| match command.spec().meaning {
            Meaning::Session(act) | Meaning::Select(_, act) => act(&mut self.caller, command.words()),
            Meaning::Table(tell) => tell(commands(), command.words()),
            Meaning::Transaction(change) => self.transaction.change(change),
            Meaning::Data(_)
            | Meaning::Script(_)
            | Meaning::Time
            | Meaning::Reset(_)
            | Meaning::Watch
            | Meaning::Exec
            | Meaning::Container => Err(wrong_arity(command.spec().name)),
        });
        reply.unwrap_or_else(|error| error)
    }
}

/// Whether one of the questions of an intent is answered with true. If nobody knows, the request may change keys.
fn may_write(answer: Answer) -> bool {
    match answer.map(|found| found.reply) {
        Ok(Reply::Array(replies)) => replies.contains(&Reply::Boolean(true)),
        Ok(_) | Err(_) => true,
    }
}
