//! Goals 9, 10 and 12: three servers on one database, and what becomes of two when the third is killed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use super::child::Server;
use super::load::{self, Connection, Kind, Load};
use super::run::Run;
use super::words::{self, Ledger};
use super::{Bench, all};

/// Clients of all servers together.
const CLIENTS: usize = 192;

const SERVERS: usize = 3;

/// Rivals may keep a server from committing for seconds, but not for ever.
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let (first, ledger) = bench.server(CLIENTS * 4).await?;
    let mut probe = bench.probe().await?;
    for round in 0..bench.extent.rounds {
        bench.note(&format!("several: run {} of {}", round + 1, bench.extent.rounds));
        let run = Run::begin();
        let round_trip = run.measured(probe.put(bench.extent.probes, 16 << 10).await?);
        let alone = bench.load(Kind::Set, &first, &ledger, CLIENTS).play_well(None).await?;
        // Three of them need longer, as each waits for many of the others' rounds.
        let database = bench.store.database();
        let servers = try_join_all((0..SERVERS).map(|_| Server::start(&database))).await?;
        let ledger = Arc::new(Ledger::new(CLIENTS * 4));
        let load = bench.load(Kind::Set, &servers[0], &ledger, CLIENTS);
        let load = Load { servers: addresses(&servers), time: bench.extent.time * 2, ..load };
        let together = load.play(None).await?;
        let errors = together.errors.as_ref().map_or(0, |(_, number)| *number);
        bench.report.fact("commands that three servers refused for want of time", errors as f64);
        load::read_back(servers[0].address, &ledger, &all(0..CLIENTS * 4)).await?;
        bench.report.take("three", run.measured(together.rate()).over(run.measured(alone.rate()))?);
        let (least, most) =
            together.answered.iter().fold((u64::MAX, 0), |(least, most), n| (least.min(*n), most.max(*n)));
        bench.report.take("share", run.measured(least as f64).over(run.measured(most as f64))?);
        let worst = (0..SERVERS).map(|server| together.latency_at(server, 0.99)).fold(0.0, f64::max);
        bench.report.take("share-p99", run.measured(worst).over(round_trip)?);
        let next = next_commits(bench, servers).await?;
        let in_round_trips = |next: Duration| run.measured(next.as_secs_f64()).over(round_trip);
        bench.report.take("killed", in_round_trips(next[0])?);
        bench
            .report
            .fact("kill -9 of one of three servers: until both others had committed, in L", in_round_trips(next[1])?);
    }
    load::read_back(first.address, &ledger, &all(0..CLIENTS * 4)).await
}

/// Kills the first of these servers under load, and says how long it took from then until each of the others had made
/// its next commit, in ascending order.
async fn next_commits(bench: &Bench, mut servers: Vec<Server>) -> anyhow::Result<Vec<Duration>> {
    let ledger = Arc::new(Ledger::new(CLIENTS));
    let load = bench.load(Kind::Set, &servers[0], &ledger, CLIENTS / 4);
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
    let (outcome, next) = tokio::join!(load.play(None), killing);
    outcome?;
    next
}

/// Has a server make a commit, and says how long that took.
async fn commit(server: &Server, since: Instant) -> anyhow::Result<Duration> {
    let mut connection = Connection::open(server.address).await?;
    loop {
        // It may be told more than once that there was no time for it, as long as another one is faster.
        let replies = connection.ask(b"SET next commit\r\n", 1).await?;
        if words::is_ok(&replies[0]) {
            return Ok(since.elapsed());
        }
        anyhow::ensure!(since.elapsed() < PATIENCE, "a server makes no commit after another was killed: {replies:?}");
    }
}

fn addresses(servers: &[Server]) -> Vec<SocketAddr> {
    servers.iter().map(|server| server.address).collect()
}
