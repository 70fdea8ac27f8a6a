//! Goal 14, and latency over load: SETs that come by the clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::child::Server;
use super::load;
use super::report::Series;
use super::words::Ledger;
use super::{Bench, all, prices, steady};
use crate::proxy::Faults;

const KEYS: usize = 10_000;

/// SETs a second that the goal speaks of.
const RATE: u64 = 1_000;

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    if bench.store.counts() {
        million(bench).await?;
    } else {
        bench.report.skip("cost", "requests can't be counted in TLS");
    }
    latency(bench).await
}

/// What a million of them cost, of so many a second, on a store that is as far away as S3.
async fn million(bench: &mut Bench) -> anyhow::Result<()> {
    let way = match bench.stand_in {
        true => bench.store.open_way(Duration::from_millis(prices::ROUND_TRIP_MS), Faults::none())?,
        false => bench.store.way.clone(),
    };
    let ledger = Arc::new(Ledger::new(KEYS));
    let server = Server::start(&bench.store.database_by(&way)).await?;
    load::fill(server.address, &ledger, 0..KEYS, super::FILL).await?;
    let time = bench.extent.time * 8;
    // Until the pace is kept.
    steady::play(server.address, &ledger, RATE, time / 8).await?;
    let before = way.traffic();
    let steady = steady::play(server.address, &ledger, RATE, time).await?;
    let traffic = way.traffic().since(&before);
    anyhow::ensure!(steady.errors == 0, "{} SETs were answered with errors", steady.errors);
    load::read_back(server.address, &ledger, &all(0..KEYS)).await?;
    bench.report.take("cost", prices::dollars(&traffic) / steady.took.len() as f64 * 1e6);
    bench.report.fact("SETs a second whose cost was counted", steady.took.len() as f64 / time.as_secs_f64());
    bench.report.fact("dollars for a million naive SETs", prices::naive_million());
    Ok(())
}

async fn latency(bench: &mut Bench) -> anyhow::Result<()> {
    let (server, ledger) = bench.server(KEYS).await?;
    let mut curves = [0.5, 0.99].map(|_| Vec::new());
    for rate in bench.extent.rates.clone() {
        bench.note(&format!("latency: {rate} SETs a second"));
        // At least some dozens of them.
        let time = bench.extent.time.max(Duration::from_secs_f64(20.0 / rate as f64));
        steady::play(server.address, &ledger, rate, time / 4).await?;
        let steady = steady::play(server.address, &ledger, rate, time).await?;
        for (curve, share) in curves.iter_mut().zip([0.5, 0.99]) {
            curve.push((rate as f64, steady.latency(share) * 1000.0));
        }
        anyhow::ensure!(steady.errors == 0, "{} SETs were answered with errors", steady.errors);
        sleep(bench.extent.time / 4).await; // what is left in the background
    }
    load::read_back(server.address, &ledger, &all(0..KEYS)).await?;
    for (name, curve) in ["p50", "p99"].into_iter().zip(curves) {
        bench.report.curve("latency", Series::new(name, curve));
    }
    let mut probe = bench.probe().await?;
    let round_trip = probe.put(bench.extent.probes, 16 << 10).await? * 1000.0;
    let (Some(first), Some(last)) = (bench.extent.rates.first(), bench.extent.rates.last()) else { return Ok(()) };
    let flat = [(*first as f64, round_trip), (*last as f64, round_trip)];
    bench.report.curve("latency", Series::new("L, one round trip", flat));
    Ok(())
}
