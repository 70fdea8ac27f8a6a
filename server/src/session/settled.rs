//! What a session has to settle, and what it has settled.

use std::sync::Arc;

use super::transaction::Queued;
use crate::command::Command;
use crate::commit::Counted;
use crate::resp::{Protocol, Reply};

/// What a session has to do with an answer.
#[derive(Debug)]
pub enum Awaiting {
    /// Keep the notes of a WATCH.
    Notes,
    /// Queue this command if there is room for what it adds.
    Room(Command),
    /// Tell whether the request that waits for a pause may change keys.
    Intent,
    /// Execute its own part of a transaction.
    Landing(Vec<Queued>),
}

/// A reply that is complete.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settled {
    /// What is sent, one behind the other, and in which protocol. Empty if the client does not want the reply. They are not
    /// encoded yet, because they may name one large value of the database many times.
    pub parts: Vec<(Reply, Protocol)>,
    /// Counts what the commit loop has made for the reply.
    pub counted: Option<Arc<Counted>>,
    /// How the request counts.
    pub counting: Reckoning,
    /// Whether the request that waits for a pause may change keys, if that was the question.
    pub writes: Option<bool>,
}

/// How statistics count a request that the session has settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reckoning {
    /// As a call of its command.
    #[default]
    Executed,
    /// As a command that was refused before it was executed.
    Refused,
    /// Not yet: its EXEC counts.
    Queued,
}

impl Settled {
    /// The whole reply, if it is sent in one protocol.
    pub fn whole(&self) -> Option<&Reply> {
        match &self.parts[..] {
            [(reply, _)] => Some(reply),
            _ => None,
        }
    }

    /// The parts, with those together that follow one another in one protocol.
    pub fn runs(self) -> Vec<(Protocol, Vec<Reply>)> {
        let mut runs: Vec<(Protocol, Vec<Reply>)> = Vec::new();
        for (reply, protocol) in self.parts {
            match runs.last_mut() {
                Some((last, replies)) if *last == protocol => replies.push(reply),
                _ => runs.push((protocol, vec![reply])),
            }
        }
        runs
    }
}
