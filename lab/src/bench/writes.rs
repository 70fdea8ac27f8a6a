//! Goals 1, 3 and 5: SETs of few and of many clients, one at a time, beside the naive algorithm.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::Instant;

use super::backend::Database;
use super::child::{Probe, ServerProcess};
use super::console::{self, Console};
use super::harness::{Bench, all};
use super::ledger::Ledger;
use super::load::{Load, LoadKind, LoadResult};
use super::report::{Report, Series};
use super::run::{Run, median};
use super::words;

/// One key for each client of the largest load.
const KEYS: usize = 1024;

/// The numbers of clients for which a SET's latency has a goal.
const LATENCY_GOALS: [usize; 3] = [1, 16, 256];

/// The numbers of clients for which throughput has a goal.
const THROUGHPUT_GOALS: [usize; 4] = [1, 16, 256, 1024];

/// How long a naive load runs. A naive SET takes two round trips, so this is some dozens of SETs.
const NAIVE_TIME: Duration = Duration::from_millis(2000);

/// The size of the probe's object before the server's own sizes are known.
const FIRST_SIZE: u64 = 8 << 10;

/// The figures of one load of the curve.
struct CurveStep {
    clients: usize,
    /// SETs a second of Valthree and of naive.
    rates: [f64; 2],
    /// The p99 over a round trip, where it has a goal.
    p99: Option<f64>,
    /// The mean size of a PUT.
    size: u64,
}

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let (server, ledger) = bench.server(KEYS).await?;
    let mut probe = bench.probe().await?;
    let mut naive = Naive::fill(bench, KEYS).await?;
    let (mut steps, mut size) = (Vec::new(), FIRST_SIZE);
    for round in 0..bench.extent.rounds {
        let mut worst_p99 = 0.0;
        for clients in bench.extent.clients.clone() {
            bench.note(&format!("writes: run {} of {}, {clients} clients", round + 1, bench.extent.rounds));
            let step = one_step(bench, clients, size, (&server, &ledger), &mut naive, &mut probe).await?;
            worst_p99 = step.p99.into_iter().fold(worst_p99, f64::max);
            size = step.size;
            steps.push(step);
        }
        bench.report.take("set-p99", worst_p99);
    }
    naive_reads(bench, &naive, &mut probe).await?;
    for (place, name) in ["Valthree", "naive"].into_iter().enumerate() {
        let middle = |clients: &usize| {
            let own = steps.iter().filter(|step| step.clients == *clients);
            Some((*clients as f64, median(own.map(|step| step.rates[place]))?))
        };
        let points: Vec<_> = bench.extent.clients.iter().filter_map(middle).collect();
        bench.report.curve("throughput", Series::new(name, points));
    }
    redis(bench).await
}

/// One load on Valthree and one on naive, in the same run.
async fn one_step(
    bench: &mut Bench,
    clients: usize,
    size: u64,
    (server, ledger): (&ServerProcess, &Arc<Ledger>),
    naive: &mut Naive,
    probe: &mut Probe,
) -> anyhow::Result<CurveStep> {
    let run = Run::begin();
    let round_trip = run.measured(probe.put(bench.extent.probes, size).await?);
    let own = bench.load(LoadKind::Set, server, ledger, clients).play_well(Some(&bench.backend.route)).await?;
    console::read_back(server.address, ledger, &all(0..KEYS)).await?;
    let slow = naive.play(bench, clients).await?;
    let in_round_trips = |latency: f64| run.measured(latency).over(round_trip);
    let record = |report: &mut Report, what: &str, value| report.take(&format!("{what}{clients}"), value);
    let mut p99 = None;
    if THROUGHPUT_GOALS.contains(&clients) {
        record(&mut bench.report, "set-", run.measured(own.rate()).over(run.measured(slow.rate()))?);
        bench.report.fact("L, a conditional PUT, in ms", round_trip.alone() * 1000.0);
        bench.report.fact(&format!("SETs a second of {clients} clients"), own.rate());
    }
    if LATENCY_GOALS.contains(&clients) {
        record(&mut bench.report, "set-p50-", in_round_trips(own.latency(0.5))?);
        p99 = Some(in_round_trips(own.latency(0.99))?);
    }
    if bench.backend.counts() {
        match clients {
            1024 => record(&mut bench.report, "requests-", own.requests_per_thousand()),
            16 | 256 => {
                let what = format!("requests to the store for 1,000 SETs, {clients} clients");
                bench.report.fact(&what, own.requests_per_thousand());
            }
            _ => {}
        }
    }
    if clients == 1 {
        bench.report.fact("naive SET, 1 client, in L", in_round_trips(slow.latency(0.5))?);
    }
    let size = own.traffic.bytes_there.checked_div(own.traffic.puts).unwrap_or(size);
    Ok(CurveStep { clients, rates: [own.rate(), slow.rate()], p99, size })
}

/// A database of the naive algorithm, and its server.
pub struct Naive {
    database: Database,
    ledger: Arc<Ledger>,
    server: Option<ServerProcess>,
}

impl Naive {
    pub async fn fill(bench: &Bench, keys: usize) -> anyhow::Result<Naive> {
        let database = bench.backend.database();
        let ledger = Arc::new(Ledger::new(keys));
        let server = ServerProcess::naive(&database).await?;
        console::fill(server.address, &ledger, 0..keys, keys).await?;
        Ok(Naive { database, ledger, server: Some(server) })
    }

    /// Runs SETs, then replaces the server and reads some acknowledged writes back. It has to be replaced: the commands
    /// of many clients still wait for its lock.
    pub async fn play(&mut self, bench: &Bench, clients: usize) -> anyhow::Result<LoadResult> {
        let server = match self.server.take() {
            Some(server) => server,
            None => ServerProcess::naive(&self.database).await?,
        };
        let time = NAIVE_TIME.min(bench.extent.time * 2);
        let load = bench.load(LoadKind::Set, &server, &self.ledger, clients);
        let load = Load { warmup: time / 8, time, may_break: true, ..load };
        let result = load.play(Some(&bench.backend.route)).await?;
        anyhow::ensure!(result.errors.is_none(), "the naive server answers with errors: {:?}", result.errors);
        server.kill().await?;
        let server = ServerProcess::naive(&self.database).await?;
        let mut keys = all(0..self.ledger.keys());
        keys.sort_by_key(|key| std::cmp::Reverse(self.ledger.acknowledged(*key)));
        console::read_back(server.address, &self.ledger, &keys[..2.min(keys.len())]).await?;
        self.server = Some(server);
        Ok(result)
    }

    /// The median latency of a SET, in seconds.
    pub async fn one_set(&self, times: usize) -> anyhow::Result<f64> {
        let server = self.server.as_ref().context("there is a server between two loads")?;
        let mut console = Console::open(server.address).await?;
        let mut took = Vec::new();
        for _ in 0..times {
            let mut command = Vec::new();
            let number = self.ledger.set(0, &mut command);
            let began = Instant::now();
            let reply = console.ask_one(&command).await?;
            took.push(began.elapsed().as_secs_f64());
            anyhow::ensure!(words::is_ok(&reply), "the naive server answered a SET with {reply:?}");
            self.ledger.acknowledge(0, number);
        }
        console::read_back(server.address, &self.ledger, &[0]).await?;
        median(took).context("nothing was measured")
    }
}

/// Shows that the yardstick is not slowed down: its GET takes one round trip.
async fn naive_reads(bench: &mut Bench, naive: &Naive, probe: &mut Probe) -> anyhow::Result<()> {
    let Some(server) = &naive.server else { return Ok(()) };
    let run = Run::begin();
    let round_trip = run.measured(probe.unchanged(bench.extent.probes).await?);
    let result = bench.load(LoadKind::Get, server, &naive.ledger, 1).play_well(None).await?;
    bench.report.fact("naive GET, 1 client, in L", run.measured(result.latency(0.5)).over(round_trip)?);
    bench.report.fact("L, a 304, in ms", round_trip.alone() * 1000.0);
    Ok(())
}

/// Adds redis-server to the curve.
async fn redis(bench: &mut Bench) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let Some(server) = ServerProcess::redis(folder.path()).await? else { return Ok(()) };
    let ledger = Arc::new(Ledger::new(KEYS));
    let mut points = Vec::new();
    for clients in bench.extent.clients.clone() {
        let result = bench.load(LoadKind::Set, &server, &ledger, clients).play_well(None).await?;
        points.push((clients as f64, result.rate()));
    }
    console::read_back(server.address, &ledger, &all(0..KEYS)).await?;
    bench.report.curve("throughput", Series::new("redis-server, appendfsync always", points));
    Ok(())
}
