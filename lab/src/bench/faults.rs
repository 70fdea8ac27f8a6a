//! Goal 11: PUTs that land but whose answers are lost. No client may see an error, and the server must apply every command
//! exactly once.
//!
//! Many clients write the same few keys with SET … GET, whose reply is the replaced value. So the replies link all values
//! of a key into one chain. A value that was applied twice is replaced twice or replaces itself. A value that was never
//! applied is missing from the chain.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::bail;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::child::ServerProcess;
use super::console::Console;
use super::harness::Bench;
use super::words::ServerReply;
use crate::proxy::{Faults, Method, NetworkFault, RequestHead};

const CLIENTS: usize = 64;
const KEYS: usize = 8;

/// The proxy loses every twentieth answer to a PUT.
const EVERY: u64 = 20;

/// The least number of lost answers that shows anything.
const LEAST: u64 = 5;

/// How long the load may take until as many are lost.
const LONGEST_LOAD: Duration = Duration::from_secs(60);

/// An answered SET: its value, and the value that it replaced.
struct ChainLink {
    key: usize,
    value: String,
    replaced: Option<String>,
}

/// The replies of one client.
#[derive(Default)]
struct Seen {
    links: Vec<ChainLink>,
    errors: Vec<String>,
}

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    if !bench.backend.counts() {
        for id in ["lost-errors", "lost-wrong"] {
            bench.report.skip(id, "a proxy cannot lose answers in TLS");
        }
        return Ok(());
    }
    let faults = Faults::decided_by(|head: &RequestHead| {
        (head.method == Method::Put && head.number.is_multiple_of(EVERY)).then_some(NetworkFault::CutAnswer(0))
    });
    faults.turn(false);
    let route = bench.backend.open_route(bench.delay, faults.clone())?;
    let server = ServerProcess::start(&bench.backend.database_over(&route)).await?;
    faults.turn(true);
    let before = route.traffic();
    let end = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(play(server.address, client, Arc::clone(&end)));
    }
    let began = Instant::now();
    sleep(bench.extent.time * 5).await;
    while route.traffic().since(&before).faults < LEAST && began.elapsed() < LONGEST_LOAD {
        sleep(bench.extent.time).await;
    }
    end.store(true, Ordering::Relaxed);
    let mut seen = Seen::default();
    while let Some(client) = clients.join_next().await {
        let client = client??;
        seen.links.extend(client.links);
        seen.errors.extend(client.errors);
    }
    faults.turn(false);
    let traffic = route.traffic().since(&before);
    anyhow::ensure!(traffic.faults >= LEAST, "only {} answers were lost, of {} PUTs", traffic.faults, traffic.puts);
    let last = last_values(server.address).await?;
    if let Some(error) = seen.errors.first() {
        tracing::warn!("the first of {} errors: {error}", seen.errors.len());
    }
    bench.report.take("lost-errors", seen.errors.len() as f64);
    bench.report.take("lost-wrong", wrong(&seen.links, &last) as f64);
    bench.report.fact("PUT answers lost", traffic.faults as f64);
    bench.report.fact("SETs answered while they were", seen.links.len() as f64);
    Ok(())
}

/// The value of every key.
async fn last_values(server: SocketAddr) -> anyhow::Result<Vec<Option<String>>> {
    let mut last = Vec::new();
    let mut console = Console::open(server).await?;
    for key in 0..KEYS {
        match console.ask_one(format!("GET chain:{key}\r\n").as_bytes()).await? {
            ServerReply::Bulk(value) => last.push(value.map(|value| String::from_utf8_lossy(&value).into_owned())),
            reply => bail!("the server answered a GET with {reply:?}"),
        }
    }
    Ok(last)
}

/// One client: it writes random keys until the end.
async fn play(server: SocketAddr, client: usize, end: Arc<AtomicBool>) -> anyhow::Result<Seen> {
    let mut seen = Seen::default();
    let mut console = Console::open(server).await?;
    let mut rng = fastrand::Rng::with_seed(client as u64);
    for number in 0_u64.. {
        if end.load(Ordering::Relaxed) {
            break;
        }
        let (key, value) = (rng.usize(..KEYS), format!("{client}-{number}"));
        match console.ask_one(format!("SET chain:{key} {value} GET\r\n").as_bytes()).await? {
            ServerReply::Bulk(replaced) => {
                let replaced = replaced.map(|value| String::from_utf8_lossy(&value).into_owned());
                seen.links.push(ChainLink { key, value, replaced });
            }
            ServerReply::Error(error) => seen.errors.push(error),
            reply @ (ServerReply::Status(_) | ServerReply::Integer(_) | ServerReply::Array(_)) => {
                bail!("the server answered a SET with {reply:?}")
            }
        }
    }
    Ok(seen)
}

/// The number of values that break the chain of their key: more than one value replaced them, or none did although they
/// are not the last.
fn wrong(links: &[ChainLink], last: &[Option<String>]) -> usize {
    let mut next: BTreeMap<(usize, Option<&str>), Vec<&str>> = BTreeMap::new();
    for link in links {
        next.entry((link.key, link.replaced.as_deref())).or_default().push(&link.value);
    }
    let mut wrong = next.values().map(|values| values.len() - 1).sum::<usize>();
    for (key, last) in last.iter().enumerate() {
        let (mut at, mut passed) = (None, BTreeSet::new());
        while let Some(values) = next.get(&(key, at)) {
            at = Some(values[0]);
            if !passed.insert(values[0]) {
                break;
            }
        }
        let own = links.iter().filter(|link| link.key == key);
        wrong += own.filter(|link| !passed.contains(link.value.as_str())).count();
        wrong += usize::from(at != last.as_deref());
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(links: &[(&str, Option<&str>)], last: Option<&str>) -> usize {
        let link = |&(value, replaced): &(&str, Option<&str>)| ChainLink {
            key: 0,
            value: value.to_owned(),
            replaced: replaced.map(str::to_owned),
        };
        wrong(&links.iter().map(link).collect::<Vec<_>>(), &[last.map(str::to_owned)])
    }

    #[test]
    fn a_chain_shows_a_value_that_was_applied_twice_or_never() {
        assert_eq!(chain(&[], None), 0);
        assert_eq!(chain(&[("b", Some("a")), ("a", None), ("c", Some("b"))], Some("c")), 0);
        assert!(chain(&[("a", None), ("b", Some("b"))], Some("b")) > 0, "b was applied, and then again");
        assert!(chain(&[("a", None), ("b", Some("a")), ("c", Some("a"))], Some("c")) > 0, "b is gone");
        assert!(chain(&[("a", None), ("b", Some("a"))], Some("a")) > 0, "b was never applied");
        assert!(chain(&[("b", Some("a"))], Some("b")) > 0, "a was acknowledged to nobody");
    }
}
