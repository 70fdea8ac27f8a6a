//! What all connections of one server have in common.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::clients::Clients;
use crate::stats::Stats;

/// One per server; every session holds a reference to it.
#[derive(Debug)]
pub struct Shared {
    /// Who is connected.
    pub clients: Clients,
    /// What has been done.
    pub stats: Arc<Stats>,
    /// What time it is.
    pub clock: Clock,
    /// How the server was started.
    pub settings: Settings,
}

impl Shared {
    /// For a server that starts now, which `started_at` says in wall time.
    pub fn new(settings: Settings, started_at: SystemTime) -> Shared {
        Shared { clients: Clients::default(), stats: Arc::default(), clock: Clock::new(started_at), settings }
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
    /// The longest word of a request, in bytes.
    pub max_bulk: u64,
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
            // Both as Valkey has them, since clients may rely on what they are used to.
            max_clients: 10_000,
            max_bulk: 512 * 1024 * 1024,
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
