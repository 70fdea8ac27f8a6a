//! Names of servers and databases.

use std::borrow::Cow;
use std::fmt;

use rand::{Rng, RngExt as _};
use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

/// 128 random bits that name a server or a database.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(u128);

impl Id {
    /// Draws a new one.
    pub fn random(rng: &mut impl Rng) -> Id {
        Id(rng.random())
    }

    /// Reads an id in the one form that it is written in: `+1f` or a shorter one would be a second spelling of it.
    pub fn parse(text: &str) -> Option<Id> {
        let id = u128::from_str_radix(text, 16).ok().map(Id);
        id.filter(|id| id.to_string() == text)
    }

    /// The bits.
    pub fn bits(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Id::parse(&text)
            .ok_or_else(|| de::Error::custom(format_args!("{text:?} is not an id of 32 hexadecimal digits")))
    }
}
