//! What a session has to settle, and what it has settled.

use super::transaction::Queued;
use crate::resp::{Protocol, Reply};

/// What a session has to do with an answer.
#[derive(Debug)]
pub enum Awaiting {
    /// Keep the notes of a WATCH.
    Notes,
    /// Execute its own part of a transaction.
    Landing(Vec<Queued>),
}

/// A reply that is complete.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// None if the client does not want it.
    pub reply: Option<Reply>,
    /// The protocol that it is sent in.
    pub protocol: Protocol,
}
