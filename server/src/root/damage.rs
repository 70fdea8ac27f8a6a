//! Why the bytes of `db.json` are not a database.

use super::format::{FIRST_FORMAT, FORMAT};

/// Why the bytes of `db.json` are not a database that this server can read, in words that follow its name.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// Nothing at all.
    #[error("is empty")]
    Empty,
    /// Something else, such as the error page of a proxy.
    #[error("is not a JSON object")]
    Foreign,
    /// Good as far as it goes.
    #[error("is cut short: {0}")]
    CutShort(#[source] serde_json::Error),
    /// Not JSON after all, or not of the expected shape.
    #[error("is not readable: {0}")]
    Unreadable(#[source] serde_json::Error),
    /// An entry of `recent`, counted from 1, is not JSON or has another shape. The error tells the place within the entry.
    #[error("is not readable: entry {0} of recent: {1}")]
    Entry(usize, #[source] serde_json::Error),
    /// `kept` is not JSON, or has another shape.
    #[error("is not readable: kept: {0}")]
    Kept(#[source] serde_json::Error),
    /// Written by another version of Valthree.
    #[error("is of format {0}, and this server reads formats {FIRST_FORMAT} and {FORMAT} only")]
    Format(u64),
    /// Says two things that can't both be true. The text names them; no other error has shown it.
    #[error("contradicts itself: {0}")]
    Contradiction(String),
}

impl Damage {
    /// Tells a file that was cut from one that is wrong. No JSON ends with a minus sign, but the parser calls that a wrong
    /// number.
    pub(super) fn of_json(error: serde_json::Error, bytes: &[u8]) -> Damage {
        if error.is_eof() || bytes.ends_with(b"-") { Damage::CutShort(error) } else { Damage::Unreadable(error) }
    }
}

/// Complains of a contradiction.
pub(super) fn contradiction<T>(what: impl Into<String>) -> Result<T, Damage> {
    Err(Damage::Contradiction(what.into()))
}
