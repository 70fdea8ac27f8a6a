//! What a native function raises, and what is noted of an error that nobody has caught.

use bytes::Bytes;
use mlua::Value;

/// How a run failed, as the outermost error handler saw it.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub text: Bytes,
    /// The chunk and the line that raised the error. Native functions have the line -1.
    pub at: Option<(String, i64)>,
}
/// An error that a native function raises.
#[derive(Clone, Debug)]
pub(crate) enum Raised {
    /// A string, as `error("text")` raises it.
    Text(Bytes),
    /// A table with the text in its field `err`, as `redis.call` raises it.
    Reply(Bytes),
    /// A value that a script raised inside a callback of a native function.
    Value(Value),
    /// A bound is broken. No script sees this value.
    Stopped,
}

impl std::fmt::Display for Raised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Raised::Text(text) | Raised::Reply(text) => f.write_str(&String::from_utf8_lossy(text)),
            Raised::Value(value) => write!(f, "{value:?}"),
            Raised::Stopped => f.write_str("stopped"),
        }
    }
}

impl std::error::Error for Raised {}

/// Raises a string without a position.
pub(crate) fn raise(text: impl Into<Bytes>) -> mlua::Error {
    mlua::Error::external(Raised::Text(text.into()))
}
