//! What happens: a command takes effect, or a life ends.

use crate::model::{Lifetime, Site};
use crate::operation::{Command, Reply};
use crate::word::Word;

/// A key of a numbered database.
pub(super) type Place<'h> = (u8, &'h Word);

/// What happens.
pub(super) enum Doing<'h> {
    /// A command takes effect.
    Command {
        command: &'h Command,
        /// The reply in its comparable form, if the client got one.
        seen: Option<Reply>,
        site: Site,
    },
    /// The life ends that an operation gave to a key, or to these fields of its hash.
    Death { key: &'h Word, limit: Lifetime, fields: Vec<&'h Word> },
}
