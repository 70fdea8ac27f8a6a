//! A violation in a dozen lines, for a terminal.

use std::fmt::Write as _;

use super::order::{Order, OrderStep};
use super::picture::outcome;
use super::visible::{clipped, visible};
use crate::check::Violation;
use crate::history::{History, Operation};
use crate::operation::{Command, ServerCommand};

/// The number of steps shown, from the end of the order. An operation mostly contradicts a recent one.
const LAST_STEPS: usize = 6;

/// The longest command and the longest reply shown, in characters. Those of several keys may be longer than a line.
const WIDEST_COMMAND: usize = 44;
const WIDEST_REPLY: usize = 28;

/// The text about a violation: its sentence, the unexplained operation, and the end of the order before it.
pub fn text(history: &History, violation: &Violation) -> String {
    let order = Order::of(history, violation);
    let marked = &history.operations[violation.operation];
    let mut text = String::new();
    let mut line = |written: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{}", written.to_string().trim_end()); // writing to a String never fails
    };
    line(format_args!("Not strictly serializable: {}", visible(&violation.why)));
    line(format_args!("  {}, {}", who(marked), when(marked)));
    line(format_args!("    {}", exchange(marked)));
    let steps = order.steps.len();
    if steps == 0 {
        line(format_args!("No operation can come before it:"));
    } else {
        line(format_args!("The longest order found has {} and ends with:", many(steps)));
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

/// The numbers of an operation and of its client.
pub(super) fn who(operation: &Operation) -> String {
    format!("#{} client {}", operation.id, operation.client)
}

/// The server of an operation, and when it was under way.
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

/// A command and its outcome.
fn exchange(operation: &Operation) -> String {
    let command = clipped(&visible(&operation.command.to_string()), WIDEST_COMMAND);
    format!("{command} → {}", clipped(&visible(&outcome(operation)), WIDEST_REPLY))
}

/// The changes of a step in words.
pub(super) fn change(command: &Command, step: &OrderStep) -> String {
    match (step.changes.as_slice(), command) {
        ([], command) if command.may_write() => "nothing changes".into(),
        ([], _) => String::new(),
        (_, Command::Server(ServerCommand::FlushAll)) => "every key is absent".into(),
        (changes, _) => {
            let written = changes.iter().map(|(key, value)| match value {
                Some(value) => visible(&format!("{key} = {value}")),
                None => visible(&format!("{key} is absent")),
            });
            written.collect::<Vec<_>>().join(", ")
        }
    }
}

/// A number of operations in words.
pub(super) fn many(operations: usize) -> String {
    if operations == 1 { "1 operation".into() } else { format!("{operations} operations") }
}
