//! The clients of a run. They play rounds of the workload until there are enough operations and every fault is over. Then
//! every server has to serve.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo};
use valthree_workload::carried::Carried;
use valthree_workload::chance::Source;
use valthree_workload::class::Class;
use valthree_workload::configuration::{Bounds, Configuration};
use valthree_workload::connection::{Cluster, Connect};
use valthree_workload::history::History;
use valthree_workload::operation::Command;
use valthree_workload::recover;
use valthree_workload::round::Round;

use super::cluster::PORT;
use super::network::{Network, Stream};
use super::place::{Place, SERVERS};
use super::plan::Plan;

/// The least number of operations of a run.
pub const OPERATIONS: usize = 500;

/// The range of operations of a round, roughly.
const OPERATIONS_PER_ROUND: (usize, usize) = (60, 300);

/// The most pipelines of a client in one round. Otherwise a round with a single client would go on alone, long after the
/// other rounds and the faults.
const STEPS: usize = 12;

/// How long the clients wait before the first round. A server tries its store and reads the database first. It answers
/// earlier commands with LOADING at once, so a round would be over before the servers are up.
const START: Duration = Duration::from_millis(200);

/// How long a server may take to serve once every fault is over. A server gives up a silently lost request after three
/// seconds, and three such requests may follow each other.
const RECOVERY: Duration = Duration::from_secs(10);

/// How much longer than a server's deadline a client waits for a reply: a round trip, and some more for a slow message.
const MARGIN: Duration = Duration::from_millis(400);

/// The longest value. A server writes recent values again at every commit, so none is long.
const LONGEST_VALUE: usize = 4 << 10;

/// The notes of a run's clients. Clones share them.
#[derive(Clone, Default)]
pub struct Played(Arc<Mutex<Notes>>);

/// See [`Played`].
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// The history of each round.
    pub histories: Vec<History>,
    /// Why a server does not serve at the end.
    pub unserved: Option<String>,
    /// The sums of the servers' own counters, without those of servers that crashed.
    pub counted: BTreeMap<String, u64>,
}

impl Played {
    /// The notes so far.
    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects to servers through the simulated network. Their addresses are their names.
#[derive(Clone)]
pub struct Simulated(Network);

impl Connect for Simulated {
    type Stream = Stream;

    async fn connect(&self, server: &str) -> io::Result<Stream> {
        let server = Place::named(server).ok_or_else(|| io::Error::other("no host has this name"))?;
        self.0.connect(Place::Clients, server, PORT).await
    }
}

/// Plays rounds, then checks that every server serves.
pub async fn run(network: Network, plan: Plan, played: Played) -> turmoil::Result {
    let cluster = Cluster {
        connect: Simulated(network.clone()),
        servers: Place::servers().map(|server| server.name().to_owned()).collect(),
        patience: plan.deadline + MARGIN,
    };
    let bounds = Bounds {
        servers: SERVERS,
        own_database: true,
        operations: OPERATIONS_PER_ROUND,
        longest_value: LONGEST_VALUE,
        classes: plan.draws.classes(),
    };
    let mut rounds = Rounds { seed: plan.seed, bounds, quiet: plan.quiet, drawn: 0, carried: Carried::default() };
    let mut operations = 0;
    tokio::time::sleep(START).await;
    while operations < OPERATIONS || turmoil::sim_elapsed().unwrap_or_default() < plan.calm() {
        let missing = OPERATIONS.saturating_sub(operations);
        let playing = rounds.draw(plan.at_once(), missing).into_iter().map(|(round, carried)| {
            network.trace.note(format_args!("{}", round.about()));
            let cluster = &cluster;
            async move { round.play(cluster, &carried, None).await }
        });
        for history in try_join_all(playing).await? {
            rounds.carried.add(&history);
            operations += history.operations.len();
            played.notes().histories.push(history);
        }
    }
    network.trace.note(format_args!("every server has to serve now"));
    let served = recover::served(&cluster, &format!("{:x}", plan.seed), RECOVERY, None).await?;
    played.notes().unserved = served.err();
    for server in &cluster.servers {
        let counted = counted(&cluster, server).await.unwrap_or_default(); // a server that does not serve reports no counters
        let mut notes = played.notes();
        for (name, count) in counted {
            *notes.counted.entry(name).or_default() += count;
        }
    }
    Ok(())
}

/// The rounds of a run.
struct Rounds {
    seed: u64,
    bounds: Bounds,
    quiet: bool,
    drawn: u64,
    carried: Carried,
}

impl Rounds {
    /// The next rounds, which run at the same time: enough for this many operations, but at most `at_once`; only one, if it
    /// needs the database for itself. Each comes with the writes of earlier rounds whose fate is still unknown.
    fn draw(&mut self, at_once: usize, operations: usize) -> Vec<(Round, Vec<Command>)> {
        let first = self.next(self.carried.may_flush());
        let mut planned = about(&first.0);
        let alone = first.0.configuration.owns_database;
        let mut rounds = vec![first];
        while !alone && planned < operations && rounds.len() < at_once {
            let beside = self.next(false);
            planned += about(&beside.0);
            rounds.push(beside);
        }
        rounds
    }

    fn next(&mut self, may_flush: bool) -> (Round, Vec<Command>) {
        let Rounds { seed, bounds, drawn, carried, .. } = self;
        let (number, source) = (*drawn, Source::Seed(*seed));
        *drawn += 1;
        let mut chance = source.chance(number, 0);
        let mut configuration = Configuration::draw(&mut chance, bounds, may_flush, carried);
        configuration.steps = configuration.steps.min(STEPS);
        if self.quiet {
            // A client that changes servers brings news: its next read forces the new server to catch up.
            configuration.reconnect = 2;
        }
        let carried = carried.commands(configuration.has(Class::DbSize), configuration.has(Class::EvalSha));
        (Round { number, prefix: format!("{seed:x}:{number}"), configuration, source }, carried)
    }
}

/// The operations of a round, roughly: a pipeline is half full on average, and the end reads every key on every server.
fn about(round: &Round) -> usize {
    let Configuration { clients, steps, pipeline, keys, .. } = round.configuration;
    clients * steps * (pipeline + 1) / 2 + keys * SERVERS
}

/// The counters of a server, by INFO.
async fn counted(cluster: &Cluster<Simulated>, server: &str) -> Option<BTreeMap<String, u64>> {
    let asking = async {
        let stream = cluster.connect.connect(server).await.ok()?;
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(cluster.patience));
        let info = RedisConnectionInfo::default();
        let (mut connection, driver) = MultiplexedConnection::new_with_config(&info, stream, config).await.ok()?;
        tokio::spawn(driver);
        redis::cmd("INFO").arg("stats").query_async::<String>(&mut connection).await.ok()
    };
    let text = tokio::time::timeout(cluster.patience, asking).await.ok()??;
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    Some(lines.filter_map(|(name, count)| Some((name.to_owned(), count.parse().ok()?))).collect())
}
