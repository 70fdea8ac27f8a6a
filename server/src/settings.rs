//! The settings of a server.

use std::time::Duration;

use crate::resp::Limits;

/// How the server was started, as far as clients may see it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address that the server listens on.
    pub bind: String,
    /// The port that the server listens on.
    pub port: u16,
    /// The location of the database, in words that an operator can follow.
    pub store: String,
    /// The time that a command may take. After it the client hears TRYAGAIN or UNCERTAIN.
    pub deadline: Duration,
    /// The threads that serve connections.
    pub threads: usize,
    /// The connections that are served at the same time.
    pub max_clients: usize,
    /// The size in bytes beyond which the database may not grow: see [`crate::state::Draft::size`].
    pub max_memory: Option<u64>,
    /// The bytes that all connections may hold together: see [`crate::budget`].
    pub max_clients_memory: usize,
    /// The limits of one request.
    pub limits: Limits,
    /// Whether clients may call DEBUG.
    pub debug_commands: bool,
    /// The sizes at which the database is split into several objects.
    pub thresholds: Thresholds,
}

/// The sizes at which the database is split into several objects, or what it derives is built in slices.
///
/// No value can make a result wrong; it can only make the server slow or dear. Tests set them to a few bytes, so that
/// everything that happens to a large database happens all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// The newest entries become a run when they are larger than this, in bytes. A command that writes more than this
    /// uploads its values as a run of its own.
    pub recent: u64,
    /// A run waits until the newest entries hold this many commits like the last one.
    pub commits: u64,
    /// The newest entries become one entry instead of a run if they say much of the same, and if what they say takes no more
    /// than this, in bytes.
    pub squash: u64,
    /// This many runs of similar size merge into one. Runs are of similar size if the largest is less than this many
    /// times larger than the smallest.
    pub fanout: usize,
    /// The server deletes unreferenced runs when it knows of this many.
    pub garbage: usize,
    /// A batch that writes more than this, in bytes, leaves the rest for the next commit.
    pub commit: u64,
    /// A command that needs an order of more rows than this waits while it is built in slices. Smaller ones are built at once.
    pub order: usize,
}

impl Default for Thresholds {
    fn default() -> Thresholds {
        Thresholds {
            recent: 96 << 10,
            commits: 2,
            squash: 2 << 20,
            fanout: 8,
            garbage: 32,
            commit: 4 << 20,
            order: 4096,
        }
    }
}

impl Settings {
    /// 1 GiB, because a server holds the whole database in memory, and twice as much while it merges the largest runs.
    pub const MAX_MEMORY: u64 = 1 << 30;
    /// 256 MiB: four of the largest requests, or 25 KiB for each of ten thousand clients.
    pub const MAX_CLIENTS_MEMORY: usize = 256 << 20;
    /// 16 MiB, so that no single value is most of a database.
    pub const MAX_VALUE: usize = 16 << 20;
    /// 64 MiB, because no request can sensibly bring more than a whole database.
    pub const MAX_REQUEST: usize = 64 << 20;
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            bind: "127.0.0.1".to_owned(),
            port: 6379,
            store: String::new(),
            // Just below two seconds: jedis and other clients give up by themselves then.
            deadline: Duration::from_millis(1900),
            threads: 1,
            // Valkey's default, which clients are used to.
            max_clients: 10_000,
            max_memory: Some(Settings::MAX_MEMORY),
            max_clients_memory: Settings::MAX_CLIENTS_MEMORY,
            limits: Limits {
                bulk_bytes: Settings::MAX_VALUE,
                request_bytes: Settings::MAX_REQUEST,
                ..Limits::default()
            },
            debug_commands: false,
            thresholds: Thresholds::default(),
        }
    }
}
