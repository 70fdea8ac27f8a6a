//! Goals 7 and 8: the time and the memory of a server that starts on a large database. Also the latencies of SETs beside
//! folds and merges. `growth` counts the bytes that these write.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, sleep, timeout};

use super::backend::Database;
use super::child::ServerProcess;
use super::console;
use super::harness::{Bench, FILL, all};
use super::ledger::{KEY, Ledger, VALUE};
use super::load::{Load, LoadKind};
use super::prices;
use super::report::Series;
use super::run::{Run, median};
use super::words::{self, ServerReply};
use super::writes::Naive;

const CLIENTS: usize = 256;

/// The bytes of a commit into a large database, roughly.
const COMMIT: u64 = 64 << 10;

/// Background work has ended once the store has received no request for this long.
const QUIET: Duration = Duration::from_millis(500);

/// How long background work may take.
const BACKGROUND: Duration = Duration::from_secs(120);

/// The starts of one median.
const STARTS: usize = 3;

/// The largest naive database. On a larger one each SET takes seconds.
const NAIVE_KEYS: usize = 100_000;

/// The figures of one size.
struct Size {
    keys: usize,
    /// The p50 and the p99 of a SET of a random key, in round trips.
    latencies: [f64; 2],
    /// The time from a server's start to its first right answer, in round trips.
    start: f64,
    /// The same in seconds.
    start_took: f64,
    /// The resident memory of a server that has rested after its start, in bytes.
    resident: u64,
}

/// The sizes to compare, up to this number of keys.
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
            let before = bench.backend.route.traffic();
            database.one_set(1).await?;
            // The read that checks the SET is not a part of its price.
            let traffic = bench.backend.route.traffic().since(&before);
            naive.push([keys as f64, traffic.bytes_there as f64, prices::naive_million()]);
        }
    }
    let (small, large) = (&found[0], &found[found.len() - 1]);
    bench.report.take("start", large.start_took);
    bench.report.fact("start to the first right answer, 1,000 keys, in L", small.start);
    if let [.., before, _] = &found[..]
        && found.len() > 2
    {
        let slope = |size: &Size| (size.start - small.start) / (size.keys - small.keys) as f64;
        let what = "what a megabyte adds to a start: the largest database over a tenth of it";
        bench.report.fact(what, slope(large) / slope(before));
    }
    let memory = large.resident.saturating_sub(small.resident) as f64 / (large.keys - small.keys) as f64;
    bench.report.take("memory", memory - (KEY + VALUE) as f64);
    bench.report.fact("the largest database, in keys", large.keys as f64);
    for (place, share) in ["p50", "p99"].into_iter().enumerate() {
        bench.report.fact(&format!("SET {share}, 256 clients, 1,000 keys, in L"), small.latencies[place]);
        bench.report.fact(&format!("SET {share}, 256 clients, the largest database, in L"), large.latencies[place]);
    }
    if bench.backend.counts() {
        for (chart, place) in [("bytes", 1), ("dollars", 2)] {
            let points = naive.iter().map(|point| (point[0], point[place]));
            bench.report.curve(chart, Series::new("naive", points));
        }
    }
    Ok(())
}

/// Measures one size. Minutes lie between the smallest and the largest, so each has an L of its own.
async fn one(bench: &Bench, keys: usize) -> anyhow::Result<Size> {
    let database = bench.backend.database();
    let ledger = Arc::new(Ledger::new(keys));
    let server = ServerProcess::start(&database).await?;
    console::fill(server.address, &ledger, 0..keys, FILL).await?;
    quiet(bench).await?;
    let (run, mut probe) = (Run::begin(), bench.probe().await?);
    let round_trip = run.measured(probe.put(bench.extent.probes, COMMIT).await?);
    let load = bench.load(LoadKind::Set, &server, &ledger, CLIENTS);
    let result = Load { time: bench.extent.time * 4, ..load }.play_well(None).await?;
    quiet(bench).await?;
    console::read_back(server.address, &ledger, &all(0..keys)).await?;
    server.kill().await?;
    let (took, server) = start(&database, &ledger).await?;
    let resident = server.resident(bench.extent.rest).await?;
    server.kill().await?;
    let mut starts = vec![took];
    for _ in 1..STARTS {
        let (took, server) = start(&database, &ledger).await?;
        starts.push(took);
        server.kill().await?;
    }
    let start_took = median(starts).context("the server was started")?;
    let [p50, p99] = [0.5, 0.99].map(|share| run.measured(result.latency(share)).over(round_trip));
    let unchanged = run.measured(probe.unchanged(bench.extent.probes).await?);
    let start = run.measured(start_took).over(unchanged)?;
    Ok(Size { keys, latencies: [p50?, p99?], start, start_took, resident })
}

/// Waits until the server's background work has ended.
pub async fn quiet(bench: &Bench) -> anyhow::Result<()> {
    if !bench.backend.counts() {
        sleep(QUIET).await;
        return Ok(());
    }
    let end = async {
        loop {
            let before = bench.backend.route.traffic();
            sleep(QUIET).await;
            if bench.backend.route.traffic() == before {
                return;
            }
        }
    };
    timeout(BACKGROUND, end).await.context("an idle server keeps sending requests")
}

/// Starts a server and repeats a GET until its value is right. Returns the time that took, and the server.
async fn start(database: &Database, ledger: &Ledger) -> anyhow::Result<(f64, ServerProcess)> {
    let key = ledger.keys() / 2;
    let mut get = Vec::new();
    words::get(key, &mut get);
    let began = Instant::now();
    let server = ServerProcess::launch(database, "server").await?;
    let right = |reply: &ServerReply| match reply {
        ServerReply::Bulk(value) => ledger.check(key, value.as_deref(), ledger.acknowledged(key)).is_ok(),
        _ => false,
    };
    let answered = server.wait_for(&get, right).await?;
    Ok((answered.duration_since(began).as_secs_f64(), server))
}
