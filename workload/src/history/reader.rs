//! Reading a history from its lines.

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::time::Duration;

use super::events::{History, Moment, Operation};
use super::lines::{CallLine, FORMAT, HeadLine, Line, ReturnLine};

/// Why a file cannot be read as a history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The system cannot read the file.
    #[error("cannot be read")]
    Unreadable(#[from] io::Error),
    /// A line is wrong.
    #[error("line {number}")]
    Line {
        /// The number of the line, from 1.
        number: usize,
        /// The mistake in it.
        source: LineError,
    },
    /// The file holds no operation. A round that was killed before its first call leaves such a file.
    #[error("holds no operation")]
    Empty,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is not JSON.
    #[error("no JSON")]
    NotJson(#[source] serde_json::Error),
    /// Its JSON has the wrong fields.
    #[error("wrong fields")]
    WrongFields(#[source] serde_json::Error),
    /// It is neither a call nor a return.
    #[error("is neither a call nor a return")]
    UnknownKind,
    /// Its history has an unknown format.
    #[error("the history has the unknown format {0}")]
    UnknownFormat(u64),
    /// It describes the history but is not the first line.
    #[error("only the first line may describe the history")]
    LateHead,
    /// It calls an operation again.
    #[error("operation {0} is called a second time")]
    CalledTwice(u64),
    /// It ends an operation that has not been called.
    #[error("operation {0} was not called")]
    NotCalled(u64),
    /// It ends an operation again.
    #[error("operation {0} returns a second time")]
    ReturnedTwice(u64),
    /// Its time is before that of the line above.
    #[error("is earlier than the line before")]
    BackInTime,
}

/// Reads a history. Ignores a last line that ends in the middle, since a killed run leaves one.
pub fn read(mut file: impl BufRead) -> Result<History, HistoryError> {
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
        let wrong = |source| HistoryError::Line { number, source };
        match serde_json::from_slice(&line) {
            Ok(parsed) => reader.take(parsed, number == 1).map_err(wrong)?,
            Err(_) if !whole && number > 1 => break,
            Err(error) => return Err(wrong(explain(&line, error))),
        }
    }
    if reader.history.operations.is_empty() { Err(HistoryError::Empty) } else { Ok(reader.history) }
}

/// The mistake in a line. The error of an untagged enum does not say which kind of line was meant, but the fields of the
/// line do.
fn explain(line: &[u8], error: serde_json::Error) -> LineError {
    let value = match serde_json::from_slice::<serde_json::Value>(line) {
        Err(error) => return LineError::NotJson(error),
        Ok(value) => value,
    };
    let detail = if value.get("call").is_some() {
        serde_json::from_value::<CallLine>(value).err()
    } else if value.get("return").is_some() {
        serde_json::from_value::<ReturnLine>(value).err()
    } else if value.get("history").is_some() {
        serde_json::from_value::<HeadLine>(value).err()
    } else {
        return LineError::UnknownKind;
    };
    LineError::WrongFields(detail.unwrap_or(error))
}

#[derive(Default)]
struct Reader {
    history: History,
    /// The number of events so far.
    events: u64,
    /// The time of the newest event.
    at: Duration,
    /// The index of each operation in the history.
    by_id: HashMap<u64, usize>,
}

impl Reader {
    fn take(&mut self, line: Line, first: bool) -> Result<(), LineError> {
        match line {
            Line::Head(_) if !first => Err(LineError::LateHead),
            Line::Head(head) if head.history != FORMAT => Err(LineError::UnknownFormat(head.history)),
            Line::Head(head) => {
                self.history.about = head.about;
                Ok(())
            }
            Line::Call(call) => self.call(call),
            Line::Return(end) => self.end(end),
        }
    }

    fn call(&mut self, line: CallLine) -> Result<(), LineError> {
        let call = self.moment(line.at)?;
        let CallLine { id, client, server, command, .. } = line;
        if self.by_id.insert(id, self.history.operations.len()).is_some() {
            return Err(LineError::CalledTwice(id));
        }
        let command = command.abridged();
        self.history.operations.push(Operation { id, client, server, command, call, end: None });
        Ok(())
    }

    fn end(&mut self, line: ReturnLine) -> Result<(), LineError> {
        let moment = self.moment(line.at)?;
        let index = *self.by_id.get(&line.id).ok_or(LineError::NotCalled(line.id))?;
        let operation = &mut self.history.operations[index];
        if operation.end.is_some() {
            return Err(LineError::ReturnedTwice(line.id));
        }
        operation.end = Some((moment, line.outcome));
        Ok(())
    }

    /// The moment of the next event. An event without a time comes one microsecond after the one before.
    fn moment(&mut self, at: Option<u64>) -> Result<Moment, LineError> {
        let at = at.map_or(self.at + Duration::from_micros(1), Duration::from_micros);
        if at < self.at {
            return Err(LineError::BackInTime);
        }
        self.at = at;
        self.events += 1;
        Ok(Moment { event: self.events - 1, at })
    }
}
