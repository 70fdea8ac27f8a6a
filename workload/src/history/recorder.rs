//! Records what clients do while they do it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::events::{History, Moment, Operation};
use super::lines::Line;
use crate::operation::{Command, Outcome};

/// A file, or another writer, that also receives the history line by line.
pub type Journal = Box<dyn Write + Send>;

/// Records the events of a round in the order in which they happen.
///
/// The recorder writes down a call before the client sends it and an end after the client received it, both under one
/// lock. So the order of the record respects real time. With a journal, the system has the line of a call before the client
/// sends the command: if the workload is killed, its history may lack ends but no call.
#[derive(Clone)]
pub struct Recorder(Arc<Mutex<Record>>);

struct Record {
    history: History,
    began: Instant,
    /// The time that had passed in the history before `began`.
    before: Duration,
    events: u64,
    next_id: u64,
    journal: Option<Journal>,
    /// The first error of the journal.
    failure: Option<io::Error>,
}

/// A recorded call, as its index in the history.
#[derive(Debug)]
#[must_use = "the outcome of an operation without an end counts as unknown"]
pub struct Ticket(usize);

impl Recorder {
    /// Begins a history.
    pub fn new(about: String, journal: Option<Journal>) -> Recorder {
        let history = History { about, operations: Vec::new() };
        let mut record = Record::new(history, journal);
        let head = Line::head(&record.history.about);
        record.persist(&[head]);
        Recorder(Arc::new(Mutex::new(record)))
    }

    /// Continues a history in which no client waits for a reply any more. The recorder keeps new events in memory only.
    pub fn resume(history: History) -> Recorder {
        Recorder(Arc::new(Mutex::new(Record::new(history, None))))
    }

    /// Records that a client is about to send these commands, all at once.
    pub fn call(&self, client: u64, server: &str, commands: impl IntoIterator<Item = Command>) -> Vec<Ticket> {
        self.with(|record| {
            let first = record.history.operations.len();
            for command in commands {
                let call = record.moment();
                let id = record.next_id;
                record.next_id += 1;
                let server = server.to_owned();
                let command = command.abridged();
                record.history.operations.push(Operation { id, client, server, command, call, end: None });
            }
            let lines: Vec<Line> = record.history.operations[first..].iter().map(Line::call).collect();
            record.persist(&lines);
            (first..record.history.operations.len()).map(Ticket).collect()
        })
    }

    /// Records how operations ended, in the order of their calls.
    pub fn end(&self, ends: impl IntoIterator<Item = (Ticket, Outcome)>) {
        self.with(|record| {
            let mut lines = Vec::new();
            for (Ticket(index), outcome) in ends {
                let moment = record.moment();
                lines.push(Line::end(record.history.operations[index].id, moment.at, &outcome));
                record.history.operations[index].end = Some((moment, outcome));
            }
            record.persist(&lines);
        });
    }

    /// The history so far. Fails if a write to the journal failed, because a later run would then judge an incomplete file.
    pub fn finish(&self) -> io::Result<History> {
        self.with(|record| match record.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(record.history.clone()),
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Record) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Record {
    fn new(history: History, journal: Option<Journal>) -> Record {
        let Moment { event, at } = history.end();
        let next_id = history.operations.iter().map(|operation| operation.id).max().unwrap_or(0) + 1;
        Record { history, began: Instant::now(), before: at, events: event, next_id, journal, failure: None }
    }

    fn moment(&mut self) -> Moment {
        self.events += 1;
        Moment { event: self.events - 1, at: self.before + self.began.elapsed() }
    }

    fn persist(&mut self, lines: &[Line]) {
        let Some(journal) = &mut self.journal else { return };
        let mut bytes = Vec::new();
        let written = lines.iter().try_for_each(|line| line.write(&mut bytes)).and_then(|()| journal.write_all(&bytes));
        if let Err(failure) = written {
            self.failure.get_or_insert(failure);
            self.journal = None;
        }
    }
}
