//! Goals 1, 3 and 5: SETs, one at a time, of few and many clients, beside the naive algorithm.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::Instant;

use super::child::{Probe, Server};
use super::load::{self, Connection, Kind, Load, Outcome};
use super::report::Series;
use super::run::{Run, median};
use super::store::Database;
use super::words::{self, Ledger};
use super::{Bench, all};

/// There is one for each of the most clients.
const KEYS: usize = 1024;

/// The steps that the goals speak of.
const GOALS: [usize; 4] = [1, 16, 256, 1024];

/// A naive server takes two round trips for each SET, so this is some dozens of them.
const NAIVE_TIME: Duration = Duration::from_millis(2000);

/// The size of a probe's object where nothing is known of the sizes that a server stores.
const FIRST_SIZE: u64 = 8 << 10;

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let (server, ledger) = bench.server(KEYS).await?;
    let mut probe = bench.probe().await?;
    let mut naive = Naive::fill(bench, KEYS).await?;
    let mut worst_p99 = vec![0.0; bench.extent.rounds];
    let mut naive_latency = Vec::new();
    let clients = bench.extent.clients.clone();
    let mut curve: Vec<(f64, Vec<[f64; 2]>)> = clients.iter().map(|clients| (*clients as f64, Vec::new())).collect();
    let mut size = FIRST_SIZE;
    for (round, worst) in worst_p99.iter_mut().enumerate() {
        for (clients, points) in clients.iter().zip(&mut curve) {
            bench.note(&format!("writes: run {} of {}, {clients} clients", round + 1, bench.extent.rounds));
            let run = Run::begin();
            let round_trip = run.measured(probe.put(bench.extent.probes, size).await?);
            let load = bench.load(Kind::Set, &server, &ledger, *clients);
            let outcome = load.play_well(Some(&bench.store.way)).await?;
            load::read_back(server.address, &ledger, &all(0..KEYS)).await?;
            size = outcome.traffic.bytes_there.checked_div(outcome.traffic.puts).unwrap_or(size);
            let slow = naive.play(bench, *clients).await?;
            let ratio = run.measured(outcome.rate()).over(run.measured(slow.rate()))?;
            let p50 = run.measured(outcome.latency(0.5)).over(round_trip)?;
            points.1.push([outcome.rate(), slow.rate()]);
            if !GOALS.contains(clients) {
                continue;
            }
            let record =
                |report: &mut super::Report, what: &str, value| report.take(&format!("{what}{clients}"), value);
            record(&mut bench.report, "set-", ratio);
            if *clients < 1024 {
                record(&mut bench.report, "set-p50-", p50);
                *worst = f64::max(*worst, run.measured(outcome.latency(0.99)).over(round_trip)?);
            }
            if *clients > 1 && bench.store.counts() {
                record(&mut bench.report, "requests-", outcome.requests_per_thousand());
            }
            if *clients == 1 {
                naive_latency.push(run.measured(slow.latency(0.5)).over(round_trip)?);
            }
            bench.report.fact("L, a conditional PUT, in ms", round_trip.alone() * 1000.0);
            bench.report.fact(&format!("SETs a second of {clients} clients"), outcome.rate());
        }
    }
    worst_p99.into_iter().for_each(|worst| bench.report.take("set-p99", worst));
    naive_latency.into_iter().for_each(|latency| bench.report.fact("naive SET, 1 client, in L", latency));
    naive_reads(bench, &naive, &mut probe).await?;
    for (place, name) in ["Valthree", "naive"].into_iter().enumerate() {
        let middle =
            |(clients, rates): &(f64, Vec<[f64; 2]>)| Some((*clients, median(rates.iter().map(|rate| rate[place]))?));
        bench.report.curve("throughput", Series::new(name, curve.iter().filter_map(middle)));
    }
    redis(bench).await
}

/// The naive algorithm's database, and servers of it.
pub struct Naive {
    database: Database,
    ledger: Arc<Ledger>,
    server: Option<Server>,
}

impl Naive {
    pub async fn fill(bench: &Bench, keys: usize) -> anyhow::Result<Naive> {
        let database = bench.store.database();
        let ledger = Arc::new(Ledger::new(keys));
        let server = Server::naive(&database).await?;
        load::fill(server.address, &ledger, 0..keys, keys).await?;
        Ok(Naive { database, ledger, server: Some(server) })
    }

    /// Plays SETs. Each client waits for all others, the last of many for ever: so the server is replaced afterwards,
    /// and then asked for some of what was acknowledged.
    pub async fn play(&mut self, bench: &Bench, clients: usize) -> anyhow::Result<Outcome> {
        let server = match self.server.take() {
            Some(server) => server,
            None => Server::naive(&self.database).await?,
        };
        let time = NAIVE_TIME.min(bench.extent.time * 2);
        let load = bench.load(Kind::Set, &server, &self.ledger, clients);
        let load = Load { warmth: time / 8, time, may_break: true, ..load };
        let outcome = load.play(Some(&bench.store.way)).await?;
        anyhow::ensure!(outcome.errors.is_none(), "the naive server answers with errors: {:?}", outcome.errors);
        server.kill().await?;
        let server = Server::naive(&self.database).await?;
        let mut keys = all(0..self.ledger.keys());
        keys.sort_by_key(|key| std::cmp::Reverse(self.ledger.acknowledged(*key)));
        load::read_back(server.address, &self.ledger, &keys[..2.min(keys.len())]).await?;
        self.server = Some(server);
        Ok(outcome)
    }
}

impl Naive {
    /// How long a SET takes, in seconds: the median of so many.
    pub async fn one_set(&self, times: usize) -> anyhow::Result<f64> {
        let server = self.server.as_ref().context("there is a server between two loads")?;
        let mut connection = Connection::open(server.address).await?;
        let mut took = Vec::new();
        for _ in 0..times {
            let mut command = Vec::new();
            let number = self.ledger.set(0, &mut command);
            let began = Instant::now();
            let replies = connection.ask(&command, 1).await?;
            took.push(began.elapsed().as_secs_f64());
            anyhow::ensure!(words::is_ok(&replies[0]), "a naive SET was answered with {replies:?}");
            self.ledger.acknowledge(0, number);
        }
        load::read_back(server.address, &self.ledger, &[0]).await?;
        median(took).context("nothing was measured")
    }
}

/// That the yardstick is not slowed down: its GET takes a round trip.
async fn naive_reads(bench: &mut Bench, naive: &Naive, probe: &mut Probe) -> anyhow::Result<()> {
    let Some(server) = &naive.server else { return Ok(()) };
    let run = Run::begin();
    let round_trip = run.measured(probe.unchanged(bench.extent.probes).await?);
    let outcome = bench.load(Kind::Get, server, &naive.ledger, 1).play_well(None).await?;
    bench.report.fact("naive GET, 1 client, in L", run.measured(outcome.latency(0.5)).over(round_trip)?);
    bench.report.fact("L, a 304, in ms", round_trip.alone() * 1000.0);
    Ok(())
}

/// Redis on the same curve.
async fn redis(bench: &mut Bench) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let Some(server) = Server::redis(folder.path()).await? else { return Ok(()) };
    let ledger = Arc::new(Ledger::new(KEYS));
    let mut points = Vec::new();
    for clients in bench.extent.clients.clone() {
        let outcome = bench.load(Kind::Set, &server, &ledger, clients).play_well(None).await?;
        points.push((clients as f64, outcome.rate()));
    }
    load::read_back(server.address, &ledger, &all(0..KEYS)).await?;
    bench.report.curve("throughput", Series::new("redis-server, appendfsync always", points));
    Ok(())
}
