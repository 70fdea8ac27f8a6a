//! Goals 4, 5 and 22: GETs, alone and beside writers, and an idle server.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::child::{Probe, ServerProcess};
use super::console;
use super::harness::{Bench, FILL};
use super::ledger::Ledger;
use super::load::{Load, LoadKind};
use super::run::Run;
use super::sizes;

const KEYS: usize = 1024;

/// The clients that read while others write.
const READERS: usize = 16;

/// The clients that write.
const WRITERS: usize = 256;

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let database = bench.backend.database();
    let ledger = Arc::new(Ledger::new(KEYS));
    let server = ServerProcess::start(&database).await?;
    console::fill(server.address, &ledger, 0..KEYS, FILL).await?;
    let mut probe = bench.probe().await?;
    for round in 0..bench.extent.rounds {
        bench.note(&format!("reads: run {} of {}", round + 1, bench.extent.rounds));
        for clients in [1, 256] {
            let run = Run::begin();
            let round_trip = run.measured(probe.unchanged(bench.extent.probes).await?);
            let load = bench.load(LoadKind::Get, &server, &ledger, clients);
            let result = load.play_well(Some(&bench.backend.route)).await?;
            let p50 = run.measured(result.latency(0.5)).over(round_trip)?;
            bench.report.take(&format!("get-p50-{clients}"), p50);
            if clients > 1 && bench.backend.counts() {
                bench.report.take("requests-get", result.requests_per_thousand());
            }
            bench.report.fact(&format!("GETs a second of {clients} clients"), result.rate());
        }
        beside_writers(bench, "writer", &mut probe, &server, &server, &ledger).await?;
    }
    if bench.backend.counts() {
        idle(bench).await?;
    }
    let other = ServerProcess::start(&database).await?;
    for round in 0..bench.extent.rounds {
        bench.note(&format!("reads beside another server's writes: run {} of {}", round + 1, bench.extent.rounds));
        beside_writers(bench, "elsewhere", &mut probe, &server, &other, &ledger).await?;
    }
    Ok(())
}

/// GETs on one server while clients write on the same or on another.
async fn beside_writers(
    bench: &mut Bench,
    id: &str,
    probe: &mut Probe,
    read: &ServerProcess,
    written: &ServerProcess,
    ledger: &Arc<Ledger>,
) -> anyhow::Result<()> {
    let run = Run::begin();
    let round_trip = run.measured(probe.unchanged(bench.extent.probes).await?);
    let writers = bench.load(LoadKind::Set, written, ledger, WRITERS);
    let writers = Load { warmup: Duration::ZERO, time: bench.extent.time * 2, ..writers };
    let readers = bench.load(LoadKind::Get, read, ledger, READERS);
    let (writers, readers) = tokio::join!(writers.play_well(None), readers.play_well(None));
    let p50 = run.measured(readers?.latency(0.5)).over(round_trip)?;
    bench.report.take(&format!("get-p50-{id}"), p50);
    let what = if id == "writer" { "" } else { " on another server" };
    bench.report.fact(&format!("SETs a second of 256 clients while 16 read{what}"), writers?.rate());
    Ok(())
}

/// The requests of a server without clients, after its background work has ended.
async fn idle(bench: &mut Bench) -> anyhow::Result<()> {
    sizes::quiet(bench).await?;
    let before = bench.backend.route.traffic();
    let time = bench.extent.time * 5;
    sleep(time).await;
    let requests = bench.backend.route.traffic().since(&before).requests();
    bench.report.take("requests-idle", requests as f64 * 60.0 / time.as_secs_f64());
    Ok(())
}
