//! What all connections of a server may hold together, and how they come to know that it is too much.
//!
//! What a client makes the server keep is counted: requests that are not whole yet, requests that wait for their answers
//! (also those of clients that are gone), and replies that are not taken. Values that a reply only refers to so far are
//! the database's and not counted, though one that is overwritten lives on until it is written down. Counting never
//! waits and never fails; it is what a connection does *next* that depends on the sum:
//!
//! | the sum | a connection goes on reading and answering |
//! |---|---|
//! | is below the limit | always |
//! | is at the limit | while it holds less than [`ALLOWANCE`], so that small requests of others do not suffer |
//! | is half as much again | not at all, but replies that are known are sent |
//!
//! Whoever may not go on waits for the others. It always ends: commands have deadlines, and a connection that is waiting
//! with an unfinished request or untaken replies of its own is closed after [`PATIENCE`]. So nobody waits for a client
//! for ever, and the sum exceeds its last limit only by what is read or written down at one go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// What a connection may hold although the server is at its limit: requests and replies of the usual size.
pub const ALLOWANCE: usize = 16 << 10;

/// For how long a connection may hold more than it is allowed to without sending or taking a byte. Longer than commands
/// usually have until their deadline, which gives back what they hold.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How much is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// Less than the limit.
    Low,
    /// As much as the limit.
    High,
    /// Half as much again.
    Utmost,
}

impl Pressure {
    /// What a connection has to stay below to go on.
    pub fn allowance(self) -> usize {
        match self {
            Pressure::Low => usize::MAX,
            Pressure::High => ALLOWANCE,
            Pressure::Utmost => 0,
        }
    }
}

/// One per server.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    held: AtomicUsize,
    pressure: watch::Sender<Pressure>,
}

impl Budget {
    /// Nothing is held yet.
    pub fn new(limit: usize) -> Arc<Budget> {
        let pressure = watch::Sender::new(Pressure::Low);
        Arc::new(Budget { limit, held: AtomicUsize::new(0), pressure })
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// How many more there may be before the limit.
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.held())
    }

    /// Tells when the pressure changes.
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

    /// Tells everybody, if one of the limits was crossed.
    fn changed(&self, before: usize, after: usize) {
        if self.pressure(before) != self.pressure(after) {
            self.pressure.send_if_modified(|pressure| {
                // Looked at again under the lock: whoever comes last tells the truth, whatever happened in between.
                let now = self.pressure(self.held());
                std::mem::replace(pressure, now) != now
            });
        }
    }
}

/// What one holder has of the budget. It is given back when this is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Share {
    /// So many bytes.
    pub fn new(budget: &Arc<Budget>, bytes: usize) -> Share {
        let mut share = Share { budget: Arc::clone(budget), bytes: 0 };
        share.resize(bytes);
        share
    }

    /// So many bytes from now on.
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
