//! Why the database cannot be used.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// The database cannot be used, for this reason.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub Arc<str>);

/// Why the database cannot be used, and when to look again.
pub struct Trouble {
    pub why: Unusable,
    pub pause: Duration,
    /// When to look again.
    pub look: Instant,
}

impl Trouble {
    /// What clients are told.
    pub fn why(&self) -> Arc<str> {
        Arc::clone(&self.why.0)
    }
}
