//! How long requests may take.

use std::time::Duration;

/// How long a connection may take, TLS included. Across the world it takes a few hundred milliseconds.
const CONNECT: Duration = Duration::from_secs(2);

/// How long the answer to a request may take to begin.
const ATTEMPT: Duration = Duration::from_secs(10);

/// How much longer for each [`LARGE`] bytes of an upload: a quarter of a megabyte per second is slow even for a line at
/// home.
pub(super) const ATTEMPT_MORE: Duration = Duration::from_secs(4);

/// One mebibyte.
pub(super) const LARGE: usize = 1 << 20;

/// How long the next bytes of an answer may take to come.
const STALL: Duration = Duration::from_secs(5);

/// How long a request may take in its parts.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Until there is a connection.
    pub connect: Duration,
    /// Until an answer begins.
    pub attempt: Duration,
    /// Until the answer goes on.
    pub stall: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts { connect: CONNECT, attempt: ATTEMPT, stall: STALL }
    }
}
