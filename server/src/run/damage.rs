//! What can be wrong with a run.

use std::io;

use super::{FORMAT, OLD_FORMAT};
use crate::row::Unpackable;

/// Why the bytes of an object are not a run that this server can read, in words that follow its name.
#[derive(Debug, thiserror::Error)]
pub enum RunDamage {
    /// Too short, or something else.
    #[error("is not a run: {0}")]
    Foreign(&'static str),
    /// Its first line is not that of a run.
    #[error("is not a run: its first line says something else: {0}")]
    FirstLine(#[source] serde_json::Error),
    /// Written by another version of Valthree.
    #[error("is a run of format {0}, and this server reads formats {OLD_FORMAT} and {FORMAT} only")]
    Format(u64),
    /// Not the bytes that were written.
    #[error("is damaged: its checksum is wrong")]
    Checksum,
    /// A frame that does not unpack, though its checksum is right.
    #[error("contradicts itself: a frame is not readable: {0}")]
    Frame(#[source] io::Error),
    /// A row that this server does not know, though its checksum is right.
    #[error("contradicts itself: {0}")]
    Row(#[from] Unpackable),
    /// The bytes that were written were wrong. The text says how; no other error has shown it.
    #[error("contradicts itself: {0}")]
    Contradiction(String),
    /// Not what `db.json` says that it is. The text names the difference.
    #[error("is not the run that db.json names: {0}")]
    Other(String),
}
