//! How a connection ends when the server stops.
//!
//! The server answers every command that it has read. It neither executes nor answers a command that comes too late.
//!
//! No order of events spares every client. TCP cannot tell a client that nobody will read its next bytes; it can only
//! tell that no more replies follow, and a client may have sent its next command before it hears that. A client loses
//! nothing if it hears it together with a reply, or while it is silent. So:
//!
//! 1. If the client waits for replies, the connection ends right behind the last of them.
//! 2. Otherwise a command may be on its way. The server listens until the client has been silent for [`SILENCE`]. If a
//!    command comes, rule 1 holds.
//! 3. The server stops reading after [`LAST_READ`], or a client that never pauses would keep it running.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Longer than a packet usually takes.
const SILENCE: Duration = Duration::from_millis(20);

/// Long enough to read what a client has sent already, and much shorter than the patience of whoever stops a server.
const LAST_READ: Duration = Duration::from_millis(200);

/// Follows whether the server stops, and when a connection should end then.
pub(super) struct LastWords {
    stopping: watch::Receiver<bool>,
    end: Option<End>,
}

struct End {
    /// When the server began to stop.
    stop: Instant,
    /// When the client last sent something, if later.
    heard: Instant,
    /// Whether the connection ends as soon as everything is answered.
    is_due: bool,
}

impl LastWords {
    pub(super) fn new(stopping: watch::Receiver<bool>) -> LastWords {
        LastWords { stopping, end: None }
    }

    /// Whether the connection should end now that everything is answered.
    pub(super) fn is_due(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.is_due)
    }

    /// Waits until the server stops, or until one of the times above is over.
    pub(super) async fn next(&mut self) {
        match &self.end {
            // An error means that the server is gone, so it has stopped as well.
            None => drop(self.stopping.wait_for(|stopping| *stopping).await),
            Some(end) => tokio::time::sleep_until(end.next()).await,
        }
    }

    /// Takes note of what [`LastWords::next`] waited for. Returns whether the server still reads from the client.
    pub(super) fn proceed(&mut self, is_awaiting_replies: bool) -> bool {
        let now = Instant::now();
        match &mut self.end {
            None => {
                self.end = Some(End { stop: now, heard: now, is_due: is_awaiting_replies });
                true
            }
            Some(end) => {
                end.is_due = true;
                now < end.stop + LAST_READ
            }
        }
    }

    /// The client has sent something.
    pub(super) fn hear(&mut self, is_awaiting_replies: bool) {
        if let Some(end) = &mut self.end {
            end.heard = Instant::now();
            end.is_due |= is_awaiting_replies;
        }
    }
}

impl End {
    fn next(&self) -> Instant {
        let last_read = self.stop + LAST_READ;
        if self.is_due { last_read } else { last_read.min(self.heard + SILENCE) }
    }
}
