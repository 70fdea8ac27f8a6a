//! Waiting for a store that is not up yet.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::StoreError;

/// The first pause after a failure, and the longest. A store is not flooded, and noticed soon when it comes up.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(250));

/// How often the log says that the store still does not answer.
const REMINDER: Duration = Duration::from_secs(10);

/// How many failures in a row are nobody's business: a store that is up fails now and then.
const QUIET: u32 = 2;

/// The pauses between attempts, and the reminders in the log.
#[derive(Debug)]
pub struct Patience {
    failures: u32,
    remind: Instant,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { failures: 0, remind: Instant::now() }
    }
}

impl Patience {
    /// Pauses after a failure, longer after each.
    pub async fn pause(&mut self, error: &StoreError) {
        let now = Instant::now();
        if self.failures >= QUIET && now >= self.remind {
            tracing::warn!("waiting for the store: {error}");
            self.remind = now + REMINDER;
        }
        let (first, longest) = PAUSES;
        let pause = first.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.failures += 1;
        sleep(pause).await;
    }
}

/// Repeats a request that may be repeated, until it is answered.
pub async fn until_answered<T, F: Future<Output = Result<T, StoreError>>>(request: impl Fn() -> F) -> T {
    let mut patience = Patience::default();
    loop {
        match request().await {
            Ok(answer) => return answer,
            Err(error) => patience.pause(&error).await,
        }
    }
}
