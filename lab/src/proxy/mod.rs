//! A TCP proxy that adds a network's delay and a network's faults to connections, and counts what passes.
//!
//! A delay is not a limit: bytes are stamped when they arrive and go on when they are due (`link`), however many there
//! are, so that pipelining and throughput are those of the connection behind, and a round trip takes exactly the delay
//! longer. The bytes themselves are never changed. Requests are counted by reading along ([`Requests`]).
//!
//! Where a request's head ends it may meet a [`Fault`]: one that a seed draws ([`Plan`]), or that whoever runs the proxy
//! decides on ([`Faults`]). A client must not mistake these for each other: a request that never arrived, one whose
//! answer was lost, and one that arrives when nobody waits for it any more.
//!
//! What it is not: a proxy of HTTP. It neither reads answers nor knows of TLS; what is not HTTP/1.1 passes uncounted.

mod connection;
mod fault;
mod link;
mod plan;
mod requests;
mod way;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, split};
use tokio::net::TcpStream;
use valthree::server::Listener;

use self::connection::Connection;
pub use self::fault::{Fault, Kind};
pub use self::plan::{Asked, Decide, Faults, Plan, Rhythm};
pub use self::requests::{Method, Requests};
use self::way::Break;
use crate::accept;

/// A stream that can end with a reset.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {
    /// Ends it at once: what is under way is lost, and the far side sees an error.
    fn reset(self);
}

impl Stream for TcpStream {
    fn reset(self) {
        if let Err(error) = self.set_zero_linger() {
            tracing::warn!(%error, "a reset will be an end");
        }
    }
}

/// It knows no resets, only ends.
impl Stream for DuplexStream {
    fn reset(self) {}
}

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
    /// Faults that changed what happened to a request or its answer, by kind.
    pub faults: BTreeMap<Kind, u64>,
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
pub async fn run<L, C, F, S>(
    listener: L,
    connect: C,
    delay: Delay,
    faults: Faults,
    counters: Counters,
    shutdown: impl Future<Output = ()>,
) where
    L: Listener<Stream: Stream>,
    C: Fn() -> F,
    F: Future<Output = io::Result<S>> + Send + 'static,
    S: Stream + Send + 'static,
{
    let serve = |client, peer| pass(client, peer, connect(), delay, faults.clone(), counters.clone());
    accept::each(listener, shutdown, serve).await;
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

/// Passes one connection on, until both directions have ended or a fault has ended it.
async fn pass<A: Stream, B: Stream>(
    client: A,
    peer: String,
    connecting: impl Future<Output = io::Result<B>>,
    delay: Delay,
    faults: Faults,
    counters: Counters,
) {
    let _open = Open::new(counters.clone());
    let server = match connecting.await {
        Ok(server) => server,
        Err(error) => {
            tracing::warn!(peer, %error, "the server takes no connection");
            counters.lock().refused += 1;
            return;
        }
    };
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = split(server);
    let connection = Mutex::new(Connection::new(delay, counters, faults));
    let lock = || connection.lock().expect("neither direction panics");
    let there = link::pass(&mut from_client, &mut to_server, |bytes, arrived, parts| {
        lock().there(bytes, arrived, parts);
    });
    let back = link::pass(&mut from_server, &mut to_client, |bytes, arrived, parts| {
        lock().back(bytes, arrived, parts);
    });
    match tokio::try_join!(there, back) {
        Ok((there, back)) => {
            for (direction, end) in [("there", there), ("back", back)] {
                if let Err(error) = end {
                    tracing::debug!(peer, direction, %error, "a direction ended");
                }
            }
        }
        Err(Break::Cut) => {}
        Err(Break::Reset) => {
            from_client.unsplit(to_client).reset();
            from_server.unsplit(to_server).reset();
        }
    }
}
