//! Goal 14, and latency over load: SETs that clients send by the clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::child::ServerProcess;
use super::console;
use super::harness::{Bench, FILL, all};
use super::ledger::Ledger;
use super::report::Series;
use super::{prices, steady};
use crate::proxy::Faults;

const KEYS: usize = 10_000;

/// The SETs a second of the goal.
const RATE: u64 = 1_000;

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    if bench.backend.counts() {
        million(bench).await?;
    } else {
        bench.report.skip("cost", "the proxy cannot count requests in TLS");
    }
    latency(bench).await
}

/// The price of a million SETs on a store that is as far away as S3.
async fn million(bench: &mut Bench) -> anyhow::Result<()> {
    let route = match bench.stand_in {
        true => bench.backend.open_route(Duration::from_millis(prices::ROUND_TRIP_MS), Faults::none())?,
        false => bench.backend.route.clone(),
    };
    let ledger = Arc::new(Ledger::new(KEYS));
    let server = ServerProcess::start(&bench.backend.database_over(&route)).await?;
    console::fill(server.address, &ledger, 0..KEYS, FILL).await?;
    let time = bench.extent.time * 8;
    // The server finds its pace first.
    steady::play(server.address, &ledger, RATE, time / 8).await?;
    let before = route.traffic();
    let steady = steady::play(server.address, &ledger, RATE, time).await?;
    let traffic = route.traffic().since(&before);
    anyhow::ensure!(steady.errors == 0, "{} SETs failed", steady.errors);
    console::read_back(server.address, &ledger, &all(0..KEYS)).await?;
    bench.report.take("cost", prices::dollars(&traffic) / steady.took.len() as f64 * 1e6);
    bench.report.fact("SETs a second whose cost was counted", steady.took.len() as f64 / time.as_secs_f64());
    bench.report.fact("dollars for a million naive SETs", prices::naive_million());
    Ok(())
}

/// The latency of SETs at every rate of the curve.
async fn latency(bench: &mut Bench) -> anyhow::Result<()> {
    let (server, ledger) = bench.server(KEYS).await?;
    let mut curves = [0.5, 0.99].map(|_| Vec::new());
    for rate in bench.extent.rates.clone() {
        bench.note(&format!("latency: {rate} SETs a second"));
        // A slow rate needs a longer time for its 20 SETs.
        let time = bench.extent.time.max(Duration::from_secs_f64(20.0 / rate as f64));
        steady::play(server.address, &ledger, rate, time / 4).await?;
        let steady = steady::play(server.address, &ledger, rate, time).await?;
        for (curve, share) in curves.iter_mut().zip([0.5, 0.99]) {
            curve.push((rate as f64, steady.latency(share) * 1000.0));
        }
        anyhow::ensure!(steady.errors == 0, "{} SETs failed", steady.errors);
        sleep(bench.extent.time / 4).await; // for background work
    }
    console::read_back(server.address, &ledger, &all(0..KEYS)).await?;
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
