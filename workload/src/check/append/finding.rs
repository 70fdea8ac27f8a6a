//! What the judge of appends finds.

use super::super::claims::Impossible;
use crate::history::History;

/// What the judge finds.
pub(crate) enum Finding {
    /// This order explains everything. It consists of indexes of operations.
    Order(Vec<usize>),
    /// No order explains the reply to the operation at this index, or some later reply. The reason is a sentence.
    Violation { index: usize, why: String },
    /// The other judge must decide.
    Unsure,
}

impl Finding {
    /// The violation that a wrong reply is, unless something open may be to blame.
    pub(super) fn wrong(history: &History, Impossible { index, why }: Impossible, disturbed: bool) -> Finding {
        if disturbed {
            return Finding::Unsure;
        }
        let operation = &history.operations[index];
        let why = format!("client {}'s {} (operation {}) {why}", operation.client, operation.command, operation.id);
        Finding::Violation { index, why }
    }
}
