//! Waiting for a store that is not up yet.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::StoreError;

/// The first pause after a failure, and the longest. A store is not flooded, and noticed soon when it comes up.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(250));

/// How often the log says that the store still does not answer.
const REMINDER: Duration = Duration::from_secs(10);

/// When a request is given up for good: a connection may have died without a word, so that it would wait for ever.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A request that ends, answered or not.
pub async fn bounded<T>(request: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(REQUEST_TIMEOUT, request).await.unwrap_or_else(|_| Err(StoreError::Unclear("no answer".into())))
}

/// The pauses between attempts, and the reminders in the log.
#[derive(Debug)]
pub struct Patience {
    failures: u32,
    remind: Instant,
}

impl Default for Patience {
    /// Speaks at the second failure: a store that is up fails now and then.
    fn default() -> Patience {
        Patience { failures: 0, remind: Instant::now() }
    }
}

impl Patience {
    /// For who waits beside somebody else: speaks only of what takes long.
    pub fn silent_at_first() -> Patience {
        Patience { failures: 0, remind: Instant::now() + REMINDER }
    }

    /// Pauses after a failure, longer after each.
    pub async fn pause(&mut self, error: &StoreError) {
        let now = Instant::now();
        if self.failures > 0 && now >= self.remind {
            tracing::warn!("waiting for the store: {}", error.why());
            self.remind = now + REMINDER;
        }
        let (first, longest) = PAUSES;
        let pause = first.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.failures += 1;
        sleep(pause).await;
    }

    /// Repeats a request that may be repeated, until it is answered.
    pub async fn until_answered<T, F: Future<Output = Result<T, StoreError>>>(mut self, request: impl Fn() -> F) -> T {
        loop {
            match bounded(request()).await {
                Ok(answer) => return answer,
                Err(error) => self.pause(&error).await,
            }
        }
    }
}
