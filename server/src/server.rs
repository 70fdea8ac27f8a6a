//! A server: a listener, a commit loop, and a task for each connection.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::commit::{Queue, Refusal, Start, Submissions, Unusable, Witness};
use crate::connection::{self, Context};
use crate::resp::Reply;
use crate::root::Id;
use crate::session::Session;
use crate::shared::{Settings, Shared};
use crate::store::Store;
use crate::store::proof::Proof;

/// The pause after a connection could not be accepted, for instance for want of file descriptors: trying again at once
/// would keep a core busy with failing.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections that are being told at the same time that they are too many. Beyond these they are closed without a word,
/// or whoever opens them fast enough would have us hold any number of them.
const TURNED_AWAY_AT_ONCE: usize = 256;

/// After so long without a byte the system asks a client's system whether it is still there, as Valkey has it do. One
/// that vanished without a farewell would hold its connection for ever.
const KEEPALIVE: Duration = Duration::from_secs(300);

/// How much longer than a command's deadline a stopping server waits for its connections to take their last replies.
const STOPPING: Duration = Duration::from_secs(1);

/// What a server is given.
#[derive(Clone, Debug)]
pub struct Config {
    /// All randomness of the server comes from this, its id first. Never the same for two servers or two starts of one.
    pub seed: [u8; 32],
    /// The wall time at the start; from there it goes by tokio's clock.
    pub started: SystemTime,
    /// What clients may know of it.
    pub settings: Settings,
}

/// Where connections come from: TCP, or anything else that brings streams of bytes.
pub trait Listener: Send {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + 'static;

    /// The next connection, with the addresses of its far and near end.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, String, String)>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, String, String)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        // What fails from here on fails for this client alone, most likely because it is gone already.
        // Replies are written whole; waiting for more to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
        let local = stream.local_addr().map_or_else(|_| String::new(), |local| local.to_string());
        Ok((stream, peer.to_string(), local))
    }
}

/// Whether commands can be executed.
#[derive(Clone, Debug)]
pub enum Status {
    /// The store has not answered yet.
    Loading,
    /// They can.
    Ready,
    /// They can't, and this server will not try again.
    Unusable(Unusable),
}

impl Status {
    /// What every command is answered with, if not with its own reply.
    pub fn refusal(&self) -> Option<Reply> {
        match self {
            Status::Ready => None,
            Status::Loading => Some(Reply::error("LOADING Valthree is reading the database from its store")),
            Status::Unusable(Unusable(why)) => Some(Refusal::Unusable(Arc::clone(why)).reply()),
        }
    }
}

/// Serves until `shutdown`, then answers what is under way and returns. Fails if the database turns out to be unusable
/// while it is being loaded; later it stays, and tells every client so.
pub async fn run<L: Listener, S: Store>(
    listener: L,
    store: S,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Unusable> {
    run_before(None, listener, store, config, shutdown).await
}

/// The same, before somebody who looks at every version that this server knows.
pub async fn run_before<L: Listener, S: Store>(
    witness: Option<Witness>,
    mut listener: L,
    store: S,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Unusable> {
    let mut rng = StdRng::from_seed(config.seed);
    let deadline = config.settings.deadline;
    let max_clients = config.settings.max_clients.min(Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(max_clients));
    let shared = Arc::new(Shared::new(config.settings, config.started));
    let start = Start {
        store: Arc::new(store),
        server: Id::random(&mut rng),
        database: Id::random(&mut rng),
        deadline,
        max_memory: shared.settings.max_memory,
        thresholds: shared.settings.thresholds,
        stats: Arc::clone(&shared.stats),
        witness,
    };
    let proof = Proof::new(Arc::clone(&start.store), Id::random(&mut rng));
    let (queue, submissions) = Queue::new();
    let (status, loading) = watch::channel(Status::Loading);
    let (stop, stopping) = watch::channel(false);
    let context = Context { shared, queue, status: loading, stopping };
    let mut committer = tokio::spawn(commit(start, proof, submissions, status));
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        // In this order, so that nothing is left to chance: neither a replay, nor whether a place that has become free
        // is free for the next client.
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            ended = &mut committer => return ended.expect("the commit loop does not panic"),
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer, local)) => match Arc::clone(&places).try_acquire_owned() {
                    Ok(place) => {
                        let conversation = converse(stream, peer, local, context.clone());
                        connections.spawn(async move {
                            conversation.await;
                            drop(place);
                        });
                    }
                    Err(_) => {
                        tracing::warn!(peer, max_clients, "a connection too many was turned away");
                        if connections.len() < max_clients + TURNED_AWAY_AT_ONCE {
                            connections.spawn(turn_away(stream));
                        }
                    }
                },
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    tracing::info!(connections = connections.len(), "stopping: no new connections; answering what is under way");
    stop.send_replace(true);
    let last_replies = async { while connections.join_next().await.is_some() {} };
    if timeout(deadline + STOPPING, last_replies).await.is_err() {
        tracing::warn!(connections = connections.len(), "some clients did not take their last replies");
        connections.shutdown().await;
    }
    if matches!(*context.status.borrow(), Status::Loading) {
        committer.abort(); // it would wait for the store, and nobody waits for it
        return Ok(());
    }
    drop(context);
    committer.await.expect("the commit loop does not panic")
}

/// Serves the queue while the store is put to the proof. Returns early only if the store does not stand it, or if the
/// database can't be loaded.
async fn commit<S: Store>(
    start: Start<S>,
    proof: Proof<S>,
    submissions: Submissions,
    status: watch::Sender<Status>,
) -> Result<(), Unusable> {
    let (place, proof) = (start.store.locate(""), Arc::new(proof));
    let tried = Arc::clone(&proof);
    let trial = async move { tried.run().await.map_err(|broken| Unusable(format!("{place}: {broken}").into())) };
    let trial = trial.boxed().shared();
    let (served, is_tidy) = {
        let serving = pin!(serve(start, trial.clone(), submissions, status));
        let trying = pin!(async {
            let verdict = trial.await;
            proof.clean_up().await;
            verdict
        });
        match select(serving, trying).await {
            Either::Left((served, _)) => (served, false),
            Either::Right((Ok(()), serving)) => (serving.await, true),
            Either::Right((verdict, _)) => (verdict, true),
        }
    };
    // Only now is a trial that was not over given up, with whatever its requests hold that a deletion may wait for.
    if !is_tidy {
        proof.clean_up().await;
    }
    served
}

/// Loads the database, serves the queue, and tells everybody if the database turns out to be unusable.
async fn serve<S: Store>(
    start: Start<S>,
    trial: impl Future<Output = Result<(), Unusable>> + Clone + Send + 'static,
    mut submissions: Submissions,
    status: watch::Sender<Status>,
) -> Result<(), Unusable> {
    let committer = tokio::select! {
        biased;
        Err(unusable) = trial.clone() => return Err(unusable),
        loaded = start.load() => loaded?,
    };
    status.send_replace(Status::Ready);
    if let Err(unusable) = committer.during(trial).run(&mut submissions).await {
        tracing::error!("{unusable}");
        status.send_replace(Status::Unusable(unusable.clone()));
        submissions.refuse(&Refusal::Unusable(unusable.0)).await;
    }
    Ok(())
}

async fn converse<IO: AsyncRead + AsyncWrite>(stream: IO, peer: String, local: String, context: Context) {
    context.shared.stats.connections_received.add(1);
    let session = Session::open(Arc::clone(&context.shared), peer.clone(), local);
    if let Err(error) = connection::serve(stream, session, context).await {
        // A client that goes away in the middle is everyday life.
        tracing::debug!(peer, %error, "connection ended");
    }
}

async fn turn_away<IO: AsyncRead + AsyncWrite>(stream: IO) {
    // It is turned away whether or not it listens to the reason.
    let _ = connection::turn_away(stream, &Reply::error("ERR max number of clients reached")).await;
}
