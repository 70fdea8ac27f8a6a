//! A server: a listener, a commit loop, and a task for each connection.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::sync::watch;

use crate::clock::Wall;
use crate::commit::{Queue, Start, Submissions, Untaken, Unusable, Witness};
use crate::id::Id;
use crate::instance::Instance;
use crate::net::{Context, Listener, Reception, Status};
use crate::settings::Settings;
use crate::store::Store;
use crate::store::proof::Proof;
use crate::store::watched::WatchedStore;

/// How long clients have to take their last replies, after the last command has met its deadline.
const LAST_REPLIES: Duration = Duration::from_secs(1);

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The source of all randomness of the server, its id first. Two servers, or two starts of one, must never have equal
    /// seeds.
    pub seed: [u8; 32],
    /// The wall clock. The store bounds it from both sides, if its answers tell the time.
    pub wall: Wall,
    /// The settings, which clients may see.
    pub settings: Settings,
}

/// Serves until `shutdown`, then answers the commands that it has read, and returns. Fails if the database turns out to be
/// unusable while the server loads it. Later the server goes on, and tells every client that it cannot use the database.
pub async fn run<L: Listener, S: Store>(
    listener: L,
    store: S,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Unusable> {
    run_before(None, listener, store, config, shutdown).await
}

/// Like [`run`], with a witness of every version that the server learns.
pub async fn run_before<L: Listener, S: Store>(
    witness: Option<Witness>,
    listener: L,
    store: S,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Unusable> {
    let mut rng = StdRng::from_seed(config.seed);
    let deadline = config.settings.deadline;
    let max_clients = config.settings.max_clients;
    let shared = Arc::new(Instance::new(config.settings, config.wall));
    let start = Start {
        store: Arc::new(WatchedStore::new(store, Arc::clone(&shared.health), Arc::clone(&shared.clock))),
        server: Id::random(&mut rng),
        database: Id::random(&mut rng),
        deadline,
        knobs: Arc::clone(&shared.knobs),
        thresholds: shared.settings.thresholds,
        stats: Arc::clone(&shared.stats),
        health: Arc::clone(&shared.health),
        clock: Arc::clone(&shared.clock),
        untaken: Untaken::of(&shared.budget),
        witness,
    };
    let proof = Proof::new(Arc::clone(&start.store), Id::random(&mut rng));
    let (queue, submissions) = Queue::new();
    let (status, loading) = watch::channel(Status::Loading(Arc::clone(&shared.health)));
    let (stop, stopping) = watch::channel(false);
    let context = Context::new(shared, queue, loading.clone(), stopping);
    let mut committer = tokio::spawn(commit(start, proof, submissions, status));
    let mut reception = Reception::new(listener, max_clients, context);
    tokio::pin!(shutdown);
    // The order is fixed, so that a simulation can replay it.
    tokio::select! {
        biased;
        () = &mut shutdown => {}
        ended = &mut committer => return ended.expect("the commit loop does not panic"),
        () = reception.run() => {}
    }
    let connections = reception.connections();
    tracing::info!(connections, "stopping: the server takes no new connections and answers what it has read");
    stop.send_replace(true);
    reception.close(deadline + LAST_REPLIES).await;
    if matches!(*loading.borrow(), Status::Loading(_)) {
        committer.abort(); // it waits for the store, and nobody waits for it
        return Ok(());
    }
    committer.await.expect("the commit loop does not panic")
}

/// Serves the queue while a trial proves the store. Returns early only if the trial fails, or if the database can't be
/// loaded.
async fn commit<S: Store>(
    start: Start<S>,
    proof: Proof<S>,
    submissions: Submissions,
    status: watch::Sender<Status>,
) -> Result<(), Unusable> {
    let (place, proof) = (start.store.locate(""), Arc::new(proof));
    let tried = Arc::clone(&proof);
    let trial = async move {
        tried.run().await.map_err(|broken| Unusable::new(format!("{place}: {broken}")).caused_by(broken))
    };
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
    // An unfinished trial has been dropped by now, and with it the requests that a deletion might have to wait for.
    if !is_tidy {
        proof.clean_up().await;
    }
    served
}

/// Loads the database and serves the queue. Tells all clients if the database turns out to be unusable.
async fn serve<S: Store>(
    start: Start<S>,
    trial: impl Future<Output = Result<(), Unusable>> + Clone + Send + 'static,
    mut submissions: Submissions,
    status: watch::Sender<Status>,
) -> Result<(), Unusable> {
    let stats = Arc::clone(&start.stats);
    stats.loading.set(1);
    let committer = tokio::select! {
        biased;
        Err(unusable) = trial.clone() => return Err(unusable),
        loaded = start.load() => loaded?,
    };
    stats.loading.set(0);
    status.send_replace(Status::Ready);
    let usable = |result: Result<(), Unusable>| {
        status.send_replace(result.map_or_else(Status::Unusable, |()| Status::Ready));
    };
    committer.during(trial).run(&mut submissions, usable).await
}
