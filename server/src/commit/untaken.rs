//! The memory of long replies that their clients have not taken yet.
//!
//! Nobody knows how long a reply is before the command is executed: a `KEYS *` of twelve bytes may yield millions of keys.
//! A pipeline of them, executed at once, would fill the memory. So the loop counts each long reply from its execution until
//! its connection takes it. From then on the budget counts it, with the other replies that connections hold. While this sum
//! or those replies are at their limit, no unit gets a long reply. Such a unit changes nothing and waits in the queue, and
//! later units of its client wait behind it. Short replies are not held up: their requests took about as much memory, and the
//! budget counts those.
//!
//! The wait ends: the server closes a connection that holds much and takes nothing for [`PATIENCE`](crate::budget::PATIENCE).
//!
//! The sum exceeds its limit by one reply at most, and the replies of all connections theirs by the sum.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::budget::Budget;
use crate::resp::Reply;
use crate::settings::Settings;

/// A reply of less memory is short.
const LONG: usize = 1 << 10;

/// Whether a reply takes so much memory that it counts.
pub fn is_long(reply: &Reply) -> bool {
    reply.memory() >= LONG
}

/// The sum, and its limit.
#[derive(Debug)]
pub struct Untaken {
    sum: AtomicUsize,
    limit: usize,
    budget: Arc<Budget>,
}

impl Untaken {
    /// Nothing is untaken. Of the memory that all clients may hold together, long replies that nobody has taken yet may hold
    /// a quarter.
    pub fn of(budget: &Arc<Budget>) -> Arc<Untaken> {
        Arc::new(Untaken { sum: AtomicUsize::new(0), limit: budget.limit() / 4, budget: Arc::clone(budget) })
    }

    /// Whether no further reply may be long.
    pub fn is_full(&self) -> bool {
        self.sum.load(Ordering::Relaxed) >= self.limit || self.budget.is_full_of_replies()
    }

    /// Counts a reply until the result is dropped. Nothing is counted for a short reply.
    pub fn count(self: &Arc<Untaken>, reply: &Reply) -> Option<Arc<Counted>> {
        let bytes = reply.memory();
        if bytes < LONG {
            return None;
        }
        self.sum.fetch_add(bytes, Ordering::Relaxed);
        Some(Arc::new(Counted { untaken: Arc::clone(self), bytes }))
    }

    /// Waits until the sum or the budget falls below its limit, or has done so since the last call.
    pub async fn room(&self) {
        self.budget.eased().await;
    }
}

impl Default for Untaken {
    fn default() -> Untaken {
        let budget = Budget::new(Settings::MAX_CLIENTS_MEMORY);
        Untaken { sum: AtomicUsize::new(0), limit: budget.limit() / 4, budget }
    }
}

/// A long reply that counts.
#[derive(Debug)]
pub struct Counted {
    untaken: Arc<Untaken>,
    bytes: usize,
}

impl PartialEq for Counted {
    fn eq(&self, other: &Counted) -> bool {
        self.bytes == other.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Untaken { sum, limit, budget } = &*self.untaken;
        let before = sum.fetch_sub(self.bytes, Ordering::Relaxed);
        if before >= *limit && before - self.bytes < *limit {
            budget.ease();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::budget::{ALLOWANCE, Holding};

    #[test]
    fn long_replies_count_until_they_are_taken() {
        let untaken = Untaken::of(&Budget::new(400_000));
        let long = Reply::Array(vec![Reply::Null; 2000]);
        assert_eq!(untaken.count(&Reply::OK), None);
        let mut counted = Vec::new();
        while !untaken.is_full() {
            counted.push(untaken.count(&long).expect("it is long"));
        }
        assert!((1..=3).contains(&counted.len()), "{} fit", counted.len());
        assert_eq!(untaken.room().now_or_never(), None, "nothing was taken");
        drop(counted);
        assert_eq!(untaken.room().now_or_never(), Some(()));
        assert!(!untaken.is_full());
    }

    #[test]
    fn a_text_counts_whatever_its_reply_is_unless_others_hold_it_too() {
        let text = || bytes::Bytes::from(vec![b'x'; 5000]);
        for make in [Reply::Bulk, Reply::Error, Reply::Simple, Reply::Verbatim, Reply::BigNumber] {
            let value = text();
            assert!(is_long(&make(text())) && !is_long(&make(value.clone())), "{}", value.len());
        }
    }

    #[test]
    fn no_reply_may_be_long_while_connections_hold_many_replies() {
        let budget = Budget::new(400_000);
        let untaken = Untaken::of(&budget);
        let mut holding = Holding::new(&budget);
        holding.count(400_000, 0);
        assert!(!untaken.is_full(), "requests must not wait for one another");
        let small: Vec<Holding> = (0..100).map(|_| Holding::new(&budget)).collect();
        let small = small.into_iter().map(|mut holding| {
            holding.count(0, ALLOWANCE - 1);
            holding
        });
        let small: Vec<Holding> = small.collect();
        assert!(!untaken.is_full(), "nobody would close a connection that holds little");
        drop(small);
        holding.count(0, 400_000);
        assert!(untaken.is_full());
        assert_eq!(untaken.room().now_or_never(), None, "nothing was taken");
        holding.count(0, 399_999);
        assert_eq!(untaken.room().now_or_never(), Some(()));
        assert!(!untaken.is_full());
        holding.count(0, 400_000);
        drop(holding);
        assert!(!untaken.is_full() && untaken.room().now_or_never().is_some());
    }
}
