//! What all connections of one server have in common.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::budget::Budget;
use crate::clients::Clients;
use crate::resp::Limits;
use crate::stats::Stats;

/// One per server; every session holds a reference to it.
#[derive(Debug)]
pub struct Shared {
    /// Who is connected.
    pub clients: Clients,
    /// What has been done.
    pub stats: Arc<Stats>,
    /// What connections hold.
    pub budget: Arc<Budget>,
    /// What time it is.
    pub clock: Clock,
    /// How the server was started.
    pub settings: Settings,
}

impl Shared {
    /// For a server that starts now, which `started_at` says in wall time.
    pub fn new(settings: Settings, started_at: SystemTime) -> Shared {
        Shared {
            clients: Clients::default(),
            stats: Arc::default(),
            budget: Budget::new(settings.max_clients_memory),
            clock: Clock::new(started_at),
            settings,
        }
    }
}

/// How the server was started, as far as clients may see it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address that it listens on.
    pub bind: String,
    /// The port that it listens on.
    pub port: u16,
    /// Where its database is, in words that an operator can follow.
    pub store: String,
    /// How long a command may take before its client is told that it did not happen, or that this is unclear.
    pub deadline: Duration,
    /// The threads that serve connections.
    pub threads: usize,
    /// The connections that are served at the same time.
    pub max_clients: usize,
    /// The size beyond which the database may not grow, in bytes: see [`crate::root::Entries::size`].
    pub max_memory: Option<u64>,
    /// What all connections may hold together, in bytes: see [`crate::budget`].
    pub max_clients_memory: usize,
    /// What one request may be.
    pub limits: Limits,
    /// From which sizes on the database is kept in several objects.
    pub thresholds: Thresholds,
}

/// From which sizes on the database is kept in several objects. None of them can make anything wrong, only slow or dear:
/// tests set them to a few bytes, so that everything that happens to large databases happens all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// When the newest entries together are larger than this, in bytes, they become a run. What one command writes is
    /// uploaded by itself if it is larger than this.
    pub recent: u64,
    /// When they are, but hold less than so many commits like the last one, that waits.
    pub commits: u64,
    /// So many runs of about the same size become one; and runs are of about the same size if none is so many times
    /// larger than another.
    pub fanout: usize,
    /// When so many runs are known to be of no use any more, those that are not named are deleted.
    pub garbage: usize,
    /// When what is written together is larger than this, in bytes, the rest waits for the next commit.
    pub commit: u64,
}

impl Default for Thresholds {
    fn default() -> Thresholds {
        Thresholds { recent: 128 << 10, commits: 4, fanout: 8, garbage: 32, commit: 4 << 20 }
    }
}

impl Settings {
    /// 1 GiB, because a server holds all of the database in memory, and twice as much while it merges the largest runs.
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
            // Just under the two seconds after which jedis, and others with it, give up by themselves.
            deadline: Duration::from_millis(1900),
            threads: 1,
            // As Valkey has it, since clients may rely on what they are used to.
            max_clients: 10_000,
            max_memory: Some(Settings::MAX_MEMORY),
            max_clients_memory: Settings::MAX_CLIENTS_MEMORY,
            limits: Limits {
                bulk_bytes: Settings::MAX_VALUE,
                request_bytes: Settings::MAX_REQUEST,
                ..Limits::default()
            },
            thresholds: Thresholds::default(),
        }
    }
}

/// Wall time that goes by tokio's clock. The wall clock itself was read once, outside, so a simulation owns both.
#[derive(Debug)]
pub struct Clock {
    started_at: SystemTime,
    started: Instant,
}

impl Clock {
    /// A clock that shows `started_at` now.
    pub fn new(started_at: SystemTime) -> Clock {
        Clock { started_at, started: Instant::now() }
    }

    /// How long it has been running.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// The time since the beginning of 1970; zero before it.
    pub fn since_epoch(&self) -> Duration {
        self.started_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default() + self.uptime()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_goes_on_from_where_it_was_set() {
        let clock = Clock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000));
        tokio::time::advance(Duration::from_millis(1_500)).await;
        assert_eq!(clock.uptime(), Duration::from_millis(1_500));
        assert_eq!(clock.since_epoch(), Duration::from_millis(1_001_500));
    }
}
