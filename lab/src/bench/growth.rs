//! Goal 6: the bytes that a SET puts into the store as the database grows, until every level has merged.
//!
//! The experiment counts bytes in simulated time, in which waiting takes no time at all. So a million SETs take only the
//! time to compute them, and the numbers are the same each time. The clients submit to the server's commit loop directly,
//! without sockets, and the store is in memory ([`crate::distant`]).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use tokio::runtime::Builder;
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};
use tokio::time::sleep;
use valthree::clock::Clock;
use valthree::command::Command;
use valthree::commit::{Queue, Sheet, Start, Unit, Unusable};
use valthree::id::Id;
use valthree::knobs::Knobs;
use valthree::run::Name;
use valthree::settings::Thresholds;
use valthree::state::Database;

use super::backend::Traffic;
use super::harness::Bench;
use super::ledger::{KEY, VALUE};
use super::prices;
use super::report::Series;
use super::run::Run;
use super::sizes;
use crate::distant::{Distant, RequestCounts};

const CLIENTS: usize = 256;

const ENTRY: f64 = (KEY + VALUE) as f64;

/// The least number of SETs, however small the database is.
const LEAST: usize = 20_000;

/// Every level merges before the SETs are this many times the keys, or the experiment fails.
const MOST_DRAWN: usize = 10;

/// The simulated time in which a server's background work ends.
const QUIET: Duration = Duration::from_secs(600);

/// The cost of a SET.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// The bytes put, in sizes of an entry.
    all: f64,
    /// The bytes of these that are in merged runs.
    merged: f64,
    /// The PUTs for a thousand SETs.
    puts: f64,
    /// The price of a million SETs.
    dollars: f64,
}

/// The merges of a database so far.
#[derive(Clone, Debug, Default)]
struct Merges {
    known: BTreeSet<Name>,
    covered: u64,
    merged: u64,
    /// How often a merge has included the oldest run.
    whole: u64,
}

impl Merges {
    fn note(&mut self, database: &Database) {
        let root = &database.root;
        let is_new = |run: &&valthree::root::Run| self.known.insert(run.name);
        for run in root.runs.iter().filter(is_new).filter(|run| run.from < self.covered) {
            self.merged += run.bytes;
            self.whole += u64::from(run.from == root.header.base);
        }
        self.covered = root.covered();
    }
}

/// A server without its sockets.
struct BareServer {
    queue: Queue,
    store: Distant,
    merges: Arc<Mutex<Merges>>,
    task: JoinHandle<Result<(), Unusable>>,
}

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let run = Run::begin();
    let mut costs = Vec::new();
    for keys in sizes::steps(bench.extent.most_keys) {
        bench.note(&format!("growth: {keys} keys"));
        costs.push((keys as f64, spawn_blocking(move || grow(keys)).await??));
    }
    let ((_, small), (_, large)) = (costs[0], costs[costs.len() - 1]);
    let ratio = |of: fn(&Cost) -> f64| run.measured(of(&large)).over(run.measured(of(&small)));
    bench.report.fact("bytes put for a SET: the largest database over 1,000 keys", ratio(|cost| cost.all)?);
    let unmerged = ratio(|cost| cost.all - cost.merged)?;
    bench.report.fact("bytes put for a SET without merges: the largest database over 1,000 keys", unmerged);
    bench.report.take("bytes-entry", large.all);
    bench.report.fact("bytes put for a SET into 1,000 keys, in sizes of the entry", small.all);
    bench.report.fact("PUTs for 1,000 SETs into the largest database", large.puts);
    let bytes = costs.iter().map(|(keys, cost)| (*keys, cost.all * ENTRY));
    bench.report.curve("bytes", Series::new("Valthree", bytes));
    let dollars = costs.iter().map(|(keys, cost)| (*keys, cost.dollars));
    bench.report.curve("dollars", Series::new("Valthree", dollars));
    Ok(())
}

/// Sets every key once, then random keys until a merge has included the oldest run: by then every level has merged.
/// Returns the cost of the second part.
fn grow(keys: usize) -> anyhow::Result<Cost> {
    let clock = Builder::new_current_thread().enable_all().start_paused(true).build().context("a runtime")?;
    clock.block_on(async {
        let server = BareServer::start(keys as u64).await?;
        let sets = keys.max(LEAST);
        server.load(sets, move |nth, _| nth % keys).await?;
        sleep(QUIET).await;
        let (before, traffic) = (server.merges().clone(), server.traffic());
        let mut drawn = 0;
        while drawn < MOST_DRAWN * sets && (drawn < sets || server.merges().whole == before.whole) {
            server.load(sets / 2, move |_, rng| rng.random_range(0..keys)).await?;
            drawn += sets / 2;
        }
        sleep(QUIET).await;
        let (after, traffic) = (server.merges().clone(), server.traffic().since(&traffic));
        server.stop().await?;
        // Of few keys there are no runs, or hardly any: their rows are squashed.
        let all_merged = after.whole > before.whole || after.covered == before.covered;
        anyhow::ensure!(all_merged, "no merge has included the oldest run of {keys} keys after {drawn} SETs");
        let each = |count: u64| count as f64 / drawn as f64;
        Ok(Cost {
            all: each(traffic.bytes_there) / ENTRY,
            merged: each(after.merged - before.merged) / ENTRY,
            puts: each(traffic.puts) * 1e3,
            dollars: prices::dollars(&traffic) / drawn as f64 * 1e6,
        })
    })
}

impl BareServer {
    async fn start(seed: u64) -> anyhow::Result<BareServer> {
        let mut rng = StdRng::seed_from_u64(seed);
        let (store, merges) = (Distant::default(), Arc::<Mutex<Merges>>::default());
        let noted = Arc::clone(&merges);
        let start = Start {
            store: Arc::new(store.clone()),
            server: Id::random(&mut rng),
            database: Id::random(&mut rng),
            deadline: Duration::from_secs(60),
            knobs: Knobs::new(None),
            thresholds: Thresholds::default(),
            stats: Arc::default(),
            health: Arc::default(),
            untaken: Arc::default(),
            clock: Arc::new(Clock::new(std::time::SystemTime::UNIX_EPOCH)),
            witness: Some(Arc::new(move |database| lock(&noted).note(database))),
        };
        let committer = start.load().await?;
        let (queue, mut submissions) = Queue::new();
        let task = tokio::spawn(async move { committer.run(&mut submissions, drop).await });
        Ok(BareServer { queue, store, merges, task })
    }

    fn merges(&self) -> MutexGuard<'_, Merges> {
        lock(&self.merges)
    }

    /// All requests but DELETEs, which are free.
    fn traffic(&self) -> Traffic {
        let RequestCounts { puts, bytes, gets, lists } = self.store.requests();
        Traffic { puts, gets, others: lists, bytes_there: bytes, ..Traffic::default() }
    }

    /// The clients set this many keys together. Each sends one SET at a time.
    async fn load(
        &self,
        sets: usize,
        key: impl Fn(usize, &mut StdRng) -> usize + Copy + Send + 'static,
    ) -> anyhow::Result<()> {
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let queue = self.queue.clone();
            clients.spawn(async move {
                let mut rng = StdRng::seed_from_u64(client as u64);
                for nth in (client..sets).step_by(CLIENTS) {
                    let key = key(nth, &mut rng);
                    let (answer, awaited) = Sheet::default().promise();
                    queue.submit(vec![Unit::new(client as u64, 0, set(key, &mut rng), answer)]).await?;
                    awaited.await.map_err(|refused| anyhow::anyhow!("{}", refused.refusal))?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(client) = clients.join_next().await {
            client??;
        }
        Ok(())
    }

    async fn stop(self) -> anyhow::Result<()> {
        drop(self.queue);
        Ok(self.task.await??)
    }
}

fn lock(merges: &Mutex<Merges>) -> MutexGuard<'_, Merges> {
    merges.lock().unwrap_or_else(PoisonError::into_inner)
}

fn set(key: usize, rng: &mut StdRng) -> Command {
    let mut value = vec![0; VALUE];
    rng.fill_bytes(&mut value);
    let key = Bytes::from(format!("key:{key:0width$}", width = KEY - 4));
    Command::parse(vec!["SET".into(), key, value.into()]).expect("a SET is well-formed")
}
