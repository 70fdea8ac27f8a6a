//! A TCP proxy that adds delay and faults to connections, and counts requests and bytes.
//!
//! The delay does not limit throughput. The proxy stamps bytes when they arrive and forwards them when they are due
//! (`link`), however many are under way. So a round trip takes exactly the delay longer, and pipelining works as on the
//! connection behind. The proxy never changes a byte. It reads along to count requests ([`RequestReader`]).
//!
//! A fault strikes where the head of a request ends. A seed draws it ([`Schedule`]), or the owner of the proxy decides it
//! ([`Faults`]). A [`NetworkFault`] makes one of three things happen that a client must not confuse: the request never
//! arrives, its answer is lost, or it arrives after its client has given up.
//!
//! The proxy is not an HTTP proxy. It does not read answers and does not know TLS. It forwards anything other than
//! HTTP/1.1 without counting it.

mod counters;
mod direction;
mod link;
mod network_fault;
mod requests;
mod schedule;
mod steered_connection;

use std::io;
use std::sync::Mutex;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, split};
use tokio::net::TcpStream;
use valthree::net::Listener;

use self::counters::OpenConnection;
pub use self::counters::{Counters, ProxyCounts};
use self::direction::Break;
pub use self::direction::Delay;
pub use self::network_fault::{FaultKind, NetworkFault};
pub use self::requests::{Method, RequestReader};
pub use self::schedule::{DecideFault, Faults, RequestHead, Rhythm, Schedule};
use self::steered_connection::SteeredConnection;
use crate::accept;

/// A stream that can end with a TCP reset.
pub trait ResetStream: AsyncRead + AsyncWrite + Unpin {
    /// Ends the stream at once. Bytes under way are lost, and the far side sees an error.
    fn reset(self);
}

impl ResetStream for TcpStream {
    fn reset(self) {
        if let Err(error) = self.set_zero_linger() {
            tracing::warn!(%error, "the connection ends without a reset");
        }
    }
}

/// A stream in memory has no reset: it just ends.
impl ResetStream for DuplexStream {
    fn reset(self) {}
}

/// Accepts connections and forwards each to a new connection of `connect`, until `shutdown`. Then it drops them all.
pub async fn run<L, C, F, S>(
    listener: L,
    connect: C,
    delay: Delay,
    faults: Faults,
    counters: Counters,
    shutdown: impl Future<Output = ()>,
) where
    L: Listener<Stream: ResetStream>,
    C: Fn() -> F,
    F: Future<Output = io::Result<S>> + Send + 'static,
    S: ResetStream + Send + 'static,
{
    let serve = |client, peer| pass(client, peer, connect(), delay, faults.clone(), counters.clone());
    accept::each(listener, shutdown, serve).await;
}

/// Forwards one connection, until both directions have ended or a fault has ended it.
async fn pass<A: ResetStream, B: ResetStream>(
    client: A,
    peer: String,
    connecting: impl Future<Output = io::Result<B>>,
    delay: Delay,
    faults: Faults,
    counters: Counters,
) {
    let _open = OpenConnection::new(counters.clone());
    let server = match connecting.await {
        Ok(server) => server,
        Err(error) => {
            tracing::warn!(peer, %error, "the server accepts no connection");
            counters.lock().refused += 1;
            return;
        }
    };
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = split(server);
    let connection = Mutex::new(SteeredConnection::new(delay, counters, faults));
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
