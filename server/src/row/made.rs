//! Ids that never come back.

use std::fmt;
use std::str::FromStr;

/// The id of a database or a collection, `generation.ordinal`: the commit that made it, and its number among those that
/// the commit made. A commit that is lost leaves no id, and a generation is stored once, so no id ever comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Made {
    /// The commit.
    pub generation: u64,
    /// Tells it from the others of that commit.
    pub ordinal: u32,
}

impl Made {
    /// The database of users and libraries. It is out of reach of every command on keys.
    pub const SYSTEM: Made = Made { generation: 0, ordinal: u32::MAX };

    /// The id of the database with this number in a database that was just created.
    pub const fn first(number: u32) -> Made {
        Made { generation: 0, ordinal: number }
    }
}

/// The spelling of [`Made::SYSTEM`].
const SYSTEM: &str = "system";

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Made::SYSTEM { f.write_str(SYSTEM) } else { write!(f, "{}.{}", self.generation, self.ordinal) }
    }
}

/// Why a text is not an id.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not an id of the form generation.ordinal")]
pub struct NotMade(String);

impl FromStr for Made {
    type Err = NotMade;

    /// Reads an id in its only spelling: `+1.0` or `01.0` would be a second one.
    fn from_str(text: &str) -> Result<Made, NotMade> {
        if text == SYSTEM {
            return Ok(Made::SYSTEM);
        }
        let parts = text.split_once('.');
        let id = parts.and_then(|(generation, ordinal)| {
            Some(Made { generation: generation.parse().ok()?, ordinal: ordinal.parse().ok()? })
        });
        id.filter(|id| id.to_string() == text).ok_or_else(|| NotMade(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_spelling() {
        for id in [Made::first(3), Made::SYSTEM, Made { generation: u64::MAX, ordinal: 7 }] {
            assert_eq!(id.to_string().parse::<Made>().ok(), Some(id));
        }
        for text in ["", "1", "1.", ".1", "+1.0", "01.0", "1.00", "1.0.0", "0.4294967295", "1.4294967296", "System"] {
            assert!(text.parse::<Made>().is_err(), "{text}");
        }
    }
}
