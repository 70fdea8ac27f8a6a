//! The memory of long replies that their clients have not taken yet.
//!
//! Nobody knows how long a reply is before the command is executed: a `KEYS *` of twelve bytes may yield millions of keys.
//! A pipeline of them, executed at once, would fill the memory. So the loop counts each long reply from its execution until
//! its connection takes it. While the sum is at the limit, no unit gets a long reply. Such a unit changes nothing and waits
//! in the queue, and later units of its client wait behind it. Short replies are not held up: their requests took about as
//! much memory, and the budget counts those.
//!
//! The sum exceeds the limit by one reply at most.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

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
    room: Notify,
}

impl Untaken {
    /// Nothing is untaken. All clients together may hold this much memory; long replies may take a quarter of it.
    pub fn of(max_clients_memory: usize) -> Arc<Untaken> {
        Arc::new(Untaken { sum: AtomicUsize::new(0), limit: max_clients_memory / 4, room: Notify::new() })
    }

    /// Whether no further reply may be long.
    pub fn is_full(&self) -> bool {
        self.sum.load(Ordering::Relaxed) >= self.limit
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

    /// Waits until the sum falls below the limit, or has done so since the last call.
    pub async fn room(&self) {
        self.room.notified().await;
    }
}

impl Default for Untaken {
    fn default() -> Untaken {
        Untaken { sum: AtomicUsize::new(0), limit: Settings::MAX_CLIENTS_MEMORY / 4, room: Notify::new() }
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
        let Untaken { sum, limit, room } = &*self.untaken;
        let before = sum.fetch_sub(self.bytes, Ordering::Relaxed);
        if before >= *limit && before - self.bytes < *limit {
            room.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn long_replies_count_until_they_are_taken() {
        let untaken = Untaken::of(400_000);
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
}
