//! A history as a file: a line of JSON for each event, in the order in which things happened.
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
//! The first line may be left out. A call names its operation, its client and the command in words; it may name the
//! `server` and say how many microseconds `at` it was. A return names the operation, and holds a `reply`, or why it
//! `failed` (nothing happened, nor will it), or why its outcome is `unknown`. An operation without a return is unknown
//! too. A reply is null, an integer, a string (a value), an array of replies, a `{"status": …}`, an `{"error": …}`, or
//! `{"strange": …}` for anything else. Bytes that are not text are `{"base64": …}`, and values of more than 256 bytes
//! may be abridged to `{"bytes": length, "sha256": digits}`.

use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{History, Moment, Operation};
use crate::operation::{Command, Outcome};

/// The version of the format.
const FORMAT: u64 = 1;

/// Why a file is no history.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// It could not be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// One of its lines, from 1, makes no sense.
    #[error("line {0}: {1}")]
    Line(usize, String),
    /// It has no operation.
    #[error("holds no operation")]
    Empty,
}

/// A line.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Line {
    Head(Head),
    Call(Call),
    Return(Return),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    history: u64,
    #[serde(default)]
    about: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Call {
    call: u64,
    client: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    server: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<u64>,
    command: Command,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Return {
    #[serde(rename = "return")]
    id: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<u64>,
    #[serde(flatten)]
    outcome: Outcome,
}

impl Line {
    pub(super) fn head(about: &str) -> Line {
        Line::Head(Head { history: FORMAT, about: about.to_owned() })
    }

    pub(super) fn call(operation: &Operation) -> Line {
        Line::Call(Call {
            call: operation.id,
            client: operation.client,
            server: operation.server.clone(),
            at: Some(microseconds(operation.call.at)),
            command: operation.command.clone(),
        })
    }

    pub(super) fn end(id: u64, at: Duration, outcome: &Outcome) -> Line {
        Line::Return(Return { id, at: Some(microseconds(at)), outcome: outcome.clone() })
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
    enum Event<'a> {
        Call(&'a Operation),
        End(u64, &'a Outcome),
    }
    let mut events: Vec<(Moment, Event<'_>)> = Vec::with_capacity(2 * history.operations.len());
    for operation in &history.operations {
        events.push((operation.call, Event::Call(operation)));
        events.extend(operation.end.as_ref().map(|(moment, outcome)| (*moment, Event::End(operation.id, outcome))));
    }
    events.sort_by_key(|(moment, _)| *moment);
    Line::head(&history.about).write(file)?;
    for (moment, event) in events {
        match event {
            Event::Call(operation) => Line::call(operation).write(file)?,
            Event::End(id, outcome) => Line::end(id, moment.at, outcome).write(file)?,
        }
    }
    file.flush()
}

/// Reads a history. A last line that was cut off in the middle is left out: that is what a killed run leaves.
pub fn read(mut file: impl BufRead) -> Result<History, Broken> {
    let mut reader = Reader::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if file.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let whole = line.ends_with(b"\n");
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(parsed) => reader.take(parsed, number == 1).map_err(|why| Broken::Line(number, why))?,
            Err(_) if !whole && number > 1 => break,
            Err(error) => return Err(Broken::Line(number, explain(&line, &error))),
        }
    }
    if reader.history.operations.is_empty() { Err(Broken::Empty) } else { Ok(reader.history) }
}

/// An untagged enum can't say which of its forms was meant; the first word of the line can.
fn explain(line: &[u8], error: &serde_json::Error) -> String {
    let detail = match serde_json::from_slice::<serde_json::Value>(line) {
        Err(error) => return format!("no JSON: {error}"),
        Ok(value) if value.get("call").is_some() => serde_json::from_value::<Call>(value).err(),
        Ok(value) if value.get("return").is_some() => serde_json::from_value::<Return>(value).err(),
        Ok(value) if value.get("history").is_some() => serde_json::from_value::<Head>(value).err(),
        Ok(_) => return "is neither a call nor a return".into(),
    };
    detail.map_or_else(|| error.to_string(), |detail| detail.to_string())
}

#[derive(Default)]
struct Reader {
    history: History,
    events: u64,
    at: Duration,
    by_id: HashMap<u64, usize>,
}

impl Reader {
    fn take(&mut self, line: Line, first: bool) -> Result<(), String> {
        match line {
            Line::Head(head) if first && head.history == FORMAT => self.history.about = head.about,
            Line::Head(head) if first => return Err(format!("is a history of the unknown format {}", head.history)),
            Line::Head(_) => return Err("only the first line may describe the history".into()),
            Line::Call(call) => {
                let moment = self.moment(call.at)?;
                let place = self.history.operations.len();
                if self.by_id.insert(call.call, place).is_some() {
                    return Err(format!("operation {} is called a second time", call.call));
                }
                self.history.operations.push(Operation {
                    id: call.call,
                    client: call.client,
                    server: call.server,
                    command: call.command.abridged(),
                    call: moment,
                    end: None,
                });
            }
            Line::Return(end) => {
                let moment = self.moment(end.at)?;
                let place = *self.by_id.get(&end.id).ok_or(format!("operation {} was not called", end.id))?;
                let operation = &mut self.history.operations[place];
                if operation.end.is_some() {
                    return Err(format!("operation {} returns a second time", end.id));
                }
                operation.end = Some((moment, end.outcome));
            }
        }
        Ok(())
    }

    /// Without a time of its own, an event comes a microsecond after the one before.
    fn moment(&mut self, at: Option<u64>) -> Result<Moment, String> {
        let at = at.map_or(self.at + Duration::from_micros(1), Duration::from_micros);
        if at < self.at {
            return Err("is earlier than the line before".into());
        }
        self.at = at;
        self.events += 1;
        Ok(Moment { event: self.events - 1, at })
    }
}
