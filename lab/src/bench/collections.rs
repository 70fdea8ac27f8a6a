//! Goals 8 and 17: large collections. A change or a look-up in a collection of a million elements should cost hardly more
//! than in one of a thousand, and the elements should need little memory beyond their bytes.
//!
//! All elements of each collection are drawn. What a change costs also depends on how many different elements change: a fold
//! of a million changes of a thousand elements is small, whatever stands beside them. So there are also the figures of a
//! thousand elements that are spread over the large collection. They tell what its size alone does.
//!
//! The orders that ZRANK and LINDEX need are built before anything is counted. How long that takes is a number of its own.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::time::Instant;

use super::child::{ServerProcess, Yardstick};
use super::commands::{NO_YARDSTICK, member, score, value};
use super::harness::{Bench, FILL};
use super::ledger::{Ledger, VALUE};
use super::run::Run;
use super::sizes;
use super::volley::{Fired, Volley, scrambled};
use super::words::{self, ServerReply};

/// The elements of a small collection.
const SMALL: usize = 1_000;

/// The bytes of a member or of the name of a field.
const MEMBER: usize = 16;

/// The bytes of a score.
const SCORE: usize = 8;

/// A command about a collection of each size.
struct CollectionCommand {
    name: &'static str,
    /// The goal of its CPU time in the large collection over that in the small one.
    by_size: &'static str,
    /// The goal of the same over the yardstick's in the large collection.
    by_yardstick: &'static str,
    /// Whether it changes the collection.
    changes: bool,
    is_right: fn(&ServerReply) -> bool,
    /// Appends the command of this number, about the collection of this size.
    write: fn(&Ledger, Among, usize, &mut Vec<u8>),
}

/// A collection, and the elements that are drawn.
#[derive(Clone, Copy)]
struct Among {
    /// The elements of the collection.
    size: usize,
    /// How many of them are drawn.
    drawn: usize,
}

impl Among {
    /// All elements of a collection of this size.
    fn all(size: usize) -> Among {
        Among { size, drawn: size }
    }

    /// The element that the command of this number is about.
    fn draw(self, nth: usize) -> usize {
        scrambled(nth) % self.drawn * (self.size / self.drawn)
    }
}

const KINDS: [CollectionCommand; 6] = [
    CollectionCommand {
        name: "HSET",
        by_size: "large-hset",
        by_yardstick: "valkey-hset",
        changes: true,
        is_right: |reply| *reply == ServerReply::Integer(0),
        write: |ledger, among, nth, out| {
            let (key, field) = (key("hash", among.size), member("fld", among.draw(nth)));
            words::command(&[b"HSET", &key, &field, &value(ledger, nth)], out);
        },
    },
    CollectionCommand {
        name: "ZADD",
        by_size: "large-zadd",
        by_yardstick: "valkey-zadd",
        changes: true,
        is_right: |reply| *reply == ServerReply::Integer(0),
        write: |_, among, nth, out| {
            let (key, member) = (key("zset", among.size), member("mem", among.draw(nth)));
            words::command(&[b"ZADD", &key, &score(nth), &member], out);
        },
    },
    CollectionCommand {
        name: "ZRANK",
        by_size: "large-zrank",
        by_yardstick: "valkey-zrank",
        changes: false,
        is_right: |reply| matches!(reply, ServerReply::Integer(_)),
        write: |_, among, nth, out| {
            words::command(&[b"ZRANK", &key("zset", among.size), &member("mem", among.draw(nth))], out);
        },
    },
    CollectionCommand {
        name: "LINDEX",
        by_size: "large-lindex",
        by_yardstick: "valkey-lindex",
        changes: false,
        is_right: |reply| matches!(reply, ServerReply::Bulk(Some(_))),
        write: |_, among, nth, out| {
            words::command(&[b"LINDEX", &key("list", among.size), among.draw(nth).to_string().as_bytes()], out);
        },
    },
    CollectionCommand {
        name: "LINSERT behind the first item",
        by_size: "large-linsert",
        by_yardstick: "valkey-linsert",
        changes: true,
        is_right: |reply| matches!(reply, ServerReply::Integer(1..)),
        write: |_, among, nth, out| {
            let (key, first) = (key("list", among.size), member("mem", 0));
            words::command(&[b"LINSERT", &key, b"AFTER", &first, &member("new", nth)], out);
        },
    },
    CollectionCommand {
        name: "LPOP and RPUSH in turn",
        by_size: "large-lpop",
        by_yardstick: "valkey-lpop",
        changes: true,
        is_right: |reply| matches!(reply, ServerReply::Integer(1..) | ServerReply::Bulk(Some(_))),
        write: |_, among, nth, out| {
            let key = key("queue", among.size);
            match nth / 256 % 2 {
                0 => words::command(&[b"RPUSH", &key, &member("new", nth)], out),
                _ => words::command(&[b"LPOP", &key], out),
            }
        },
    },
];

impl CollectionCommand {
    fn volley(&self, ledger: &Arc<Ledger>, among: Among, round: usize, commands: usize) -> Volley {
        let (write, ledger) = (self.write, Arc::clone(ledger));
        Volley::new(commands, self.is_right, move |nth, out| write(&ledger, among, round * commands + nth, out))
    }
}

fn key(kind: &str, size: usize) -> Vec<u8> {
    format!("{kind}:{size}").into_bytes()
}

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let (most, commands, ledger) = (bench.extent.most_keys, bench.extent.commands, Arc::new(Ledger::new(0)));
    let server = ServerProcess::start(&bench.backend.database().patient()).await?;
    let yardstick = ServerProcess::in_memory().await?;
    bench.note(&format!("collections: {most} elements"));
    for kind in ["hash", "zset", "list", "queue"] {
        for size in [SMALL, most] {
            fill(&server, &ledger, kind, size).await?;
        }
        if let Some(Yardstick { server, .. }) = &yardstick {
            fill(server, &ledger, kind, most).await?;
        }
    }
    sizes::quiet(bench).await?;
    for kind in &KINDS[2..4] {
        let first = kind.volley(&ledger, Among::all(most), 0, 1);
        bench.report.fact(
            &format!("{}: the first in the largest collection, in ms", kind.name),
            millis(&first, &server).await?,
        );
        kind.volley(&ledger, Among::all(SMALL), 0, 1).fire(&server).await?;
    }
    for round in 0..bench.extent.rounds {
        bench.note(&format!("collections: run {} of {}", round + 1, bench.extent.rounds));
        let mut stored: f64 = 0.0;
        for kind in &KINDS {
            let run = Run::begin();
            let of = |among| kind.volley(&ledger, among, round, commands);
            let few = Among { size: most, drawn: SMALL };
            let small = of(Among::all(SMALL)).at_own(bench, &server).await?;
            let large = of(Among::all(most)).at_own(bench, &server).await?;
            let some = of(few).at_own(bench, &server).await?;
            let [fewer, more, few] = [&small, &large, &some].map(|fired: &Fired| run.measured(fired.cpu));
            bench.report.take(kind.by_size, more.over(fewer)?);
            let what = format!("{}, the largest collection: CPU time", kind.name);
            bench.report.fact(&format!("{what} of the server, in us"), more.alone() * 1e6);
            let alike = format!("{}, as many elements of the largest collection as of the small one", kind.name);
            bench.report.fact(&format!("{alike}: CPU time over it"), few.over(fewer)?);
            if kind.changes {
                let [small, large, some] = [small, large, some].map(|fired| run.measured(fired.stored));
                stored = stored.max(large.over(small)?);
                bench.report.fact(&format!("{alike}: bytes put over it"), some.over(small)?);
            }
            match &yardstick {
                Some(Yardstick { server, name }) => {
                    let other = run.measured(of(Among::all(most)).at_yardstick(server).await?);
                    bench.report.take(kind.by_yardstick, more.over(other)?);
                    bench.report.fact(&format!("{what} of {name}, in us"), other.alone() * 1e6);
                }
                None => bench.report.skip(kind.by_yardstick, NO_YARDSTICK),
            }
        }
        match bench.backend.counts() {
            true => bench.report.take("large-bytes", stored),
            false => bench.report.skip("large-bytes", "a proxy cannot count the bytes in TLS"),
        }
    }
    server.kill().await?;
    drop(yardstick);
    memory(bench, &ledger).await
}

/// Makes a collection of this size.
async fn fill(server: &ServerProcess, ledger: &Arc<Ledger>, kind: &'static str, size: usize) -> anyhow::Result<()> {
    let ledger = Arc::clone(ledger);
    let all = Volley::new(
        size.div_ceil(FILL),
        |reply| matches!(reply, ServerReply::Integer(1..)),
        move |nth, out| {
            let numbers = (nth * FILL..size).take(FILL);
            let element = |number: usize| match kind {
                "hash" => vec![member("fld", number), value(&ledger, number)],
                "zset" => vec![score(number), member("mem", number)],
                _ => vec![member("mem", number)],
            };
            let elements: Vec<Vec<u8>> = numbers.flat_map(element).collect();
            let key = key(kind, size);
            let verb: &[u8] = match kind {
                "hash" => b"HSET",
                "zset" => b"ZADD",
                _ => b"RPUSH",
            };
            let mut words = vec![verb, &key];
            words.extend(elements.iter().map(Vec::as_slice));
            words::command(&words, out);
        },
    );
    // The first items have to come first: what is pushed by several clients comes in any order.
    let first = Volley { commands: 1, ..all.clone() };
    first.fire(server).await?;
    let (write, rest) = (Arc::clone(&all.write), all.commands - 1);
    let write = move |nth: usize, out: &mut Vec<u8>| write(nth + 1, out);
    let rest = Volley { commands: rest, write: Arc::new(write), ..all };
    rest.fire(server).await?;
    Ok(())
}

/// How long a server takes for a volley, in milliseconds.
async fn millis(volley: &Volley, server: &ServerProcess) -> anyhow::Result<f64> {
    let began = Instant::now();
    volley.fire(server).await?;
    Ok(began.elapsed().as_secs_f64() * 1000.0)
}

/// The memory of each element beyond its bytes.
async fn memory(bench: &mut Bench, ledger: &Arc<Ledger>) -> anyhow::Result<()> {
    let most = bench.extent.most_keys;
    let each = |[small, large]: [u64; 2]| large.saturating_sub(small) as f64 / (most - SMALL) as f64;
    bench.note("collections: memory");
    let hashes = [started(bench, ledger, "hash", SMALL).await?.1, started(bench, ledger, "hash", most).await?.1];
    bench.report.take("memory-field", each(hashes) - (MEMBER + VALUE) as f64);
    let (small, at_first) = started(bench, ledger, "zset", SMALL).await?;
    let (large, then) = started(bench, ledger, "zset", most).await?;
    let unordered = each([at_first, then]) - (MEMBER + SCORE) as f64;
    bench.report.fact("memory for a member of a sorted set before its first ZRANK, beyond its bytes", unordered);
    let mut ordered = [0; 2];
    for ((server, size), resident) in [(small, SMALL), (large, most)].into_iter().zip(&mut ordered) {
        KINDS[2].volley(ledger, Among::all(size), 0, 1).fire(&server).await?;
        *resident = server.resident(bench.extent.rest).await?;
        server.kill().await?;
    }
    bench.report.take("memory-member", each(ordered) - (MEMBER + SCORE) as f64);
    Ok(())
}

/// A server that has been started on a database of one collection, and has rested, and its memory.
async fn started(
    bench: &Bench,
    ledger: &Arc<Ledger>,
    kind: &'static str,
    size: usize,
) -> anyhow::Result<(ServerProcess, u64)> {
    let database = bench.backend.database().patient();
    let server = ServerProcess::start(&database).await?;
    fill(&server, ledger, kind, size).await?;
    sizes::quiet(bench).await?;
    server.kill().await?;
    let server = ServerProcess::launch(&database, "server").await?;
    let count = format!("{} {kind}:{size}\r\n", if kind == "hash" { "HLEN" } else { "ZCARD" });
    let all = i64::try_from(size).context("a small number")?;
    server.wait_for(count.as_bytes(), |reply| *reply == ServerReply::Integer(all)).await?;
    let resident = server.resident(bench.extent.rest).await?;
    Ok((server, resident))
}
