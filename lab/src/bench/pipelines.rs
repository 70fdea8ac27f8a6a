//! Goals 2, 5 and 13: 256 clients that each send 16 SETs at once, on 100,000 keys, beside Redis and naive.

use std::sync::Arc;

use super::child::{Probe, ServerProcess};
use super::console;
use super::harness::{Bench, FILL, all};
use super::ledger::Ledger;
use super::load::{Load, LoadKind, LoadResult};
use super::run::{Measured, Run};
use super::writes::Naive;

const CLIENTS: usize = 256;
const PIPELINE: usize = 16;

/// The naive SETs of one median. Each of them replaces the whole database.
const NAIVE_SETS: usize = 3;

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let keys = bench.extent.keys;
    let (server, ledger) = bench.server(keys).await?;
    let naive = Naive::fill(bench, keys).await?;
    let mut probe = bench.probe().await?;
    let folder = tempfile::tempdir_in(std::env::current_dir()?)?; // the system's folder may be in memory
    let redis = ServerProcess::redis(folder.path()).await?;
    let redis_ledger = Arc::new(Ledger::new(keys));
    match &redis {
        Some(redis) => console::fill(redis.address, &redis_ledger, 0..keys, FILL).await?,
        None => bench.report.skip("redis", "there is no redis-server here: apt install redis-server"),
    }
    let mut size = 1 << 20;
    for round in 0..bench.extent.rounds {
        bench.note(&format!("pipelines: run {} of {}", round + 1, bench.extent.rounds));
        let run = Run::begin();
        let own = Own::measure(bench, &run, &mut probe, size, (&server, &ledger)).await?;
        size = own.result.traffic.bytes_there.checked_div(own.result.traffic.puts).unwrap_or(size);
        own.report(bench, &run)?;
        if let Some(redis) = &redis {
            beside_redis(bench, &run, &own, (redis, &redis_ledger)).await?;
        }
        // One naive SET at a time is enough, since more clients would only wait for its lock.
        let slow = run.measured(1.0 / naive.one_set(NAIVE_SETS).await?);
        bench.report.fact("naive SETs a second, 100,000 keys", slow.alone());
        bench.report.fact("pipelined SETs over naive", own.rate.over(slow)?);
    }
    console::read_back(server.address, &ledger, &all(0..keys)).await?;
    if let Some(redis) = &redis {
        console::read_back(redis.address, &redis_ledger, &all(0..keys)).await?;
    }
    Ok(())
}

/// One load on Valthree.
struct Own {
    round_trip: Measured,
    rate: Measured,
    /// The rate if all clients' commands were answered in each round trip.
    most: Measured,
    /// The server's CPU time for one SET, in seconds.
    cpu: Measured,
    result: LoadResult,
}

impl Own {
    async fn measure(
        bench: &Bench,
        run: &Run,
        probe: &mut Probe,
        size: u64,
        (server, ledger): (&ServerProcess, &Arc<Ledger>),
    ) -> anyhow::Result<Own> {
        let round_trip = run.measured(probe.put(bench.extent.probes, size).await?);
        let busy = server.busy()?;
        let result = pipelined(bench, server, ledger).play_well(Some(&bench.backend.route)).await?;
        let cpu = run.measured((server.busy()? - busy) / result.altogether as f64);
        let most = run.measured((CLIENTS * PIPELINE) as f64 / round_trip.alone());
        Ok(Own { round_trip, rate: run.measured(result.rate()), most, cpu, result })
    }

    fn report(&self, bench: &mut Bench, run: &Run) -> anyhow::Result<()> {
        let Own { round_trip, rate, most, cpu, result } = self;
        bench.report.take("pipeline", rate.over(*most)?);
        if bench.backend.counts() {
            bench.report.take("requests-pipeline", result.requests_per_thousand());
        }
        bench.report.fact("CPU time of the server for such a SET, in us", cpu.alone() * 1e6);
        bench.report.fact("SETs a second of 256 clients, pipeline 16", rate.alone());
        bench.report.fact("L, a conditional PUT of what pipelines store, in ms", round_trip.alone() * 1000.0);
        bench.report.fact("p50 of a pipeline, in L", run.measured(result.latency(0.5)).over(*round_trip)?);
        Ok(())
    }
}

/// The same load on redis-server.
async fn beside_redis(
    bench: &mut Bench,
    run: &Run,
    own: &Own,
    (redis, ledger): (&ServerProcess, &Arc<Ledger>),
) -> anyhow::Result<()> {
    let busy = redis.busy()?;
    let result = pipelined(bench, redis, ledger).play_well(None).await?;
    let cpu = run.measured((redis.busy()? - busy) / result.altogether as f64);
    let rate = run.measured(result.rate());
    bench.report.take("redis", own.rate.over(rate)?);
    bench.report.bound("redis", own.most.over(rate)?);
    bench.report.fact("CPU time of a SET over that of redis-server with appendfsync always", own.cpu.over(cpu)?);
    bench.report.fact("CPU time of redis-server with appendfsync always for one, in us", cpu.alone() * 1e6);
    bench.report.fact("SETs a second of redis-server, 256 clients, pipeline 16", rate.alone());
    Ok(())
}

/// The load. Its warm-up is longer than others': the first batch of an idle server holds only one client's commands.
fn pipelined(bench: &Bench, server: &ServerProcess, ledger: &Arc<Ledger>) -> Load {
    let load = bench.load(LoadKind::Set, server, ledger, CLIENTS);
    Load { pipeline: PIPELINE, warmup: load.time / 2, ..load }
}
