//! Goals 7 and 8: what it takes to start a server on a large database, in time and in memory. And whether what goes on in
//! the background can be felt: latencies beside folds and merges. What these write is counted elsewhere (`growth`).

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, sleep, timeout};

use super::child::Server;
use super::load::{self, Kind, Load};
use super::prices;
use super::report::Series;
use super::run::{Run, median};
use super::store::Database;
use super::words::{self, KEY, Ledger, Reply, VALUE};
use super::writes::Naive;
use super::{Bench, FILL, all};

const CLIENTS: usize = 256;

/// About the bytes of a commit into a large database.
const COMMIT: u64 = 64 << 10;

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
    /// Of a SET while they are set at random, in round trips: the median, and what one in a hundred takes longer than.
    latencies: [f64; 2],
    /// From the start of a server to its first right answer, in round trips,
    start: f64,
    /// and in seconds.
    start_took: f64,
    resident: u64,
}

/// The sizes that are compared, of which the largest has so many keys.
pub fn steps(most: usize) -> Vec<usize> {
    let mut sizes: Vec<usize> = [1_000, 10_000, 100_000, most].into_iter().filter(|keys| *keys <= most).collect();
    sizes.dedup();
    sizes
}

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let (mut found, mut naive) = (Vec::new(), Vec::new());
    for keys in steps(bench.extent.most_keys) {
        bench.note(&format!("sizes: {keys} keys"));
        found.push(one(bench, keys).await?);
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
    // So many round trips, one after the other, take at least as many times L.
    bench.report.take("start", small.start.floor());
    bench.report.fact("start to the first right answer, 1,000 keys, in L", small.start);
    bench
        .report
        .fact(&format!("start to the first right answer, {} keys, in ms", large.keys), large.start_took * 1000.0);
    if let [.., before, _] = &found[..]
        && found.len() > 2
    {
        let slope = |size: &Size| (size.start - small.start) / (size.keys - small.keys) as f64;
        bench.report.take("start-linear", slope(large) / slope(before));
    }
    let memory = large.resident.saturating_sub(small.resident) as f64 / (large.keys - small.keys) as f64;
    bench.report.take("memory", memory - (KEY + VALUE) as f64);
    bench.report.fact("the largest database, in keys", large.keys as f64);
    for (place, share) in ["p50", "p99"].into_iter().enumerate() {
        bench.report.fact(&format!("SET {share}, 256 clients, 1,000 keys, in L"), small.latencies[place]);
        bench.report.fact(&format!("SET {share}, 256 clients, the largest database, in L"), large.latencies[place]);
    }
    if bench.store.counts() {
        for (chart, place) in [("bytes", 1), ("dollars", 2)] {
            let points = naive.iter().map(|point| (point[0], point[place]));
            bench.report.curve(chart, Series::new("naive", points));
        }
    }
    Ok(())
}

/// A database of one size. Between the smallest and the largest lie minutes: each has an L of its own.
async fn one(bench: &Bench, keys: usize) -> anyhow::Result<Size> {
    let database = bench.store.database();
    let ledger = Arc::new(Ledger::new(keys));
    let server = Server::start(&database).await?;
    load::fill(server.address, &ledger, 0..keys, FILL).await?;
    quiet(bench).await?;
    let (run, mut probe) = (Run::begin(), bench.probe().await?);
    let round_trip = run.measured(probe.put(bench.extent.probes, COMMIT).await?);
    let load = bench.load(Kind::Set, &server, &ledger, CLIENTS);
    let outcome = Load { time: bench.extent.time * 4, ..load }.play_well(None).await?;
    quiet(bench).await?;
    load::read_back(server.address, &ledger, &all(0..keys)).await?;
    server.kill().await?;
    let (mut starts, mut resident) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let (took, memory) = start(&database, &ledger).await?;
        starts.push(took);
        resident.push(memory as f64);
    }
    let start_took = median(starts).context("it was started")?;
    let resident = median(resident).context("it was started")? as u64;
    let [p50, p99] = [0.5, 0.99].map(|share| run.measured(outcome.latency(share)).over(round_trip));
    let unchanged = run.measured(probe.unchanged(bench.extent.probes).await?);
    let start = run.measured(start_took).over(unchanged)?;
    Ok(Size { keys, latencies: [p50?, p99?], start, start_took, resident })
}

/// Waits until nothing passes any more.
pub async fn quiet(bench: &Bench) -> anyhow::Result<()> {
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
