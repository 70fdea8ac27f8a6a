//! What runs are called.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::id::Id;

/// The folder of all runs.
pub const RUNS: &str = "runs/";

/// `runs/<generation>-<id>`: the generation that its author knew when it uploaded it, by which the sweeper goes, and
/// 128 random bits, so that no two uploads ever share a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The generation that was known at the upload.
    pub generation: u64,
    /// Never the same again.
    pub id: Id,
}

impl Name {
    /// Reads a name in the one form that it is written in.
    pub fn parse(text: &str) -> Option<Name> {
        let (generation, id) = text.strip_prefix(RUNS)?.split_once('-')?;
        let name = Name { generation: generation.parse().ok()?, id: Id::parse(id)? };
        (name.to_string() == text).then_some(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{RUNS}{}-{}", self.generation, self.id)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Name::parse(&text).ok_or_else(|| de::Error::custom(format_args!("{text:?} is not the name of a run")))
    }
}
