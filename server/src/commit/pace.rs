//! How long to wait. Nothing here can make an answer wrong, only early or late.

use std::time::Duration;

use tokio::time::Instant;

/// The weight of one measurement in the estimate of the round trip, as a divisor: smooth enough to ignore one slow
/// answer, quick enough to follow a store that changes.
const SMOOTHING: u32 = 8;

/// The share of a round trip, as a divisor, that a commit may wait for commands that are expected. A cohort of clients
/// that just missed a commit waits for a whole round trip more, so waiting up to a third is worth it: hundreds of them take
/// a quarter to come back.
pub const LINGER: u32 = 3;

/// An answer this many round trips late is taken for lost: the fate is looked up while it may still come.
const PATIENCE: u32 = 4;

/// Bounds on that: a store that answers within a millisecond has moments in which it does not, and a slow one must
/// leave time to look before the deadline.
const PATIENCE_BOUNDS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_millis(600));

/// The first pause after a failure, and the longest. The longest is well below a command's deadline, so that a store
/// that comes back is noticed while somebody still waits.
const BACKOFF_BOUNDS: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(250));

/// What a round trip to the store takes, smoothed.
#[derive(Default)]
pub struct RoundTrip(Option<Duration>);

impl RoundTrip {
    /// Takes a measurement into account. How late an answer comes that was taken for lost says nothing about the next
    /// one: after an outage, reads would otherwise wait for their turn until their time is up.
    pub fn measured(&mut self, took: Duration) {
        let took = took.min(PATIENCE_BOUNDS.1);
        self.0 = Some(match self.0 {
            None => took,
            Some(before) => (before * (SMOOTHING - 1) + took) / SMOOTHING,
        });
    }

    /// The estimate; zero as long as nothing was measured.
    pub fn estimate(&self) -> Duration {
        self.0.unwrap_or_default()
    }

    /// After how long an answer is taken for lost.
    pub fn patience(&self) -> Duration {
        let (least, most) = PATIENCE_BOUNDS;
        (self.estimate() * PATIENCE).clamp(least, most)
    }
}

/// Keeps closed-loop clients together. After a commit the clients that it answered are about to send again; a batch
/// that starts without them splits the clients into two cohorts that each wait for two round trips. So it waits until
/// as many commands have arrived as were answered, beside those that were waiting already. (Aiming at the size of the
/// last batch instead gets stuck at half: each cohort then waits for its own size.) It is the same with checks and the
/// clients that read.
#[derive(Default)]
pub struct Linger(Option<(u64, Instant)>);

impl Linger {
    /// So many commands have been answered, when so many had arrived: theirs are the next, if they come in time.
    pub fn after(&mut self, answered: usize, arrivals: u64, most: Duration, now: Instant) {
        self.0 = Some((arrivals + answered as u64, now + most));
    }

    /// Until when to wait for more, if at all. An idle server's last answer is long past, so there one never waits.
    pub fn until(&self, arrivals: u64, now: Instant) -> Option<Instant> {
        self.0.filter(|&(expected, until)| arrivals < expected && now < until).map(|(_, until)| until)
    }
}

/// Pauses that grow while a store keeps failing.
#[derive(Default)]
pub struct Backoff {
    failures: u32,
    until: Option<Instant>,
}

impl Backoff {
    /// The store failed once more.
    pub fn failed(&mut self, now: Instant) {
        let (first, longest) = BACKOFF_BOUNDS;
        let pause = first.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.failures += 1;
        self.until = Some(now + pause);
    }

    /// The store answered.
    pub fn succeeded(&mut self) {
        *self = Backoff::default();
    }

    /// Until when to leave the store alone, if at all.
    pub fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|&until| now < until)
    }
}
