//! The clock of a server.

mod estimate;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

pub use estimate::{Authority, ClockWarning};

use self::estimate::{DatedAnswer, Estimate};
use crate::store::Dated;
use crate::zoo::planted;

use tokio::time::Instant;

/// A wall clock: the machine's, or one that a simulation owns. It may be wrong, and it may jump.
#[derive(Clone)]
pub struct Wall(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Wall {
    /// The clock of the machine.
    pub fn of_the_machine() -> Wall {
        #[expect(clippy::disallowed_methods, reason = "the only place that reads the wall clock, and it is injected")]
        Wall::new(SystemTime::now)
    }

    /// A clock that is read by a call.
    pub fn new(read: impl Fn() -> SystemTime + Send + Sync + 'static) -> Wall {
        Wall(Arc::new(read))
    }
}

/// A clock that shows this time now, and goes on with tokio's.
impl From<SystemTime> for Wall {
    fn from(now: SystemTime) -> Wall {
        let started = Instant::now();
        Wall::new(move || now + started.elapsed())
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wall({:?})", (self.0)())
    }
}

/// The clocks of a server: a wall clock, tokio's monotonic clock, and what the store says. A simulation owns all of them.
#[derive(Debug)]
pub struct Clock {
    wall: Wall,
    started: Instant,
    /// What time it is for all servers, as far as this one can tell.
    estimate: Mutex<Estimate>,
    /// The time of the newest known version, in milliseconds since 1970.
    stored: AtomicU64,
}

impl Clock {
    /// A clock of a server that starts now.
    pub fn new(wall: impl Into<Wall>) -> Clock {
        let estimate = Mutex::new(Estimate::new(Authority::Machine));
        Clock { wall: wall.into(), started: Instant::now(), estimate, stored: AtomicU64::new(0) }
    }

    /// The time since the start.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// The time since the beginning of 1970 by the wall clock. It is zero before.
    pub fn since_epoch(&self) -> Duration {
        (self.wall.0)().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }
}

impl Clock {
    /// From now on the store's clock bounds the estimate.
    pub fn follow_the_store(&self) {
        planted!("wall-clock-trusted" => return);
        *self.estimate() = Estimate::new(Authority::Store);
    }

    /// Notes what an answer of the store tells about the time.
    pub fn heard(&self, dated: &Dated) {
        let since_start = |moment: Instant| moment.saturating_duration_since(self.started);
        let Dated { date, age, sent, received } = *dated;
        let (sent, received) = (since_start(sent), since_start(received));
        self.estimate().heard(DatedAnswer { date, age, sent, received });
    }

    /// Notes the time of a stored version.
    pub fn known(&self, stored: u64) {
        self.stored.fetch_max(stored, Ordering::Relaxed);
        self.estimate().known(stored, self.uptime());
    }

    /// The time that a command sees which is executed now: it is never before the time of a known version.
    pub fn present(&self) -> u64 {
        self.now().max(self.stored.load(Ordering::Relaxed))
    }

    /// The server's estimate of the time that all servers share, in milliseconds since 1970. It never goes back.
    pub fn now(&self) -> u64 {
        planted!("time-stands-still" => return 0);
        let wall = u64::try_from(self.since_epoch().as_millis()).unwrap_or(u64::MAX);
        let mut estimate = self.estimate();
        let now = estimate.now(wall, self.uptime());
        match estimate.take_warning() {
            None => {}
            Some(ClockWarning::FarBeyond { beyond, disagreement }) => tracing::warn!(
                beyond_ms = beyond,
                disagreement_ms = disagreement,
                "the store's clock is more than a day beyond the database's time, and this machine's clock disagrees: \
                 the server goes on from the database's time"
            ),
            Some(ClockWarning::FarBehind { behind }) => tracing::warn!(
                behind_ms = behind,
                "the database's time is more than a day ahead of the clocks: the server goes on from it"
            ),
        }
        now
    }

    fn estimate(&self) -> MutexGuard<'_, Estimate> {
        // Each call leaves it sound, even one that panics.
        self.estimate.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// A clock that somebody can set while the server runs, and the time that it shows, in seconds.
    fn settable() -> (Clock, Arc<Mutex<u64>>) {
        let shown = Arc::new(Mutex::new(1_000_000));
        let wall = Arc::clone(&shown);
        let read = move || SystemTime::UNIX_EPOCH + Duration::from_secs(*wall.lock().unwrap());
        (Clock::new(Wall::new(read)), shown)
    }

    const YEAR: u64 = 365 * 24 * 3600;

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_jumps_while_the_server_runs_stays_between_the_bounds_of_the_store() {
        let (clock, shown) = settable();
        clock.follow_the_store();
        let mut before = 0;
        for (passed, wrong) in [(0, 0), (10, YEAR as i64), (10, -(YEAR as i64)), (10, 30), (10, 0)] {
            tokio::time::advance(Duration::from_secs(passed)).await;
            let true_time = 100 * YEAR + clock.uptime().as_secs();
            *shown.lock().unwrap() = true_time.saturating_add_signed(wrong);
            let now = Instant::now();
            clock.heard(&Dated { date: true_time, age: 0, sent: now, received: now });
            let estimate = clock.now();
            assert!(estimate >= before, "it never goes back");
            // The date has whole seconds, and bounds widen by a thousandth of their age.
            assert!(estimate.abs_diff(true_time * 1_000) <= 1_100, "{estimate} at {true_time}: wrong by {wrong}");
            before = estimate;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_folder_the_machines_clock_counts_and_time_stands_still_while_it_is_behind() {
        let (clock, shown) = settable();
        clock.known(900_000_000);
        assert_eq!(clock.now(), 1_000_000_000);
        *shown.lock().unwrap() = 1_000_100;
        assert_eq!(clock.now(), 1_000_100_000, "set ahead by a minute and a half");
        *shown.lock().unwrap() = 1_000_000;
        assert_eq!(clock.now(), 1_000_100_000, "set back");
        *shown.lock().unwrap() = 1_000_101;
        assert_eq!(clock.now(), 1_000_101_000);
    }
}
