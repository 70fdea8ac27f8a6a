//! The hosts of a run, by the names that plans and traces use.

use std::fmt;

/// The number of servers.
pub const SERVERS: usize = 3;

/// A host of the simulated network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The host of all clients.
    Clients,
    /// A server, from 0.
    Server(usize),
    /// The stand-in for S3.
    Store,
}

impl Place {
    /// All hosts.
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

    /// The host of this name.
    pub fn named(name: &str) -> Option<Place> {
        Place::all().find(|place| place.name() == name)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
