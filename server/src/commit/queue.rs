//! The way into the commit loop.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};
use tokio::sync::{mpsc, oneshot};

use super::answer::Yield;
use super::sheet::Promise;
use crate::budget::Share;
use crate::command::{Command, FULL, TOO_LARGE};
use crate::resp::Reply;
use crate::state::{Draft, Proposal, Watched};
use crate::zoo::planted;

/// Submissions that may wait in the channel. The loop empties the channel whenever it is not computing, so the channel
/// is full only for moments, and a connection that finds it full pauses reading for that long.
const SUBMISSIONS: usize = 1024;

/// Commands that nothing may come between, and the client that waits for them: one command, or a transaction.
#[derive(Debug)]
pub struct Unit {
    /// The connection. A unit never overtakes an earlier one of the same client.
    pub client: u64,
    /// The number of the database that the client has selected.
    pub database: usize,
    /// The commands, in order.
    pub commands: SmallVec<[Command; 1]>,
    /// What a transaction depends on. None if the unit is a single command.
    pub watched: Option<Vec<Watched>>,
    /// Where the answer goes. A client that has gone by then is no error.
    pub answer: Promise,
    /// The memory that this unit and its neighbours hold. It stays counted after the client has gone.
    pub held: Option<Arc<Share>>,
}

impl Unit {
    /// A unit of one command.
    pub fn new(client: u64, database: usize, command: Command, answer: Promise) -> Unit {
        Unit { client, database, commands: smallvec![command], watched: None, answer, held: None }
    }

    /// A transaction. Its reply is one array with the replies to all commands, or null if it is refused.
    pub fn transaction(
        client: u64,
        database: usize,
        commands: Vec<Command>,
        watched: Vec<Watched>,
        answer: Promise,
    ) -> Unit {
        Unit { client, database, commands: commands.into(), watched: Some(watched), answer, held: None }
    }

    /// The bytes of the keys and values that it sets.
    pub fn written(&self) -> u64 {
        self.commands.iter().map(Command::written).sum()
    }

    /// The keys and values that it sets, by the number of the database and in the order of the keys; the last value of
    /// equal keys.
    pub fn values(&self) -> BTreeMap<(usize, Bytes), Bytes> {
        let mut database = self.database;
        let mut values = BTreeMap::new();
        for command in &self.commands {
            database = command.selects().unwrap_or(database);
            values.extend(command.values().map(|(key, value)| ((database, key.clone()), value.clone())));
        }
        values
    }

    /// Whether it could change the database. Only its execution shows whether it does.
    pub fn may_write(&self) -> bool {
        self.commands.iter().any(Command::may_write)
    }

    /// Whether it only notes keys. Such a unit is answered from a stored version: in a batch, the note would have to say what
    /// the rest of the batch does.
    pub fn watches(&self) -> bool {
        self.watched.is_none() && self.commands.iter().any(Command::watches)
    }

    /// Whether a script is among the commands: see [`Draft::is_tired`].
    pub fn runs_script(&self) -> bool {
        self.commands.iter().any(Command::runs_script)
    }

    /// Executes the commands. Returns what they yield, and whether the draft changed. A draft also changes if a command has
    /// seen a row end that has not ended at the stored time: then the draft has to store its own time.
    ///
    /// If they change too much at once, the unit is undone and yields an error, or the draft is spoiled.
    pub fn execute(&self, draft: &mut Draft<'_>) -> (Yield, bool) {
        let before = draft.made();
        draft.select(if planted!("select-forgotten") { 0 } else { self.database });
        // EVAL_RO keeps its text, though it may not write.
        draft.begin_unit(self.may_write() || self.runs_script() && !planted!("text-of-a-cut-off-script-stays"));
        let result = match &self.watched {
            Some(watched) => self.transact(watched, draft),
            None => Yield::from(self.commands.iter().fold(Reply::Null, |_, command| command.execute(draft))),
        };
        let result = if draft.end_unit() { Yield::from(TOO_LARGE) } else { result };
        let result = Yield { watched: draft.take_watched(), lookups: draft.take_lookups(), ..result };
        draft.move_time();
        (result, draft.made() != before)
    }

    /// Executes a transaction. If it is refused, it changes nothing.
    fn transact(&self, watched: &[Watched], draft: &mut Draft<'_>) -> Yield {
        // Like Valkey, the server looks at the size before it looks at the watched keys, and only before a transaction. So one
        // transaction may exceed the limit. The session has looked when it queued the commands, but other servers may have
        // filled the database since.
        if draft.is_full() && self.commands.iter().any(|command| command.purpose_on(draft).grows) {
            return Yield::from(aborted(&FULL));
        }
        if let Some(why) = watched.iter().find_map(|watched| draft.stale(watched)) {
            return Yield { stale: Some(why), ..Yield::from(Reply::NullArray) };
        }
        let most = self.held.as_ref().map_or(usize::MAX, |share| share.limit());
        let (mut replies, mut memory) = (Vec::with_capacity(self.commands.len()), 0);
        draft.save();
        for command in &self.commands {
            // Whoever exceeds the bound of changes or lacks an order is undone, so there is no use in going on.
            if draft.exceeds() || draft.lacks() {
                break;
            }
            planted!("time-moves-inside-multi" => draft.let_time_pass());
            let reply = command.execute_whatever_the_size(draft);
            memory += reply.memory();
            if memory > most {
                draft.roll_back();
                return Yield::from(too_much(most));
            }
            replies.push(reply);
        }
        draft.release();
        Yield::from(Reply::Array(replies))
    }
}

/// The reply to an EXEC whose replies take more memory than all clients may hold.
fn too_much(most: usize) -> Reply {
    let what = "EXECABORT Transaction discarded because its replies take more memory than";
    Reply::error(format!("{what} {most} bytes, see --max-clients-memory"))
}

/// The reply to an EXEC that is not executed, for this reason.
pub fn aborted(why: &Reply) -> Reply {
    let why = match why {
        Reply::Error(text) => text.strip_prefix(b"ERR ").unwrap_or(text),
        _ => b"",
    };
    Reply::error([b"EXECABORT Transaction discarded because of: ", why].concat())
}

/// What became of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is part of this generation.
    Landed(u64),
    /// It no longer fitted, so nothing changed.
    Moot,
    /// It may have landed, or may yet.
    Uncertain,
}

/// Work for the loop.
pub(super) enum Submission {
    /// The requests that one client sent at once. They join one batch, so that a pipeline costs one round trip.
    Units(Vec<Unit>),
    /// A proposal of a tool or a test. The server's own upkeep needs no channel.
    Proposal(Proposal, oneshot::Sender<Outcome>),
}

/// The way into the commit loop.
#[derive(Clone)]
pub struct Queue(mpsc::Sender<Submission>);

/// The loop has ended, and with it the server.
#[derive(Debug, thiserror::Error)]
#[error("the commit loop has ended")]
pub struct Closed;

/// The end of the queue that the loop holds.
pub struct Submissions(pub(super) mpsc::Receiver<Submission>);

impl Queue {
    /// Both ends of a queue.
    pub fn new() -> (Queue, Submissions) {
        let (sender, receiver) = mpsc::channel(SUBMISSIONS);
        (Queue(sender), Submissions(receiver))
    }

    /// Hands over the requests that one client sent at once, in order.
    pub async fn submit(&self, units: Vec<Unit>) -> Result<(), Closed> {
        self.0.send(Submission::Units(units)).await.map_err(|_| Closed)
    }

    /// Proposes a change of where rows are stored, and waits for its outcome.
    pub async fn propose(&self, proposal: Proposal) -> Result<Outcome, Closed> {
        let (outcome, receiver) = oneshot::channel();
        self.0.send(Submission::Proposal(proposal, outcome)).await.map_err(|_| Closed)?;
        receiver.await.map_err(|_| Closed)
    }
}
