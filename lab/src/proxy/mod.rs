//! A TCP proxy that adds a network's delay to connections, and counts what passes.
//!
//! A delay is not a limit: bytes are stamped when they arrive and go on when they are due (`link`), however many there
//! are, so that pipelining and throughput are those of the connection behind, and a round trip takes exactly the delay
//! longer. The bytes themselves are never changed. Requests are counted by reading along ([`Requests`]).
//!
//! What a network does beyond delaying (resets, black holes, scarce bandwidth) belongs in `link`, where every chunk
//! passes with its time of arrival.
//!
//! What it is not: a proxy of HTTP. It neither reads answers nor knows of TLS; what is not HTTP/1.1 passes uncounted.

mod link;
mod requests;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite, split};
use valthree::server::Listener;

pub use requests::{Method, Requests};

use crate::accept;

/// How long bytes take, on top of the real network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delay {
    /// From the client to the server.
    pub there: Duration,
    /// From the server to the client.
    pub back: Duration,
}

impl Delay {
    /// A round trip that takes this much longer, half of it each way. An odd millisecond goes to the way back: tokio's
    /// timers know no halves.
    pub fn of_round_trip(delay: Duration) -> Delay {
        let there = Duration::from_millis(delay.as_millis() as u64 / 2);
        Delay { there, back: delay - there }
    }
}

/// What has passed. Bytes and requests count when they arrive at the proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Connections that clients made.
    pub connections: u64,
    /// Those of them that are open.
    pub open: u64,
    /// Those of them that ended at once because the server took none.
    pub refused: u64,
    /// Those of them on which something came that is not HTTP/1.1; requests are not counted from there on.
    pub foreign: u64,
    /// Requests by method.
    pub requests: BTreeMap<Method, u64>,
    /// Bytes from clients to the server.
    pub bytes_there: u64,
    /// Bytes from the server to clients.
    pub bytes_back: u64,
}

/// Counts that are still going. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Counters(Arc<Mutex<Counts>>);

impl Counters {
    /// All zero.
    pub fn new() -> Counters {
        Counters::default()
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Numbers are whole even if somebody panicked next to them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes connections and passes them on to what `connect` connects to, until `shutdown`; then drops all of them.
pub async fn run<L, C, F, IO>(
    listener: L,
    connect: C,
    delay: Delay,
    counters: Counters,
    shutdown: impl Future<Output = ()>,
) where
    L: Listener,
    C: Fn() -> F,
    F: Future<Output = io::Result<IO>> + Send + 'static,
    IO: AsyncRead + AsyncWrite + Send + 'static,
{
    accept::each(listener, shutdown, |client, peer| pass(client, peer, connect(), delay, counters.clone())).await;
}

/// Counts a connection as open for as long as this lives, also if its task is dropped.
struct Open(Counters);

impl Open {
    fn new(counters: Counters) -> Open {
        let mut counts = counters.lock();
        counts.connections += 1;
        counts.open += 1;
        drop(counts);
        Open(counters)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.lock().open -= 1;
    }
}

/// Passes one connection on, until both directions have ended.
async fn pass<A, B>(
    client: A,
    peer: String,
    connecting: impl Future<Output = io::Result<B>>,
    delay: Delay,
    counters: Counters,
) where
    A: AsyncRead + AsyncWrite,
    B: AsyncRead + AsyncWrite,
{
    let _open = Open::new(counters.clone());
    let server = match connecting.await {
        Ok(server) => server,
        Err(error) => {
            tracing::warn!(peer, %error, "the server takes no connection");
            counters.lock().refused += 1;
            return;
        }
    };
    let (from_client, to_client) = split(client);
    let (from_server, to_server) = split(server);
    let mut requests = Requests::new();
    let there = link::pass(from_client, to_server, delay.there, |bytes| {
        let was_foreign = requests.foreign();
        let mut counts = counters.lock();
        counts.bytes_there += bytes.len() as u64;
        requests.read(bytes, |method| *counts.requests.entry(method).or_default() += 1);
        counts.foreign += u64::from(requests.foreign() && !was_foreign);
    });
    let back = link::pass(from_server, to_client, delay.back, |bytes| {
        counters.lock().bytes_back += bytes.len() as u64;
    });
    let (there, back) = tokio::join!(there, back);
    for (direction, end) in [("there", there), ("back", back)] {
        if let Err(error) = end {
            tracing::debug!(peer, direction, %error, "a direction ended");
        }
    }
}
