//! The meaning of the answers of the client library.
//!
//! | answer | outcome |
//! |---|---|
//! | a reply | a reply, right or wrong |
//! | an error that says that nothing happened, such as TRYAGAIN | failed |
//! | the error UNCERTAIN | unknown |
//! | any other error of the server | a reply that no state of the database explains |
//! | no answer, or a broken connection | unknown |
//! | bytes that are no reply | a reply that no state of the database explains |

use std::fmt;

use redis::{ErrorKind, RedisError, RedisResult, ServerError, Value};

use crate::operation::{Outcome, Reply};
use crate::word::Word;

/// An error of the client library, in one line: the library draws a picture of bytes that it could not read.
#[derive(Debug)]
pub struct LibraryError(RedisError);

impl LibraryError {
    /// Whether the server refused to open a connection because it does not know HELLO or RESP3.
    pub(crate) fn refuses_hello(&self) -> bool {
        let LibraryError(error) = self;
        let unknown = |detail: &str| detail.to_ascii_lowercase().starts_with("unknown command");
        error.kind() == ErrorKind::RESP3NotSupported
            || error.code() == Some("NOPROTO")
            || error.detail().is_some_and(unknown)
    }
}

impl From<RedisError> for LibraryError {
    fn from(error: RedisError) -> LibraryError {
        LibraryError(error)
    }
}

impl fmt::Display for LibraryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.0))
    }
}

impl std::error::Error for LibraryError {}

/// Whether the server sent bytes that are no reply. A reply that ends too early was only cut off.
fn is_garbage(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Parse && !error.to_string().contains("end of input")
}

/// An error with all its lines, as one line.
fn whole(error: &RedisError) -> String {
    error.to_string().lines().collect::<Vec<_>>().join(", ")
}

/// The first line of an error.
fn one_line(error: &RedisError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// The outcome that an answer of the library means.
pub(crate) fn outcome(answer: RedisResult<Value>) -> Outcome {
    match answer {
        Ok(Value::ServerError(error)) => refusal(&error),
        Ok(value) => Outcome::Reply(reply(value)),
        Err(error) if is_garbage(&error) => Outcome::Reply(Reply::Strange { strange: whole(&error) }),
        Err(error) => Outcome::Unknown(one_line(&error)),
    }
}

fn reply(value: Value) -> Reply {
    match value {
        Value::Nil => Reply::Nil,
        Value::Int(integer) => Reply::Integer(integer),
        Value::Okay => Reply::ok(),
        Value::SimpleString(status) => Reply::Status { status },
        Value::BulkString(bytes) => Reply::Value(Word::Whole(bytes.into()).abridged()),
        Value::Array(values) => Reply::Array(values.into_iter().map(reply).collect()),
        Value::ServerError(error) => Reply::Error { error: text(&error) },
        // RESP3 has types of its own for what RESP2 spells as arrays and strings.
        Value::Set(values) => Reply::Array(values.into_iter().map(reply).collect()),
        Value::Map(pairs) => {
            Reply::Array(pairs.into_iter().flat_map(|(key, value)| [reply(key), reply(value)]).collect())
        }
        Value::Double(number) => Reply::Value(number.to_string().into()),
        // It has more. No command of the workload is answered with one.
        other => Reply::Strange { strange: format!("{other:.200?}") },
    }
}

/// The first words of the errors by which a server says that a command did nothing and never will.
const NOTHING_HAPPENED: [&str; 6] = ["TRYAGAIN", "LOADING", "OOM", "MISCONF", "BUSY", "READONLY"];

/// The error of a server that has too many clients. It did nothing either.
const FULL: &str = "max number of clients reached";

/// The outcome that an error of the server means. An error that a server must not give to a correct command is a reply,
/// which no state of the database explains.
fn refusal(error: &ServerError) -> Outcome {
    match error.code() {
        "UNCERTAIN" => Outcome::Unknown(text(error)),
        code if NOTHING_HAPPENED.contains(&code) => Outcome::Failed(text(error)),
        "ERR" if error.details() == Some(FULL) => Outcome::Failed(text(error)),
        _ => Outcome::Reply(Reply::Error { error: text(error) }),
    }
}

fn text(error: &ServerError) -> String {
    [Some(error.code()), error.details()].into_iter().flatten().collect::<Vec<_>>().join(" ")
}
