//! The file format of a history: one line of JSON per event, in the order of the events.
//!
//! ```text
//! {"history":1,"about":"three operations, written by hand"}
//! {"call":1,"client":1,"command":["SET","k","v"]}
//! {"call":2,"client":2,"command":["GET","k"]}
//! {"return":1,"reply":{"status":"OK"}}
//! {"return":2,"reply":"v"}
//! {"call":3,"client":2,"command":["DEL","k"]}
//! {"return":3,"unknown":"the connection broke"}
//! ```
//!
//! - The first line is optional.
//! - A call names its operation, its client and the words of its command. It may name the `server` and give the time
//!   (`at`) in microseconds.
//! - A return names the operation. It holds a `reply`, or says why the operation `failed` (it did nothing and never will),
//!   or why its outcome is `unknown`. The outcome of an operation without a return is unknown too.
//! - A reply is null, an integer, a string (a value), an array of replies, `{"status": …}`, `{"error": …}`, or
//!   `{"strange": …}` for any other type.
//! - A transaction is one call, whose command is an object: `{"multi": [command, …]}`, with the keys that its client
//!   watches as `watched`, a command that the server must not queue as `refused`, and `"discarded": true` for DISCARD.
//! - A script stands by its name and the comment in its text: `["EVAL", "move-if", comment, "2", "k", "j", "0"]`.
//! - Bytes that are not text are `{"base64": …}`. Values longer than 256 bytes may be abridged to
//!   `{"bytes": length, "sha256": digits}`.

use std::io::{self, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::events::{History, Moment, Operation};
use crate::operation::{Command, Outcome};

/// The version of the format.
pub(super) const FORMAT: u64 = 1;

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub(super) enum Line {
    Head(HeadLine),
    Call(CallLine),
    Return(ReturnLine),
}

/// The optional first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeadLine {
    pub(super) history: u64,
    #[serde(default)]
    pub(super) about: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallLine {
    #[serde(rename = "call")]
    pub(super) id: u64,
    pub(super) client: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) server: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<u64>,
    pub(super) command: Command,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ReturnLine {
    #[serde(rename = "return")]
    pub(super) id: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<u64>,
    #[serde(flatten)]
    pub(super) outcome: Outcome,
}

impl Line {
    pub(super) fn head(about: &str) -> Line {
        Line::Head(HeadLine { history: FORMAT, about: about.to_owned() })
    }

    pub(super) fn call(operation: &Operation) -> Line {
        Line::Call(CallLine {
            id: operation.id,
            client: operation.client,
            server: operation.server.clone(),
            at: Some(microseconds(operation.call.at)),
            command: operation.command.clone(),
        })
    }

    pub(super) fn end(id: u64, at: Duration, outcome: &Outcome) -> Line {
        Line::Return(ReturnLine { id, at: Some(microseconds(at)), outcome: outcome.clone() })
    }

    pub(super) fn write(&self, file: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *file, self)?;
        file.write_all(b"\n")
    }
}

fn microseconds(at: Duration) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or(u64::MAX)
}

/// Writes a history as lines.
pub fn write(history: &History, file: &mut impl Write) -> io::Result<()> {
    let mut lines: Vec<(Moment, Line)> = Vec::with_capacity(2 * history.operations.len());
    for operation in &history.operations {
        lines.push((operation.call, Line::call(operation)));
        if let Some((moment, outcome)) = &operation.end {
            lines.push((*moment, Line::end(operation.id, moment.at, outcome)));
        }
    }
    lines.sort_by_key(|(moment, _)| *moment);
    Line::head(&history.about).write(file)?;
    for (_, line) in lines {
        line.write(file)?;
    }
    file.flush()
}
