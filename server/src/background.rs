//! Work beside the commit loop.
//!
//! Work that takes longer than a millisecond runs as a task of its own, in slices. Other tasks have their turn between two
//! slices. On several threads, such work keeps one of them busy. On one thread, as in a simulation, it takes turns with
//! the loop in an order that depends on the program alone.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::{JoinHandle, yield_now};

use crate::run::Work;

/// A task that is aborted when its handle is dropped.
pub struct Background<T>(JoinHandle<T>);

impl<T: Send + 'static> Background<T> {
    /// Starts it.
    pub fn start(task: impl Future<Output = T> + Send + 'static) -> Background<T> {
        Background(tokio::spawn(task))
    }
}

impl<T> Future for Background<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx).map(|ended| ended.expect("work in the background does not panic"))
    }
}

impl<T> Drop for Background<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Does work in slices.
pub async fn in_slices<W: Work>(mut work: W) -> W::Done {
    loop {
        if let Some(done) = work.step() {
            return done;
        }
        yield_now().await;
    }
}
