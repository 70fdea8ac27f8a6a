//! The first bytes of `db.json`.
//!
//! A server that wants to know whether its version is still the current one reads only these. They have the fields that say
//! so, always in the same order.

use super::Header;
use super::format::FORMAT;
use crate::id::Id;

/// The first five fields of a version: the format, and these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The database's identity.
    pub id: Id,
    /// The version.
    pub generation: u64,
    /// Who made it.
    pub by: Id,
    /// Who commits for others.
    pub hint: Option<Id>,
}

impl Opening {
    /// How many bytes hold an opening for certain. It takes about 200.
    pub const BYTES: usize = 512;

    /// Reads the opening of a version of which these are the first bytes. Whatever has another format or another layout
    /// has none.
    pub fn read(bytes: &[u8]) -> Option<Opening> {
        let bytes = &bytes[..bytes.len().min(Opening::BYTES)];
        // No comma stands within the five values. The last part is the rest, so that the others are whole.
        let mut parts = bytes.splitn(6, |byte| *byte == b',');
        let mut field = |name: &str| std::str::from_utf8(parts.next()?).ok()?.strip_prefix(name);
        let format = field("{\"format\":")?;
        let (id, generation) = (field("\"id\":")?, field("\"generation\":")?);
        let (by, hint) = (field("\"by\":")?, field("\"hint\":")?);
        parts.next()?;
        if format != FORMAT.to_string() {
            return None;
        }
        let number: u64 = generation.parse().ok()?;
        let hint = if hint == "null" { None } else { Some(quoted(hint)?) };
        let opening = Opening { id: quoted(id)?, generation: number, by: quoted(by)?, hint };
        (number.to_string() == generation).then_some(opening)
    }
}

impl From<&Header> for Opening {
    fn from(header: &Header) -> Opening {
        Opening { id: header.id, generation: header.generation, by: header.by, hint: header.hint }
    }
}

fn quoted(text: &str) -> Option<Id> {
    Id::parse(text.strip_prefix('"')?.strip_suffix('"')?)
}
