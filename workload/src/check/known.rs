//! What a history shows of its operations up to an event.

use super::claims::NEVER;
use crate::history::{History, Operation};
use crate::operation::{Outcome, Reply};

/// An operation that took effect, or may have.
pub(super) struct KnownOperation<'h> {
    pub(super) index: usize,
    pub(super) operation: &'h Operation,
    /// The event at which it was answered. [`NEVER`] if it is open.
    pub(super) end: u64,
    /// The reply, if it was answered.
    pub(super) reply: Option<&'h Reply>,
}

/// The operations that were called up to an event and have not failed by then, in the order of their calls.
pub(super) fn known(history: &History, until: u64) -> impl Iterator<Item = KnownOperation<'_>> {
    let called = history.operations.iter().enumerate().take_while(move |(_, one)| one.call.event <= until);
    called.filter_map(move |(index, operation)| match &operation.end {
        Some((end, Outcome::Failed(_))) if end.event <= until => None,
        Some((end, Outcome::Reply(reply))) if end.event <= until => {
            Some(KnownOperation { index, operation, end: end.event, reply: Some(reply) })
        }
        _ => Some(KnownOperation { index, operation, end: NEVER, reply: None }),
    })
}
