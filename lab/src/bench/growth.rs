//! Goal 6: what a SET puts into the store as the database grows, until every level of it has merged.
//!
//! Bytes are counted, and by a clock that passes only when everybody waits: so a million SETs, a round trip of 20 ms for
//! some hundreds of them, take as long as computing them does, and the numbers are the same each time. The server is
//! without its sockets: its commit loop, whose queue the clients have in hand, before a store in memory ([`crate::distant`]).

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
use valthree::command::Command;
use valthree::commit::{Entry, Queue, Sheet, Start, Unusable};
use valthree::root::Id;
use valthree::run::Name;
use valthree::shared::Thresholds;
use valthree::state::Database;

use super::report::Series;
use super::run::Run;
use super::store::Traffic;
use super::words::{KEY, VALUE};
use super::{Bench, prices};
use crate::distant::{Distant, Requests};

const CLIENTS: usize = 256;

const ENTRY: f64 = (KEY + VALUE) as f64;

/// Fewer SETs say little, however small the database is.
const LEAST: usize = 20_000;

/// How often as many SETs as there are keys may be drawn until every level has merged.
const MOST_DRAWN: usize = 10;

/// How long a server is left alone until everything in the background has come to an end.
const QUIET: Duration = Duration::from_secs(600);

/// What a SET costs.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// Bytes that are put, in sizes of an entry.
    all: f64,
    /// Of these, bytes of runs that were merged.
    merged: f64,
    /// Requests for a thousand.
    puts: f64,
    /// Of a million.
    dollars: f64,
}

/// What became part of the database, in bytes of runs.
#[derive(Clone, Debug, Default)]
struct Merges {
    known: BTreeSet<Name>,
    covered: u64,
    merged: u64,
    /// How often the oldest run has become part of a newer one.
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
struct Server {
    queue: Queue,
    store: Distant,
    merges: Arc<Mutex<Merges>>,
    task: JoinHandle<Result<(), Unusable>>,
}

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let run = Run::begin();
    let mut costs = Vec::new();
    for keys in super::sizes::steps(bench.extent.most_keys) {
        bench.note(&format!("growth: {keys} keys"));
        costs.push((keys as f64, spawn_blocking(move || grow(keys)).await??));
    }
    let ((_, small), (_, large)) = (costs[0], costs[costs.len() - 1]);
    let ratio = |of: fn(&Cost) -> f64| run.measured(of(&large)).over(run.measured(of(&small)));
    bench.report.take("bytes-ratio", ratio(|cost| cost.all)?);
    bench.report.take("bytes-unmerged", ratio(|cost| cost.all - cost.merged)?);
    bench.report.take("bytes-entry", large.all);
    bench.report.fact("bytes put for a SET into 1,000 keys, in sizes of the entry", small.all);
    bench.report.fact("PUTs for 1,000 SETs into the largest database", large.puts);
    let bytes = costs.iter().map(|(keys, cost)| (*keys, cost.all * ENTRY));
    bench.report.curve("bytes", Series::new("Valthree", bytes));
    let dollars = costs.iter().map(|(keys, cost)| (*keys, cost.dollars));
    bench.report.curve("dollars", Series::new("Valthree", dollars));
    Ok(())
}

/// Every key once, and then keys at random until the oldest run has become part of a newer one: by then, every level has
/// merged. Counts what the second part costs.
fn grow(keys: usize) -> anyhow::Result<Cost> {
    let clock = Builder::new_current_thread().enable_all().start_paused(true).build().context("a runtime")?;
    clock.block_on(async {
        let server = Server::start(keys as u64).await?;
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
        let all_merged = after.whole > before.whole || after.covered == 0;
        anyhow::ensure!(all_merged, "the oldest run of {keys} keys is as it was, {drawn} SETs later");
        let each = |count: u64| count as f64 / drawn as f64;
        Ok(Cost {
            all: each(traffic.bytes_there) / ENTRY,
            merged: each(after.merged - before.merged) / ENTRY,
            puts: each(traffic.puts) * 1e3,
            dollars: prices::dollars(&traffic) / drawn as f64 * 1e6,
        })
    })
}

impl Server {
    async fn start(seed: u64) -> anyhow::Result<Server> {
        let mut rng = StdRng::seed_from_u64(seed);
        let (store, merges) = (Distant::default(), Arc::<Mutex<Merges>>::default());
        let noted = Arc::clone(&merges);
        let start = Start {
            store: Arc::new(store.clone()),
            server: Id::random(&mut rng),
            database: Id::random(&mut rng),
            deadline: Duration::from_secs(60),
            max_memory: None,
            thresholds: Thresholds::default(),
            stats: Arc::default(),
            witness: Some(Arc::new(move |database| lock(&noted).note(database))),
        };
        let committer = start.load().await?;
        let (queue, mut submissions) = Queue::new();
        let task = tokio::spawn(async move { committer.run(&mut submissions).await });
        Ok(Server { queue, store, merges, task })
    }

    fn merges(&self) -> MutexGuard<'_, Merges> {
        lock(&self.merges)
    }

    /// Without what is deleted, which is free.
    fn traffic(&self) -> Traffic {
        let Requests { puts, bytes, gets, lists } = self.store.requests();
        Traffic { puts, gets, others: lists, bytes_there: bytes, ..Traffic::default() }
    }

    /// Every client sets keys, one after the other, until together they have set so many.
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
                    let entry = Entry { client: client as u64, unit: set(key, &mut rng).into(), answer, held: None };
                    queue.submit(vec![entry]).await?;
                    awaited.await.map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
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
    Command::Set { key, value: value.into(), condition: None, get: false }
}
