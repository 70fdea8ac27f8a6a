//! Goal 20: keys that expire. A GET should not notice whether its key has an expiry, and a million keys that expire in one
//! second should disturb nobody.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use tokio::time::{Instant, sleep_until};

use super::child::ServerProcess;
use super::commands::{member, value};
use super::console;
use super::harness::{Bench, FILL};
use super::ledger::{Ledger, VALUE};
use super::run::Run;
use super::steady;
use super::volley::{Volley, scrambled};
use super::words::{self, ServerReply};

/// The SETs a second while the keys expire, and the keys that they write.
const RATE: u64 = 1_000;
const WRITTEN: usize = 1_000;

/// The keys expire within this time.
const SECOND: Duration = Duration::from_secs(1);

/// How long before that the SETs begin.
const BEFORE: Duration = Duration::from_millis(200);

/// The bytes of a commit meanwhile, roughly.
const COMMIT: u64 = 256 << 10;

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    reads(bench).await?;
    expire_at_once(bench).await
}

/// GETs of keys that expire tomorrow, beside GETs of keys that do not.
async fn reads(bench: &mut Bench) -> anyhow::Result<()> {
    let (keys, commands) = (bench.extent.keys, bench.extent.commands * 2);
    let server = ServerProcess::start(&bench.backend.database().patient()).await?;
    for kind in ["lasting", "passing"] {
        let ledger = Ledger::new(0);
        let set = Volley::new(keys, words::is_ok, move |nth, out| {
            let (key, value) = (member(kind, nth), value(&ledger, nth));
            let mut words: Vec<&[u8]> = vec![b"SET", &key, &value];
            words.extend((kind == "passing").then_some([&b"EX"[..], b"86400"]).into_iter().flatten());
            words::command(&words, out);
        });
        set.at_own(bench, &server).await?;
    }
    for round in 0..bench.extent.rounds {
        bench.note(&format!("expiry: run {} of {}", round + 1, bench.extent.rounds));
        let run = Run::begin();
        let get = |kind: &'static str| {
            let is_value =
                |reply: &ServerReply| matches!(reply, ServerReply::Bulk(Some(value)) if value.len() == VALUE);
            Volley::new(commands, is_value, move |nth, out| {
                words::command(&[b"GET", &member(kind, scrambled(nth) % keys)], out);
            })
        };
        let lasting = run.measured(get("lasting").at_own(bench, &server).await?.cpu);
        let passing = run.measured(get("passing").at_own(bench, &server).await?.cpu);
        bench.report.take("get-expiry", passing.over(lasting)?);
        bench.report.fact("GET: CPU time of the server, in us", lasting.alone() * 1e6);
    }
    Ok(())
}

/// Many keys that expire within a second while clients write others.
async fn expire_at_once(bench: &mut Bench) -> anyhow::Result<()> {
    let (keys, ledger) = (bench.extent.most_keys, Arc::new(Ledger::new(WRITTEN)));
    bench.note(&format!("expiry: {keys} keys expire"));
    let server = ServerProcess::start(&bench.backend.database().patient()).await?;
    console::fill(server.address, &ledger, 0..WRITTEN, FILL).await?;
    let set = Volley::new(keys.div_ceil(FILL), words::is_ok, move |nth, out| {
        let pairs = (nth * FILL..keys).take(FILL).flat_map(|number| [member("end", number), b"value".to_vec()]);
        let pairs: Vec<Vec<u8>> = pairs.collect();
        let mut words: Vec<&[u8]> = vec![b"MSET"];
        words.extend(pairs.iter().map(Vec::as_slice));
        words::command(&words, out);
    });
    let took = set.at_own(bench, &server).await?.took;
    // One key in a command takes longer than many, and the last key has to have its expiry before the first one ends.
    let end = Instant::now() + took * 15 + SECOND * 5;
    let expire = Volley::new(
        keys,
        |reply| *reply == ServerReply::Integer(1),
        move |nth, out| {
            let spread = SECOND.mul_f64(scrambled(nth) as f64 / f64::from(1 << 27));
            let left = end.saturating_duration_since(Instant::now()) + spread;
            words::command(&[b"PEXPIRE", &member("end", nth), left.as_millis().to_string().as_bytes()], out);
        },
    );
    expire.fire(&server).await?;
    ensure!(Instant::now() < end, "the machine is too slow: the first keys have expired before the last got an expiry");
    let mut probe = bench.probe().await?;
    sleep_until(end - BEFORE).await;
    let run = Run::begin();
    bench.backend.take_largest_commit();
    let time = BEFORE + SECOND + bench.extent.time * 3;
    let steady = steady::play(server.address, &ledger, RATE, time).await?;
    let largest = bench.backend.take_largest_commit();
    let round_trip = run.measured(probe.put(bench.extent.probes, COMMIT).await?);
    bench.report.take("expiry-p99", run.measured(steady.latency(0.99)).over(round_trip)?);
    bench.report.fact("SETs that failed while a million keys expired", steady.errors as f64);
    match largest {
        Some(bytes) => bench.report.take("expiry-commit", bytes as f64),
        None => bench.report.skip("expiry-commit", "only the stand-in tells the size of a commit"),
    }
    server.wait_for(b"DBSIZE\r\n", |reply| *reply == ServerReply::Integer(WRITTEN as i64)).await?;
    Ok(())
}
