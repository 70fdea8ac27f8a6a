//! Waiting for a store that does not answer yet.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::StoreError;

/// The pause after the first failure, and the longest pause. They spare a store that is overloaded, and a store that
/// comes up is noticed soon.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(250));

/// When a request is given up. A connection may have died without a word, and its request would wait for ever.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Bounds the time that a request takes.
pub async fn bounded<T>(request: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(REQUEST_TIMEOUT, request).await.unwrap_or_else(|_| Err(StoreError::Unclear("no answer".into())))
}

/// Growing pauses between attempts. The log hears of a failing store from [`super::health`].
#[derive(Debug, Default)]
pub struct Patience {
    failures: u32,
}

impl Patience {
    /// Pauses after a failure, longer after each.
    pub async fn pause(&mut self, error: &StoreError) {
        tracing::debug!(%error, failures = self.failures, "a request to the store failed");
        let (first, longest) = PAUSES;
        let pause = first.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.failures += 1;
        sleep(pause).await;
    }

    /// Repeats a request until it is answered. The request must be harmless when it is repeated.
    pub async fn until_answered<T, F: Future<Output = Result<T, StoreError>>>(mut self, request: impl Fn() -> F) -> T {
        loop {
            match bounded(request()).await {
                Ok(answer) => return answer,
                Err(error) => self.pause(&error).await,
            }
        }
    }
}
