//! Goals 9, 10 and 12: three servers on one database, one of which is then killed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use super::child::{Probe, ServerProcess};
use super::console::{self, Console};
use super::harness::{Bench, all};
use super::ledger::Ledger;
use super::load::{Load, LoadKind, LoadResult};
use super::run::{Measured, Run};
use super::words;

/// The clients of all servers together.
const CLIENTS: usize = 192;

const SERVERS: usize = 3;

/// How long the survivors may take for a commit. They compete for seconds, but not for ever.
const SURVIVAL: Duration = Duration::from_secs(60);

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let (first, ledger) = bench.server(CLIENTS * 4).await?;
    let mut probe = bench.probe().await?;
    for round in 0..bench.extent.rounds {
        bench.note(&format!("several: run {} of {}", round + 1, bench.extent.rounds));
        one_round(bench, &mut probe, (&first, &ledger)).await?;
    }
    console::read_back(first.address, &ledger, &all(0..CLIENTS * 4)).await
}

/// The load on one server, then on three, then on three of which one is killed.
async fn one_round(
    bench: &mut Bench,
    probe: &mut Probe,
    (first, ledger): (&ServerProcess, &Arc<Ledger>),
) -> anyhow::Result<()> {
    let run = Run::begin();
    let round_trip = run.measured(probe.put(bench.extent.probes, 16 << 10).await?);
    let alone = bench.load(LoadKind::Set, first, ledger, CLIENTS).play_well(None).await?;
    let database = bench.backend.database();
    let servers = try_join_all((0..SERVERS).map(|_| ServerProcess::start(&database))).await?;
    let ledger = Arc::new(Ledger::new(CLIENTS * 4));
    let load = bench.load(LoadKind::Set, &servers[0], &ledger, CLIENTS);
    // Three servers need a longer load than one, since each also waits for the commits of the others.
    let load = Load { servers: addresses(&servers), time: bench.extent.time * 2, ..load };
    let together = load.play(None).await?;
    console::read_back(servers[0].address, &ledger, &all(0..CLIENTS * 4)).await?;
    bench.report.take("three", run.measured(together.rate()).over(run.measured(alone.rate()))?);
    report_shares(bench, &run, round_trip, &together)?;
    let next = next_commits(bench, servers).await?;
    let in_round_trips = |next: Duration| run.measured(next.as_secs_f64()).over(round_trip);
    bench.report.take("killed", in_round_trips(next[next.len() - 1])?);
    bench
        .report
        .fact("kill -9 of one of three servers: until one of the others had committed, in L", in_round_trips(next[0])?);
    Ok(())
}

/// How evenly three servers have served their clients.
fn report_shares(bench: &mut Bench, run: &Run, round_trip: Measured, together: &LoadResult) -> anyhow::Result<()> {
    let least = together.answered.iter().copied().min().unwrap_or_default();
    let most = together.answered.iter().copied().max().unwrap_or_default();
    bench.report.take("share", run.measured(least as f64).over(run.measured(most as f64))?);
    let worst = (0..SERVERS).map(|server| together.latency_at(server, 0.99)).fold(0.0, f64::max);
    bench.report.take("share-p99", run.measured(worst).over(round_trip)?);
    bench.report.take("share-refused", together.refused() as f64);
    Ok(())
}

/// Kills the first server under load. Returns, in ascending order, the time until each of the others has made its next
/// commit.
async fn next_commits(bench: &Bench, mut servers: Vec<ServerProcess>) -> anyhow::Result<Vec<Duration>> {
    let ledger = Arc::new(Ledger::new(CLIENTS));
    let load = bench.load(LoadKind::Set, &servers[0], &ledger, CLIENTS / 4);
    let load = Load { servers: addresses(&servers), time: bench.extent.time * 3, may_break: true, ..load };
    let victim = servers.remove(0);
    let killing = async {
        sleep(bench.extent.time).await;
        victim.kill().await?;
        let killed = Instant::now();
        let mut next = try_join_all(servers.iter().map(|server| commit(server, killed))).await?;
        next.sort();
        anyhow::Ok(next)
    };
    let (played, next) = tokio::join!(load.play(None), killing);
    played?;
    next
}

/// Repeats a SET until the server answers OK. Returns the time since the kill.
async fn commit(server: &ServerProcess, since: Instant) -> anyhow::Result<Duration> {
    let mut console = Console::open(server.address).await?;
    loop {
        // The server answers TRYAGAIN as long as another one wins every race.
        let reply = console.ask_one(b"SET next commit\r\n").await?;
        if words::is_ok(&reply) {
            return Ok(since.elapsed());
        }
        anyhow::ensure!(since.elapsed() < SURVIVAL, "a server makes no commit after another was killed: {reply:?}");
    }
}

fn addresses(servers: &[ServerProcess]) -> Vec<SocketAddr> {
    servers.iter().map(|server| server.address).collect()
}
