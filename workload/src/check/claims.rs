//! A history in numbers: the acts with their claims, and what the history shows of each value and key.
//!
//! An *act* is an operation that took effect or may have. An act is *open* if its outcome is unknown, and *answered*
//! otherwise. A value is *named* if some reply shows it.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::claim::{Claim, FIRST_NAMED, Value};
use crate::word::Word;

/// A map without random hashes, so that a verdict costs the same steps in every run.
pub(super) type Map<K, V> = HashMap<K, V, FixedState>;

/// The end of an operation that never ended.
pub(super) const NEVER: u64 = u64::MAX;

/// No act.
pub(super) const NONE: u32 = u32::MAX;

/// An operation that took effect, or may have.
#[derive(Clone, Debug)]
pub(super) struct Act {
    /// The index of its operation in the history.
    pub(super) index: u32,
    pub(super) client: u64,
    pub(super) call: u64,
    /// The event at which it was answered. [`NEVER`] if it is open.
    pub(super) end: u64,
    pub(super) claim: Claim,
    /// The answered act that the client called before, if it is unanswered when the client calls this one. Else [`NONE`].
    pub(super) before: u32,
    /// The answered act that the client called next, if this one is still unanswered by then. Else [`NONE`].
    pub(super) after: u32,
    /// Whether it is a rider: a blind overwrite, whose value no reply shows (`frontier/riders.rs`).
    pub(super) rides: bool,
}

impl Act {
    pub(super) fn is_open(&self) -> bool {
        self.end == NEVER
    }

    pub(super) fn writes_a_named_value(&self) -> bool {
        self.claim.writes.iter().any(|(_, value)| *value >= FIRST_NAMED)
    }
}

/// The kind of an event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The call of an answered act.
    Call,
    /// The answer to an act.
    End,
    /// The call of an open act.
    Open,
}

/// An event of the history, as the search sees it.
#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) act: u32,
    pub(super) what: What,
}

impl Event {
    pub(super) fn moment(self, claims: &Claims) -> u64 {
        let act = &claims.acts[self.act as usize];
        if self.what == What::End { act.end } else { act.call }
    }
}

/// What the whole history shows of a named value.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// The number of acts that may write it.
    pub(super) writers: u32,
    /// One of them that survives simplification, as the number of an act. Else [`NONE`].
    pub(super) writer: u32,
    /// The end of the first operation that names it. [`NEVER`] if none does.
    pub(super) first_end: u64,
    /// The call of the last operation that names it.
    pub(super) last_call: u64,
    /// The end of the last operation that names it.
    pub(super) last_end: u64,
}

/// A history in numbers.
#[derive(Default)]
pub(super) struct Claims {
    pub(super) acts: Vec<Act>,
    pub(super) events: Vec<Event>,
    /// The number of keys.
    pub(super) keys: usize,
    /// The keys by their numbers.
    pub(super) words: Vec<Word>,
    /// The named values. Value `v` is at index `v - FIRST_NAMED`.
    pub(super) named: Vec<Named>,
    /// For each key, until when some operation depends on its absence or presence.
    pub(super) sensitive: Vec<Sensitive>,
    /// For each key, the end of the last operation that depends on whether it is present.
    pub(super) indifferent_after: Vec<u64>,
}

/// The last event at which some operation depends on the absence, or on the presence, of a key.
#[derive(Clone, Copy, Default)]
pub(super) struct Sensitive {
    pub(super) absent: u64,
    pub(super) present: u64,
}

/// A reply that no order explains, whatever the other operations are.
pub(super) struct Impossible {
    /// The index of its operation.
    pub(super) index: usize,
    /// The reason, in words that follow the name of the operation.
    pub(super) why: String,
}

impl Claims {
    /// What the history shows of a named value.
    pub(super) fn named(&self, value: Value) -> &Named {
        &self.named[(value - FIRST_NAMED) as usize]
    }
}
