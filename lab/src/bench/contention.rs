//! Two servers with one writer each, on a healthy store that is near or far. Neither may lose the race for ever, and
//! without any fault no reply may be UNCERTAIN.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::child::ServerProcess;
use super::console::Console;
use super::harness::Bench;
use super::words::{self, ServerReply};
use crate::proxy::Faults;

/// How much longer than another load this one runs: a writer gets few replies while it loses races.
const LONGER: u32 = 10;

/// The replies that one writer has received.
#[derive(Clone, Copy, Debug, Default)]
struct Replies {
    answered: u64,
    try_again: u64,
    uncertain: u64,
    other: u64,
    /// The slowest of them.
    longest: Duration,
}

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    if !bench.backend.counts() {
        bench.note("contention: not measured, since a proxy cannot delay TLS");
        return Ok(());
    }
    for delay in bench.extent.contended_ms.clone() {
        bench.note(&format!("contention: a round trip of {delay} ms"));
        let route = bench.backend.open_route(Duration::from_millis(delay), Faults::none())?;
        let database = bench.backend.database_over(&route);
        let (one, other) = (ServerProcess::start(&database).await?, ServerProcess::start(&database).await?);
        let until = Instant::now() + bench.extent.time * LONGER;
        let (one, other) = tokio::try_join!(write(one.address, 0, until), write(other.address, 1, until))?;
        for (what, of) in [
            ("answered", (|replies| replies.answered) as fn(Replies) -> u64),
            ("TRYAGAIN", |replies| replies.try_again),
            ("UNCERTAIN", |replies| replies.uncertain),
            ("other errors", |replies| replies.other),
        ] {
            let (least, most) = (of(one).min(of(other)), of(one).max(of(other)));
            bench.report.fact(&format!("two writers at {delay} ms, {what}, the one server"), least as f64);
            bench.report.fact(&format!("two writers at {delay} ms, {what}, the other server"), most as f64);
        }
        let longest = one.longest.max(other.longest).as_secs_f64() * 1000.0;
        bench.report.fact(&format!("two writers at {delay} ms, the slowest reply, in ms"), longest);
    }
    Ok(())
}

/// Writes one key again and again, and counts the replies.
async fn write(server: SocketAddr, writer: usize, until: Instant) -> anyhow::Result<Replies> {
    let mut console = Console::open(server).await?;
    let mut replies = Replies::default();
    let mut number = 0_u64;
    while Instant::now() < until {
        let sent = Instant::now();
        let reply = console.ask_one(format!("SET contended:{writer} {number}\r\n").as_bytes()).await?;
        replies.longest = replies.longest.max(sent.elapsed());
        match reply {
            reply if words::is_ok(&reply) => replies.answered += 1,
            ServerReply::Error(error) if error.starts_with("TRYAGAIN") => replies.try_again += 1,
            ServerReply::Error(error) if error.starts_with("UNCERTAIN") => replies.uncertain += 1,
            reply => {
                tracing::warn!("the server answered a SET with {reply:?}");
                replies.other += 1;
            }
        }
        number += 1;
    }
    Ok(replies)
}
