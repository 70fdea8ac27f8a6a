//! What a connection remembers of transactions: the queued commands, and the keys that it watches.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::command::Command;
use crate::command::spec::{Meaning, TransactionChange};
use crate::resp::{ARGUMENT_MEMORY, Reply};
use crate::state::Watched;

/// What a queued command or a watched key takes besides its words, in bytes.
const OVERHEAD: usize = 128;

/// The error for a transaction that holds a command which could not be queued.
const SPOILED: Reply = Reply::fault("EXECABORT Transaction discarded because of previous errors.");

const NO_MULTI: Reply = Reply::fault("ERR EXEC without MULTI");

const NOTHING_TO_DISCARD: Reply = Reply::fault("ERR DISCARD without MULTI");

/// A command of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Queued {
    /// The unit executes it.
    Shared(Command),
    /// The unit executes it, because the commands behind it depend on it, and the session follows.
    Select(Command),
    /// The session executes it, once the unit has landed.
    Local(Command),
    /// It has a mistake in its arguments. It still is part of the transaction, and the error is its reply.
    Mistaken(Reply),
}

/// The commands since MULTI.
#[derive(Debug, Default)]
struct Gathering {
    queue: Vec<Queued>,
    bytes: usize,
    /// Some command could not be queued.
    is_spoiled: bool,
}

/// The transaction of a connection, and the keys that it depends on.
#[derive(Debug, Default)]
pub struct Transaction {
    gathering: Option<Gathering>,
    watched: BTreeMap<(usize, Bytes), Watched>,
    watched_bytes: usize,
}

/// A transaction that is complete.
#[derive(Clone, Debug, PartialEq)]
pub struct Gathered {
    /// The commands in their order.
    pub queue: Vec<Queued>,
    /// What they depend on.
    pub watched: Vec<Watched>,
    /// The memory of both.
    pub bytes: usize,
}

impl Queued {
    /// Queues a command.
    pub fn new(command: Command) -> Queued {
        match command.spec().meaning {
            Meaning::Data(_) | Meaning::Script(_) | Meaning::Time => match command.check() {
                Ok(()) => Queued::Shared(command),
                Err(mistake) => Queued::Mistaken(mistake),
            },
            Meaning::Select(..) => Queued::Select(command),
            Meaning::Session(_)
            | Meaning::Reset(_)
            | Meaning::Transaction(_)
            | Meaning::Table(_)
            | Meaning::Container
            | Meaning::Watch
            | Meaning::Exec => Queued::Local(command),
        }
    }

    /// The command, if it has no mistake.
    pub fn command(&self) -> Option<&Command> {
        match self {
            Queued::Shared(command) | Queued::Select(command) | Queued::Local(command) => Some(command),
            Queued::Mistaken(_) => None,
        }
    }

    /// The command, if the unit executes it.
    pub fn shared(&self) -> Option<&Command> {
        match self {
            Queued::Shared(command) | Queued::Select(command) => Some(command),
            Queued::Local(_) | Queued::Mistaken(_) => None,
        }
    }
}

impl Gathered {
    /// Whether the database has to be asked.
    pub fn concerns_the_database(&self) -> bool {
        !self.watched.is_empty() || self.queue.iter().any(|queued| matches!(queued, Queued::Shared(_)))
    }

    /// Whether the session has to do something once the unit has landed.
    pub fn concerns_the_session(&self) -> bool {
        self.queue.iter().any(|queued| !matches!(queued, Queued::Shared(_)))
    }
}

impl Transaction {
    /// Whether commands are queued.
    pub fn is_open(&self) -> bool {
        self.gathering.is_some()
    }

    /// How many commands are queued, if there is a transaction.
    pub fn length(&self) -> Option<usize> {
        Some(self.gathering.as_ref()?.queue.len())
    }

    /// How many keys are watched.
    pub fn watched(&self) -> usize {
        self.watched.len()
    }

    /// The memory of everything that it keeps.
    pub fn held(&self) -> usize {
        self.watched_bytes + self.gathering.as_ref().map_or(0, |gathering| gathering.bytes)
    }

    /// Obeys MULTI, DISCARD or UNWATCH. The session lets no MULTI through while a transaction is open.
    pub fn change(&mut self, change: TransactionChange) -> Result<Reply, Reply> {
        match change {
            TransactionChange::Begin => self.gathering = Some(Gathering::default()),
            // The watched keys stay.
            TransactionChange::Discard if !self.is_open() => return Err(NOTHING_TO_DISCARD),
            TransactionChange::Discard => self.forget(),
            TransactionChange::Unwatch => {
                self.watched.clear();
                self.watched_bytes = 0;
            }
        }
        Ok(Reply::OK)
    }

    /// Forgets the commands and the keys.
    pub fn forget(&mut self) {
        *self = Transaction::default();
    }

    /// Adds a command. A spoiled transaction keeps none: it will never be executed.
    pub fn queue(&mut self, command: Command) {
        let Some(gathering) = self.gathering.as_mut().filter(|gathering| !gathering.is_spoiled) else { return };
        gathering.bytes += memory(command.words());
        gathering.queue.push(Queued::new(command));
    }

    /// Notes that a command could not be queued.
    pub fn spoil(&mut self) {
        if let Some(gathering) = &mut self.gathering {
            *gathering = Gathering { is_spoiled: true, ..Gathering::default() };
        }
    }

    /// Keeps the notes of a WATCH. Of two notes of a key the older one counts.
    pub fn watch(&mut self, notes: Vec<Watched>) {
        for watched in notes {
            let bytes = watched.key.len() + OVERHEAD;
            self.watched.entry((watched.database, watched.key.clone())).or_insert_with(|| {
                self.watched_bytes += bytes;
                watched
            });
        }
    }

    /// The queued commands that the unit will execute.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        let queue = self.gathering.iter().flat_map(|gathering| &gathering.queue);
        queue.filter_map(Queued::shared)
    }

    /// Ends the transaction for EXEC.
    pub fn end(&mut self) -> Result<Gathered, Reply> {
        let Some(gathering) = self.gathering.take() else { return Err(NO_MULTI) };
        let bytes = self.watched_bytes + gathering.bytes;
        let watched = std::mem::take(self).watched.into_values().collect();
        if gathering.is_spoiled {
            return Err(SPOILED);
        }
        Ok(Gathered { queue: gathering.queue, watched, bytes })
    }
}

/// The memory of a queued command.
pub fn memory(words: &[Bytes]) -> usize {
    OVERHEAD + words.iter().map(|word| word.len() + ARGUMENT_MEMORY).sum::<usize>()
}
