//! Goals 2, 5 and 13: 256 clients that each send 16 SETs at once, on 100,000 keys, beside the naive algorithm and
//! Redis.

use std::sync::Arc;

use super::child::Server;
use super::load::{self, Kind, Load};
use super::run::Run;
use super::words::Ledger;
use super::writes::Naive;
use super::{Bench, all};

const CLIENTS: usize = 256;
const PIPELINE: usize = 16;

/// Each of them reads and writes everything.
const NAIVE_SETS: usize = 3;

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let keys = bench.extent.keys;
    let (server, ledger) = bench.server(keys).await?;
    let naive = Naive::fill(bench, keys).await?;
    let mut probe = bench.probe().await?;
    let folder = tempfile::tempdir_in(std::env::current_dir()?)?; // not where files may be kept in memory
    let redis = Server::redis(folder.path()).await?;
    let redis_ledger = Arc::new(Ledger::new(keys));
    match &redis {
        Some(redis) => load::fill(redis.address, &redis_ledger, 0..keys, super::FILL).await?,
        None => bench.report.skip("redis", "there is no redis-server here: apt install redis-server"),
    }
    let mut size = 1 << 20;
    for round in 0..bench.extent.rounds {
        bench.note(&format!("pipelines: run {} of {}", round + 1, bench.extent.rounds));
        let run = Run::begin();
        let round_trip = run.measured(probe.put(bench.extent.probes, size).await?);
        // The first batch of a server that was idle is of one client; more warmth gets over it.
        let warm = |load: Load| Load { pipeline: PIPELINE, warmth: load.time / 2, ..load };
        let load = warm(bench.load(Kind::Set, &server, &ledger, CLIENTS));
        let busy = server.busy()?;
        let outcome = load.play_well(Some(&bench.store.way)).await?;
        let each = 1e6 / outcome.altogether as f64;
        bench.report.fact("CPU time of the server for such a SET, in us", (server.busy()? - busy) * each);
        size = outcome.traffic.bytes_there.checked_div(outcome.traffic.puts).unwrap_or(size);
        let rate = run.measured(outcome.rate());
        let most = run.measured((CLIENTS * PIPELINE) as f64 / round_trip.alone());
        if let Some(redis) = &redis {
            let busy = redis.busy()?;
            let outcome = warm(bench.load(Kind::Set, redis, &redis_ledger, CLIENTS)).play_well(None).await?;
            let other = run.measured(outcome.rate());
            bench.report.fact(
                "CPU time of redis-server for one, in us",
                (redis.busy()? - busy) * 1e6 / outcome.altogether as f64,
            );
            bench.report.take("redis", rate.over(other)?);
            bench.report.bound("redis", most.over(other)?);
            bench.report.fact("SETs a second of redis-server, 256 clients, pipeline 16", other.alone());
        }
        // It does one thing after the other, so more clients would make it no faster.
        let slow = run.measured(1.0 / naive.one_set(NAIVE_SETS).await?);
        bench.report.take("pipeline", rate.over(slow)?);
        bench.report.bound("pipeline", most.over(slow)?);
        if bench.store.counts() {
            bench.report.take("requests-pipeline", outcome.requests_per_thousand());
        }
        bench.report.fact("SETs a second of 256 clients, pipeline 16", rate.alone());
        bench.report.fact("naive SETs a second, 100,000 keys", slow.alone());
        bench.report.fact("L, a conditional PUT of what pipelines store, in ms", round_trip.alone() * 1000.0);
        bench.report.fact("p50 of a pipeline, in L", run.measured(outcome.latency(0.5)).over(round_trip)?);
    }
    load::read_back(server.address, &ledger, &all(0..keys)).await?;
    if let Some(redis) = &redis {
        load::read_back(redis.address, &redis_ledger, &all(0..keys)).await?;
    }
    Ok(())
}
