//! What is handed to the commit loop, and what comes back.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};
use tokio::sync::{mpsc, oneshot};

use super::answers::Promise;
use crate::budget::Share;
use crate::command::Command;
use crate::resp::Reply;
use crate::state::Draft;

/// Submissions that wait for the loop to take them. It takes them whenever it is not computing, so this is only ever
/// full for moments, and a connection that finds it full waits that long before it reads on.
const SUBMISSIONS: usize = 1024;

/// Commands that nothing may come between. Today always one; a transaction will be several.
#[derive(Debug)]
pub struct Unit(SmallVec<[Command; 1]>);

impl Unit {
    /// The commands, in order.
    pub fn commands(&self) -> &[Command] {
        &self.0
    }

    /// The bytes of the keys and values that it sets, if it does.
    pub fn written(&self) -> u64 {
        self.0.iter().map(Command::written).sum()
    }

    /// The keys and values that it sets, if it does, in the order of the keys; of equal ones the last.
    pub fn values(&self) -> BTreeMap<Bytes, Bytes> {
        let mut values = BTreeMap::new();
        for command in &self.0 {
            match command {
                Command::Set { key, value, .. } => {
                    values.insert(key.clone(), value.clone());
                }
                Command::MultiSet { pairs } => values.extend(pairs.iter().cloned()),
                _ => {}
            }
        }
        values
    }

    /// Whether it could change the database. Whether it does shows when it is executed.
    pub fn may_write(&self) -> bool {
        self.0.iter().any(Command::may_write)
    }
}

impl From<Command> for Unit {
    fn from(command: Command) -> Unit {
        Unit(smallvec![command])
    }
}

/// A unit on its way to the loop.
#[derive(Debug)]
pub struct Entry {
    /// Which connection it came over: a unit never overtakes an earlier one of the same client.
    pub client: u64,
    /// What to execute.
    pub unit: Unit,
    /// Where the answer goes. A client that is gone by then is no error.
    pub answer: Promise,
    /// What it counts, together with others that were handed over with it: also once its client is gone.
    pub held: Option<Arc<Share>>,
}

/// A reply for each command of the unit, or why there are none.
pub type Answer = Result<SmallVec<[Reply; 1]>, Refusal>;

/// Why a unit was not answered with replies, sorted by what the client may conclude.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing that held it was sent, and nothing will be.
    #[error("TRYAGAIN This command could not be executed in time. It has changed nothing, and it will not")]
    NothingHappened,
    /// A PUT that held it was sent, and its fate is not known.
    #[error("UNCERTAIN The store has not confirmed this command. It may have taken effect, or may yet")]
    Uncertain,
    /// The database is not what it was, and this server no longer touches it.
    #[error("ERR The database cannot be used: {0}")]
    Unusable(Arc<str>),
}

impl Refusal {
    /// The refusal as the client sees it.
    pub fn reply(&self) -> Reply {
        Reply::Error(self.to_string().into())
    }
}

/// A change to `db.json` that no client asked for, such as adding a run. It is executed after the batch that it joins,
/// on the very draft that is about to be stored, and again if that commit is lost: it looks at the draft and decides
/// whether it still fits.
pub struct Amendment {
    /// Changes the draft, or leaves it alone.
    pub amend: Box<dyn FnMut(&mut Draft<'_>) + Send>,
    /// Where the outcome goes.
    pub outcome: oneshot::Sender<Amended>,
}

/// What became of an amendment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amended {
    /// It is part of this generation.
    Landed(u64),
    /// It found nothing to change.
    Moot,
    /// It may have landed, or may yet.
    Uncertain,
}

/// Work for the loop.
pub(super) enum Submission {
    /// What one client sent at once: it becomes part of one batch, so that a pipeline costs one round trip.
    Units(Vec<Entry>),
    Amendment(Amendment),
}

/// The way into the commit loop.
#[derive(Clone)]
pub struct Queue(mpsc::Sender<Submission>);

/// The loop is gone, and with it the server.
#[derive(Debug, thiserror::Error)]
#[error("the commit loop has ended")]
pub struct Closed;

/// The end of the queue that the loop holds.
pub struct Submissions(pub(super) mpsc::Receiver<Submission>);

impl Submissions {
    /// Tells everybody, now and later, until the last sender is gone.
    pub async fn refuse(mut self, refusal: &Refusal) {
        while let Some(submission) = self.0.recv().await {
            match submission {
                Submission::Units(entries) => {
                    for entry in entries {
                        entry.answer.keep(Err(refusal.clone()));
                    }
                }
                Submission::Amendment(amendment) => drop(amendment),
            }
        }
    }
}

impl Queue {
    /// Both ends of a queue.
    pub fn new() -> (Queue, Submissions) {
        let (sender, receiver) = mpsc::channel(SUBMISSIONS);
        (Queue(sender), Submissions(receiver))
    }

    /// Hands over what one client sent at once, in order.
    pub async fn submit(&self, entries: Vec<Entry>) -> Result<(), Closed> {
        self.0.send(Submission::Units(entries)).await.map_err(|_| Closed)
    }

    /// Asks for a change to `db.json` that is not a command; the outcome comes when it is known.
    pub async fn amend(&self, amend: impl FnMut(&mut Draft<'_>) + Send + 'static) -> Result<Amended, Closed> {
        let (outcome, receiver) = oneshot::channel();
        let amendment = Amendment { amend: Box::new(amend), outcome };
        self.0.send(Submission::Amendment(amendment)).await.map_err(|_| Closed)?;
        receiver.await.map_err(|_| Closed)
    }
}
