//! The memory that all clients of a server use together, and its limit.
//!
//! The budget counts what clients make the server hold:
//!
//! - requests that are not whole yet;
//! - requests whose replies are not encoded yet, also after their client is gone;
//! - replies that commands have made, such as those of scripts, until they are encoded;
//! - encoded replies that the client has not taken yet.
//!
//! A reply may also refer to values of the database. The budget does not count such a value until it is encoded.
//!
//! Counting never waits and never fails. The sum decides what a connection does *next*:
//!
//! | the sum | a connection reads and executes |
//! |---|---|
//! | is below the limit | always |
//! | has reached the limit | while it holds less than [`ALLOWANCE`], so that small requests of others do not suffer |
//! | has reached 150 % of the limit | nothing; it still sends the replies that it has |
//!
//! A connection that may not go on waits for the others. The wait ends: commands have deadlines, and the server closes a
//! connection that holds an unfinished request or untaken replies for [`PATIENCE`] without progress. One step of reading
//! or encoding can exceed 150 % of the limit, but no more than that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// What a connection may hold although the limit is reached: requests and replies of the usual size.
pub const ALLOWANCE: usize = 16 << 10;

/// How long a connection may hold more than it is allowed to without sending or taking a byte. Commands usually have a
/// shorter deadline, which frees what they hold.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The replies that the server encodes for one client before it takes them, while there is memory for all. Beyond it the
/// server stops executing and reading its requests.
pub(super) const UNTAKEN_BYTES: usize = 64 << 20;

/// How much memory is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// Less than the limit.
    Low,
    /// The limit or more.
    High,
    /// 150 % of the limit or more.
    Utmost,
}

impl Pressure {
    /// A connection that holds less than this may go on.
    pub fn allowance(self) -> usize {
        match self {
            Pressure::Low => usize::MAX,
            Pressure::High => ALLOWANCE,
            Pressure::Utmost => 0,
        }
    }
}

/// The budget of a server.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    held: AtomicUsize,
    /// The replies of connections that hold much of them.
    replies: AtomicUsize,
    pressure: watch::Sender<Pressure>,
    /// Tells the commit loop that there may be memory for a long reply again.
    eased: Notify,
}

impl Budget {
    /// A budget of which nothing is used.
    pub fn new(limit: usize) -> Arc<Budget> {
        let pressure = watch::Sender::new(Pressure::Low);
        Arc::new(Budget {
            limit,
            held: AtomicUsize::new(0),
            replies: AtomicUsize::new(0),
            pressure,
            eased: Notify::new(),
        })
    }

    /// The bytes that all holders may use together.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Whether replies alone have reached the limit, not counting connections that hold less than [`ALLOWANCE`] of them.
    ///
    /// Requests do not count: most of them wait for this, and would wait for one another. Whoever counts is a connection that
    /// is closed if it takes nothing for [`PATIENCE`], because the whole sum has reached the limit as well.
    pub fn is_full_of_replies(&self) -> bool {
        self.replies.load(Ordering::Relaxed) >= self.limit
    }

    /// Tells whoever waits in [`Budget::eased`] to look again.
    pub fn ease(&self) {
        self.eased.notify_one();
    }

    /// Waits until replies fall below the limit, or until somebody calls [`Budget::ease`], or has done so since the last
    /// call. Only the commit loop waits here.
    pub async fn eased(&self) {
        self.eased.notified().await;
    }

    /// The bytes in use.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// The bytes that are left before the limit.
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.held())
    }

    /// Follows the pressure.
    pub fn watch(&self) -> watch::Receiver<Pressure> {
        self.pressure.subscribe()
    }

    fn pressure(&self, held: usize) -> Pressure {
        if held < self.limit {
            Pressure::Low
        } else if held - self.limit < self.limit / 2 {
            Pressure::High
        } else {
            Pressure::Utmost
        }
    }

    /// Tells all connections if the sum has crossed a limit.
    fn changed(&self, before: usize, after: usize) {
        if self.pressure(before) != self.pressure(after) {
            self.pressure.send_if_modified(|pressure| {
                // Read again under the lock, so that the last of several threads tells the present pressure.
                let now = self.pressure(self.held());
                std::mem::replace(pressure, now) != now
            });
        }
    }
}

/// A part of the budget that one holder uses. Dropping it frees that part.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Share {
    /// Uses this many bytes.
    pub fn new(budget: &Arc<Budget>, bytes: usize) -> Share {
        let mut share = Share { budget: Arc::clone(budget), bytes: 0 };
        share.resize(bytes);
        share
    }

    /// The bytes that all holders may use together.
    pub fn limit(&self) -> usize {
        self.budget.limit
    }

    /// Uses this many bytes from now on.
    pub fn resize(&mut self, bytes: usize) {
        let before = std::mem::replace(&mut self.bytes, bytes);
        if bytes > before {
            let held = self.budget.held.fetch_add(bytes - before, Ordering::Relaxed);
            self.budget.changed(held, held + (bytes - before));
        } else if bytes < before {
            let held = self.budget.held.fetch_sub(before - bytes, Ordering::Relaxed);
            self.budget.changed(held, held - (before - bytes));
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.resize(0);
    }
}

/// A connection's view of the budget: what it uses itself, and what the pressure allows it.
///
/// Requests that were handed to the commit loop have a [`Share`] of their own.
pub(super) struct Holding {
    share: Share,
    /// The replies that [`Budget::is_full_of_replies`] counts.
    replies: usize,
    changes: watch::Receiver<Pressure>,
    pub(super) pressure: Pressure,
    /// When the client last sent or took a byte.
    pub(super) progress: Instant,
}

impl Holding {
    pub(super) fn new(budget: &Arc<Budget>) -> Holding {
        let mut changes = budget.watch();
        let pressure = *changes.borrow_and_update();
        Holding { share: Share::new(budget, 0), replies: 0, changes, pressure, progress: Instant::now() }
    }

    /// Takes note of the present pressure. It takes the lock only if the pressure has changed.
    pub(super) fn refresh(&mut self) {
        if self.changes.has_changed().unwrap_or(false) {
            self.pressure = *self.changes.borrow_and_update();
        }
    }

    pub(super) async fn pressure_changes(&mut self) {
        if self.changes.changed().await.is_err() {
            std::future::pending().await // cannot happen: `share` keeps the budget alive
        }
        self.pressure = *self.changes.borrow();
    }

    /// Counts the bytes that the connection holds now.
    pub(super) fn count(&mut self, requests: usize, replies: usize) {
        self.share.resize(requests + replies);
        self.count_replies(if replies >= ALLOWANCE { replies } else { 0 });
        self.refresh();
    }

    fn count_replies(&mut self, bytes: usize) {
        let Budget { limit, replies, .. } = &*self.share.budget;
        let before = std::mem::replace(&mut self.replies, bytes);
        if bytes > before {
            replies.fetch_add(bytes - before, Ordering::Relaxed);
        } else if bytes < before {
            let sum = replies.fetch_sub(before - bytes, Ordering::Relaxed);
            if sum >= *limit && sum - (before - bytes) < *limit {
                self.share.budget.ease();
            }
        }
    }

    /// Up to this size the connection may encode replies ahead.
    pub(super) fn room(&self) -> usize {
        if self.pressure == Pressure::Low { UNTAKEN_BYTES } else { ALLOWANCE }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.count_replies(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_follows_what_is_held_and_falls_when_a_share_is_dropped() {
        let budget = Budget::new(100);
        let told = budget.watch();
        let mut one = Share::new(&budget, 99);
        assert_eq!(*told.borrow(), Pressure::Low);
        let other = Share::new(&budget, 1);
        assert_eq!(*told.borrow(), Pressure::High);
        one.resize(149);
        assert_eq!((*told.borrow(), budget.held()), (Pressure::Utmost, 150));
        drop(other);
        assert_eq!(*told.borrow(), Pressure::High);
        drop(one);
        assert_eq!((*told.borrow(), budget.held()), (Pressure::Low, 0));
    }

    #[test]
    fn threads_that_cross_the_limit_leave_the_truth_behind() {
        let budget = Budget::new(100);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| drop(Share::new(&budget, 60))));
            }
        });
        assert_eq!((*budget.watch().borrow(), budget.held()), (Pressure::Low, 0));
    }
}
