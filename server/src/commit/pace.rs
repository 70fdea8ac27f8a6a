//! How long to wait. A mistake here makes an answer early or late, never wrong.

use std::time::Duration;

use tokio::time::Instant;

/// The weight of one measurement in the estimate of the round trip, as a divisor. The estimate ignores one slow answer and
/// follows a store that changes.
const SMOOTHING: u32 = 8;

/// The share of a round trip, as a divisor, that a commit may wait for expected commands. A client that just misses a commit
/// waits for a whole round trip more, so waiting up to a third is worth it. Hundreds of clients take a quarter to ask
/// again.
pub const LINGER: u32 = 3;

/// After this many round trips the server looks up the fate of a PUT, although its answer may still come.
const PATIENCE: u32 = 4;

/// Bounds on that. A store that answers within a millisecond has slow moments. A slow store must leave time to look before
/// the deadline.
const PATIENCE_BOUNDS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_millis(600));

/// The first pause after a failure, and the longest. The longest is well below a command's deadline, so that the server
/// notices a store that is back while clients still wait.
const BACKOFF_BOUNDS: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(250));

/// The smoothed time of a round trip to the store.
#[derive(Default)]
pub struct RoundTrip(Option<Duration>);

impl RoundTrip {
    /// Takes a measurement into account. An answer that comes after an outage says nothing about the next one, so its time
    /// is capped: reads would otherwise wait for their turn until their deadline.
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

/// How much time a unit needs before its deadline to join a commit: if it is new, and if it has lost a race before.
///
/// A PUT that wins takes one round trip. One that loses is settled only by a GET after it, so the client of a unit that
/// starts later could hear UNCERTAIN although nothing failed. A deadline of less than six round trips leaves no time for a
/// second try. Then there are no margins: the store is too slow for the deadline, and to refuse units early would not help.
pub fn margins(round_trip: Duration, deadline: Duration) -> (Duration, Duration) {
    let once = round_trip * 3 / 2;
    if deadline < 4 * once { (Duration::ZERO, Duration::ZERO) } else { (once, 2 * once) }
}

/// Keeps closed-loop clients in one cohort. The clients that a commit has answered are about to send again. A batch that
/// starts without them splits the clients into two cohorts, and each cohort then waits for two round trips. So the next
/// batch waits until as many commands have arrived as were answered, beside the ones that waited already. (Waiting for the
/// size of the last batch does not help: each cohort then waits for its own size.) Checks treat readers the same way.
#[derive(Default)]
pub struct Linger(Option<(u64, Instant)>);

impl Linger {
    /// Notes how many commands were answered, after how many arrivals. As many are expected next, within `most`.
    pub fn after(&mut self, answered: usize, arrivals: u64, most: Duration, now: Instant) {
        self.0 = Some((arrivals + answered as u64, now + most));
    }

    /// Until when to wait for more, if at all. The first command after a silence never waits.
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
