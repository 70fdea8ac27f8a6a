//! Who takes part, by the names that plans and traces use.

use std::fmt;

/// How many servers there are.
pub const SERVERS: usize = 3;

/// A host of the simulated network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Where all clients are.
    Clients,
    /// A server, from 0.
    Server(usize),
    /// The stand-in for S3.
    Store,
}

impl Place {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Place> + Clone {
        (0..SERVERS).map(Place::Server).chain([Place::Clients, Place::Store])
    }

    /// The servers.
    pub fn servers() -> impl Iterator<Item = Place> + Clone {
        (0..SERVERS).map(Place::Server)
    }

    /// Its name in the simulated network.
    pub fn name(self) -> &'static str {
        match self {
            Place::Clients => "clients",
            Place::Server(0) => "server-0",
            Place::Server(1) => "server-1",
            Place::Server(_) => "server-2",
            Place::Store => "store",
        }
    }

    /// Who has this name.
    pub fn named(name: &str) -> Option<Place> {
        Place::all().find(|place| place.name() == name)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
