//! Accepts connections and gives each of them a task.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::connection;
use super::intake::Context;
use super::listener::Listener;
use crate::resp::Reply;
use crate::session::Session;

/// The pause after a failed accept, for instance for want of file descriptors. A retry without a pause would keep a core
/// busy.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Rejected connections that we answer at the same time. Further ones are closed without an answer, because a client can
/// open them faster than we answer.
const REJECTIONS_AT_ONCE: usize = 256;

/// Rejections are logged together after this time, so that an attacker cannot fill the disk.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// A listener and the tasks of its connections. Dropping it ends all of them.
pub struct Reception<L> {
    listener: L,
    context: Context,
    max_clients: usize,
    /// One permit for each connection that is served.
    seats: Arc<Semaphore>,
    connections: JoinSet<()>,
    rejections: Rejections,
}

impl<L: Listener> Reception<L> {
    /// Serves up to `max_clients` connections at the same time.
    pub fn new(listener: L, max_clients: usize, context: Context) -> Reception<L> {
        let max_clients = max_clients.min(Semaphore::MAX_PERMITS);
        let seats = Arc::new(Semaphore::new(max_clients));
        let rejections = Rejections::default();
        Reception { listener, context, max_clients, seats, connections: JoinSet::new(), rejections }
    }

    /// Accepts connections until it is dropped.
    pub async fn run(&mut self) {
        loop {
            // The order is fixed, so that a simulation can replay it, and a seat that has become free is free for the
            // next client.
            tokio::select! {
                biased;
                Some(_) = self.connections.join_next() => {}
                () = sleep_until(self.rejections.due()), if self.rejections.count > 0 => self.rejections.report(self.max_clients),
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer, local)) => self.admit(stream, peer, local),
                    Err(error) => {
                        tracing::warn!(%error, "could not accept a connection");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }

    fn admit(&mut self, stream: L::Stream, peer: String, local: String) {
        if let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() {
            let conversation = converse(stream, peer, local, self.context.clone());
            self.connections.spawn(async move {
                conversation.await;
                drop(seat);
            });
            return;
        }
        self.rejections.note();
        self.context.shared.stats.connections_rejected.add(1);
        if self.connections.len() < self.max_clients + REJECTIONS_AT_ONCE {
            self.connections.spawn(reject(stream));
        }
    }

    /// Stops listening and waits until all connections have ended, which the context tells them to do. Cuts off clients
    /// that have not taken their last replies after `patience`.
    pub async fn close(self, patience: Duration) {
        let Reception { listener, mut connections, mut rejections, max_clients, .. } = self;
        drop(listener);
        rejections.report(max_clients);
        let last_replies = async { while connections.join_next().await.is_some() {} };
        if timeout(patience, last_replies).await.is_err() {
            tracing::warn!(connections = connections.len(), "some clients did not take their last replies");
            connections.shutdown().await;
        }
    }

    /// How many connections there are, rejected ones included.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }
}

/// Connections that were rejected and are not in the log yet.
#[derive(Debug, Default)]
struct Rejections {
    count: u64,
    first: Option<Instant>,
}

impl Rejections {
    fn note(&mut self) {
        self.count += 1;
        self.first.get_or_insert_with(Instant::now);
    }

    /// When the log should tell of them.
    fn due(&self) -> Instant {
        self.first.unwrap_or_else(Instant::now) + REPORT_INTERVAL
    }

    fn report(&mut self, max_clients: usize) {
        if self.count > 0 {
            tracing::warn!(rejected = self.count, max_clients, "rejected connections: the limit is --max-clients");
        }
        *self = Rejections::default();
    }
}

async fn converse<IO: AsyncRead + AsyncWrite>(stream: IO, peer: String, local: String, context: Context) {
    context.shared.stats.connections_received.add(1);
    let session = Session::open(Arc::clone(&context.shared), peer.clone(), local);
    if let Err(error) = connection::serve(stream, session, &peer, context).await {
        // Clients go away in the middle all the time.
        tracing::debug!(peer, %error, "connection ended");
    }
}

async fn reject<IO: AsyncRead + AsyncWrite>(stream: IO) {
    // We reject the client whether or not it listens to the reason.
    let _: io::Result<()> = connection::reject(stream, &Reply::error("ERR max number of clients reached")).await;
}
