//! What the clients of a run do: rounds of the workload, until enough has happened and every fault is over; and then
//! they demand that every server serves.

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

/// A run has at least so many operations.
pub const OPERATIONS: usize = 500;

/// How many operations a round is to have, about.
const OPERATIONS_PER_ROUND: (usize, usize) = (60, 300);

/// How often a client sends something in one round, at most. A round of a single client would otherwise go on alone,
/// long after the others and the faults are over.
const STEPS: usize = 12;

/// How long a server may take to serve once every fault is over. A request that was lost without a word is given up
/// after three seconds, and three of them may be under way.
const RECOVERY: Duration = Duration::from_secs(10);

/// How much longer than a server's deadline a client waits for an answer: a round trip, and some more for a message
/// that is slow.
const MARGIN: Duration = Duration::from_millis(400);

/// What rounds may be like. A server writes all values at every commit, so none is long.
const BOUNDS: Bounds =
    Bounds { servers: SERVERS, own_database: true, operations: OPERATIONS_PER_ROUND, longest_value: 4 << 10 };

/// What the clients of a run leave behind. Clones are the same.
#[derive(Clone, Default)]
pub struct Played(Arc<Mutex<Notes>>);

/// See [`Played`].
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// What they observed, a history for each round.
    pub histories: Vec<History>,
    /// Why not every server serves at the end.
    pub unserved: Option<String>,
    /// What servers counted, added up, as far as they lived to tell.
    pub counted: BTreeMap<String, u64>,
}

impl Played {
    /// What they have left so far.
    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way to servers through the simulated network; their addresses are their names.
#[derive(Clone)]
pub struct Simulated(Network);

impl Connect for Simulated {
    type Stream = Stream;

    async fn connect(&self, server: &str) -> io::Result<Stream> {
        let server = Place::named(server).ok_or_else(|| io::Error::other("nobody has this name"))?;
        self.0.connect(Place::Clients, server, PORT).await
    }
}

/// Plays rounds, and then tries every server.
pub async fn run(network: Network, plan: Plan, played: Played) -> turmoil::Result {
    let cluster = Cluster {
        connect: Simulated(network.clone()),
        servers: Place::servers().map(|server| server.name().to_owned()).collect(),
        patience: plan.deadline + MARGIN,
    };
    let mut rounds = Rounds { seed: plan.seed, quiet: plan.quiet, drawn: 0, carried: Carried::default() };
    let mut operations = 0;
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
        let counted = counted(&cluster, server).await.unwrap_or_default(); // who does not serve counts nothing
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
    quiet: bool,
    drawn: u64,
    carried: Carried,
}

impl Rounds {
    /// Those that are to be played next, at the same time, each with what earlier ones have left in the air for it: as
    /// many as it takes for so many operations, up to `at_once`; or one, if the database has to be its own.
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
        let Rounds { seed, drawn, carried, .. } = self;
        let (number, source) = (*drawn, Source::Seed(*seed));
        *drawn += 1;
        let mut chance = source.chance(number, 0);
        let mut configuration = Configuration::draw(&mut chance, &BOUNDS, may_flush, carried);
        configuration.steps = configuration.steps.min(STEPS);
        if self.quiet {
            // Who comes from another server knows what has been done there, and this one may not.
            configuration.reconnect = 2;
        }
        let carried = carried.commands(configuration.has(Class::DbSize));
        (Round { number, prefix: format!("{seed:x}:{number}"), configuration, source }, carried)
    }
}

/// How many operations a round will have, about: a pipeline is half full on average, and in the end every key is read
/// over every server.
fn about(round: &Round) -> usize {
    let Configuration { clients, steps, pipeline, keys, .. } = round.configuration;
    clients * steps * (pipeline + 1) / 2 + keys * SERVERS
}

/// What a server tells of itself in INFO.
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
