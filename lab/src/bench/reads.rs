//! Goals 4 and 5: GETs, without and with writers, and a server that nobody asks anything.

use std::time::Duration;

use tokio::time::sleep;

use super::Bench;
use super::load::{Kind, Load};
use super::run::Run;

const KEYS: usize = 1024;

/// Those who read while others write.
const READERS: usize = 16;
const WRITERS: usize = 256;

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let (server, ledger) = bench.server(KEYS).await?;
    let mut probe = bench.probe().await?;
    for round in 0..bench.extent.rounds {
        bench.note(&format!("reads: run {} of {}", round + 1, bench.extent.rounds));
        for clients in [1, 256] {
            let run = Run::begin();
            let round_trip = run.measured(probe.unchanged(bench.extent.probes).await?);
            let load = bench.load(Kind::Get, &server, &ledger, clients);
            let outcome = load.play_well(Some(&bench.store.way)).await?;
            let p50 = run.measured(outcome.latency(0.5)).over(round_trip)?;
            bench.report.take(&format!("get-p50-{clients}"), p50);
            if clients > 1 && bench.store.counts() {
                bench.report.take("requests-get", outcome.requests_per_thousand());
            }
            bench.report.fact(&format!("GETs a second of {clients} clients"), outcome.rate());
        }
        let run = Run::begin();
        let round_trip = run.measured(probe.unchanged(bench.extent.probes).await?);
        let writers = bench.load(Kind::Set, &server, &ledger, WRITERS);
        let writers = Load { warmth: Duration::ZERO, time: bench.extent.time * 2, ..writers };
        let readers = bench.load(Kind::Get, &server, &ledger, READERS);
        let (writers, readers) = tokio::join!(writers.play_well(None), readers.play_well(None));
        let p50 = run.measured(readers?.latency(0.5)).over(round_trip)?;
        bench.report.take("get-p50-writer", p50);
        bench.report.fact("SETs a second of 256 clients while 16 read", writers?.rate());
    }
    if bench.store.counts() {
        // What was begun in the background comes to its end first.
        super::sizes::quiet(bench).await?;
        let before = bench.store.way.traffic();
        let time = bench.extent.time * 5;
        sleep(time).await;
        let requests = bench.store.way.traffic().since(&before).requests();
        bench.report.take("requests-idle", requests as f64 * 60.0 / time.as_secs_f64());
    }
    Ok(())
}
