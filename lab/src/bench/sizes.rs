//! Goals 6, 7 and 8: what a database costs as it grows.
//!
//! In real time there is no waiting until every level of a large database has merged. The example `scale` of the server
//! does that, with a clock that passes when everybody waits; here, what a SET costs is counted over some seconds, and
//! until what these have begun in the background is done.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, sleep, timeout};

use super::child::Server;
use super::load::{self, Kind, Load};
use super::prices;
use super::report::Series;
use super::run::{Run, median};
use super::store::{Database, Traffic};
use super::words::{self, KEY, Ledger, Reply, VALUE};
use super::writes::Naive;
use super::{Bench, FILL, all};

const CLIENTS: usize = 256;

/// What is going on in the background has ended if nothing has passed for so long.
const QUIET: Duration = Duration::from_millis(500);

/// And if it does not end, that is an error.
const PATIENCE: Duration = Duration::from_secs(120);

/// Starts of a server, each time.
const STARTS: usize = 3;

/// The naive algorithm takes seconds for each SET of a larger database.
const NAIVE_KEYS: usize = 100_000;

/// What was found out about one size.
struct Size {
    keys: usize,
    /// Bytes put for each SET.
    bytes: f64,
    /// From the start of a server to its first right answer.
    start: f64,
    resident: u64,
}

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let most = bench.extent.most_keys;
    let steps = [1_000, 10_000, 100_000, most];
    let mut sizes: Vec<usize> = steps.into_iter().filter(|keys| *keys <= most).collect();
    sizes.dedup();
    let mut found = Vec::new();
    let (mut own, mut naive) = (Vec::new(), Vec::new());
    let run = Run::begin();
    for keys in sizes {
        bench.note(&format!("sizes: {keys} keys"));
        let (size, cost) = one(bench, keys).await?;
        own.push([keys as f64, size.bytes, cost]);
        found.push(size);
        if keys <= NAIVE_KEYS {
            let database = Naive::fill(bench, keys).await?;
            let before = bench.store.way.traffic();
            database.one_set(1).await?;
            // Reading it back is not a part of the SET.
            let traffic = bench.store.way.traffic().since(&before);
            naive.push([keys as f64, traffic.bytes_there as f64, prices::naive_million()]);
        }
    }
    let (small, large) = (&found[0], &found[found.len() - 1]);
    let mut probe = bench.probe().await?;
    let round_trip = run.measured(probe.unchanged(bench.extent.probes).await?);
    let start = run.measured(small.start).over(round_trip)?;
    bench.report.take("start", start.floor());
    bench.report.fact("start to the first right answer, 1,000 keys, in L", start);
    bench.report.fact(&format!("start to the first right answer, {} keys, in ms", large.keys), large.start * 1000.0);
    if let [.., before, _] = &found[..]
        && found.len() > 2
    {
        let slope = |size: &Size| (size.start - small.start) / (size.keys - small.keys) as f64;
        bench.report.take("start-linear", run.measured(slope(large)).over(run.measured(slope(before)))?);
    }
    let memory = large.resident.saturating_sub(small.resident) as f64 / (large.keys - small.keys) as f64;
    bench.report.take("memory", memory - (KEY + VALUE) as f64);
    bench.report.fact("the largest database, in keys", large.keys as f64);
    if bench.store.counts() {
        bench.report.take("bytes-ratio", run.measured(large.bytes).over(run.measured(small.bytes))?);
        bench.report.take("bytes-entry", large.bytes / (KEY + VALUE) as f64);
        for (chart, place) in [("bytes", 1), ("dollars", 2)] {
            for (name, points) in [("Valthree", &own), ("naive", &naive)] {
                let points = points.iter().map(|point| (point[0], point[place]));
                bench.report.curve(chart, Series::new(name, points));
            }
        }
    }
    Ok(())
}

/// A database of one size; and what a million SETs into it cost.
async fn one(bench: &Bench, keys: usize) -> anyhow::Result<(Size, f64)> {
    let database = bench.store.database();
    let ledger = Arc::new(Ledger::new(keys));
    let server = Server::start(&database).await?;
    load::fill(server.address, &ledger, 0..keys, FILL).await?;
    quiet(bench).await?;
    let before = bench.store.way.traffic();
    let load = bench.load(Kind::Set, &server, &ledger, CLIENTS);
    let outcome = Load { time: bench.extent.time * 4, ..load }.play_well(None).await?;
    quiet(bench).await?;
    let traffic = bench.store.way.traffic().since(&before);
    let sets = outcome.altogether as f64;
    let cost = prices::dollars(&traffic) / sets * 1e6;
    load::read_back(server.address, &ledger, &all(0..keys)).await?;
    server.kill().await?;
    let (mut starts, mut resident) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let (took, memory) = start(&database, &ledger).await?;
        starts.push(took);
        resident.push(memory as f64);
    }
    let start = median(starts).context("it was started")?;
    let resident = median(resident).context("it was started")? as u64;
    Ok((Size { keys, bytes: put(&traffic) / sets, start, resident }, cost))
}

fn put(traffic: &Traffic) -> f64 {
    traffic.bytes_there as f64
}

/// Waits until nothing passes any more.
async fn quiet(bench: &Bench) -> anyhow::Result<()> {
    if !bench.store.counts() {
        sleep(QUIET).await;
        return Ok(());
    }
    let end = async {
        loop {
            let before = bench.store.way.traffic();
            sleep(QUIET).await;
            if bench.store.way.traffic() == before {
                return;
            }
        }
    };
    timeout(PATIENCE, end).await.context("an idle server goes on sending requests")
}

/// Starts a server and asks it for a key until it gives the right value; says how long that took, and how much memory
/// the server then has.
async fn start(database: &Database, ledger: &Ledger) -> anyhow::Result<(f64, u64)> {
    let key = ledger.keys() / 2;
    let mut get = Vec::new();
    words::get(key, &mut get);
    let began = Instant::now();
    let server = Server::launch(database, "server").await?;
    let right = |reply: &Reply| match reply {
        Reply::Bulk(value) => ledger.check(key, value.as_deref(), ledger.acknowledged(key)).is_ok(),
        _ => false,
    };
    let answered = server.wait_for(&get, right).await?;
    let resident = server.resident()?;
    server.kill().await?;
    Ok((answered.duration_since(began).as_secs_f64(), resident))
}
