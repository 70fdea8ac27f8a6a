//! A violation in a dozen lines, for a terminal.

use std::fmt::Write as _;

use super::order::{Order, Step};
use super::picture::outcome;
use super::visible::{clipped, visible};
use crate::check::Violation;
use crate::history::{History, Operation};
use crate::operation::Command;

/// How many steps of the order are shown, from its end: what an operation contradicts is mostly near.
const LAST_STEPS: usize = 6;

/// Commands and replies of several keys may be long; a line should not be.
const WIDEST_COMMAND: usize = 44;
const WIDEST_REPLY: usize = 28;

/// Says what is wrong with a history: the sentence, the operation, and how the order ends that explains what comes
/// before it.
pub fn text(history: &History, violation: &Violation) -> String {
    let order = Order::of(history, violation);
    let marked = &history.operations[violation.operation];
    let mut text = String::new();
    let mut line = |written: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{}", written.to_string().trim_end()); // a String takes whatever is written to it
    };
    line(format_args!("Not strictly serializable: {}", visible(&violation.why)));
    line(format_args!("  {}, {}", who(marked), when(marked)));
    line(format_args!("    {}", exchange(marked)));
    let steps = order.steps.len();
    if steps == 0 {
        line(format_args!("No operation can come before it:"));
    } else {
        line(format_args!("The longest order found has {}, which end with:", many(steps)));
    }
    for (number, step) in order.steps.iter().enumerate().skip(steps.saturating_sub(LAST_STEPS)) {
        let operation = &history.operations[step.operation];
        let (change, exchange) = (change(&operation.command, step), exchange(operation));
        line(format_args!("  {:>4}. {:<22} {exchange:<46} {change}", number + 1, who(operation)));
    }
    let expected = order.expected.map(|reply| clipped(&visible(&reply.to_string()), WIDEST_REPLY));
    let expected = expected.map_or(String::new(), |reply| format!("where {reply} would be right"));
    line(format_args!("     ✗  {:<22} {:<46} {expected}", who(marked), exchange(marked)));
    text
}

/// The name of an operation and of its client.
pub(super) fn who(operation: &Operation) -> String {
    format!("#{} client {}", operation.id, operation.client)
}

/// Where and when an operation was under way.
pub(super) fn when(operation: &Operation) -> String {
    let server = match operation.server.as_str() {
        "" => String::new(),
        server => format!("on {}, ", visible(server)),
    };
    let milliseconds = |at: std::time::Duration| format!("{:.3} ms", at.as_secs_f64() * 1e3);
    let call = milliseconds(operation.call.at);
    match &operation.end {
        Some((end, _)) => format!("{server}from {call} to {}", milliseconds(end.at)),
        None => format!("{server}from {call} on"),
    }
}

/// A command and what came back.
fn exchange(operation: &Operation) -> String {
    let command = clipped(&visible(&operation.command.to_string()), WIDEST_COMMAND);
    format!("{command} → {}", clipped(&visible(&outcome(operation)), WIDEST_REPLY))
}

/// What a step does to the keys.
pub(super) fn change(command: &Command, step: &Step) -> String {
    match (step.changes.as_slice(), command) {
        ([], command) if command.may_write() => "nothing changes".into(),
        ([], _) => String::new(),
        (_, Command::FlushAll) => "every key is absent".into(),
        (changes, _) => {
            let written = changes.iter().map(|(key, value)| match value {
                Some(value) => visible(&format!("{key} = {value}")),
                None => visible(&format!("{key} is absent")),
            });
            written.collect::<Vec<_>>().join(", ")
        }
    }
}

/// A number of operations.
pub(super) fn many(operations: usize) -> String {
    if operations == 1 { "1 operation".into() } else { format!("{operations} operations") }
}
