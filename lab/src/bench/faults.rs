//! Goal 11: PUTs that land and whose answers are lost. A client must neither see an error, nor its command be applied
//! twice or never.
//!
//! Many clients write the same few keys, and each SET asks for the value that it replaces. So the replies must link all
//! values of a key into one chain: a value that was applied twice would be replaced twice or replace itself, and one
//! that was never applied would be in no chain.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::bail;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::Bench;
use super::child::Server;
use super::load::Connection;
use super::words::Reply;
use crate::proxy::{Asked, Fault, Faults, Method};

const CLIENTS: usize = 64;
const KEYS: usize = 8;

/// One of so many PUT answers is lost.
const EVERY: u64 = 20;

/// So many must have been, for this to say anything.
const LEAST: u64 = 5;

/// And within this time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A SET that was answered: which value has replaced which.
struct Link {
    key: usize,
    value: String,
    replaced: Option<String>,
}

/// What a client has seen.
#[derive(Default)]
struct Seen {
    links: Vec<Link>,
    errors: Vec<String>,
}

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    if !bench.store.counts() {
        for id in ["lost-errors", "lost-wrong"] {
            bench.report.skip(id, "answers of a store that speaks TLS can't be made to be lost");
        }
        return Ok(());
    }
    let faults = Faults::decided_by(|asked: &Asked| {
        (asked.method == Method::Put && asked.number.is_multiple_of(EVERY)).then_some(Fault::CutAnswer(0))
    });
    faults.turn(false);
    let way = bench.store.open_way(bench.delay, faults.clone())?;
    let server = Server::start(&bench.store.database_by(&way)).await?;
    faults.turn(true);
    let before = way.traffic();
    let end = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(play(server.address, client, Arc::clone(&end)));
    }
    let began = Instant::now();
    sleep(bench.extent.time * 5).await;
    while way.traffic().since(&before).faults < LEAST && began.elapsed() < PATIENCE {
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
    let traffic = way.traffic().since(&before);
    anyhow::ensure!(traffic.faults >= LEAST, "only {} answers were lost, of {} PUTs", traffic.faults, traffic.puts);
    let mut last = Vec::new();
    let mut connection = Connection::open(server.address).await?;
    for key in 0..KEYS {
        match connection.ask(format!("GET chain:{key}\r\n").as_bytes(), 1).await?.pop() {
            Some(Reply::Bulk(value)) => last.push(value.map(|value| String::from_utf8_lossy(&value).into_owned())),
            reply => bail!("a GET was answered with {reply:?}"),
        }
    }
    if let Some(error) = seen.errors.first() {
        tracing::warn!("the first of {} errors: {error}", seen.errors.len());
    }
    bench.report.take("lost-errors", seen.errors.len() as f64);
    bench.report.take("lost-wrong", wrong(&seen.links, &last) as f64);
    bench.report.fact("PUT answers lost", traffic.faults as f64);
    bench.report.fact("SETs answered while they were", seen.links.len() as f64);
    Ok(())
}

async fn play(server: SocketAddr, client: usize, end: Arc<AtomicBool>) -> anyhow::Result<Seen> {
    let mut seen = Seen::default();
    let mut connection = Connection::open(server).await?;
    let mut rng = fastrand::Rng::with_seed(client as u64);
    for number in 0_u64.. {
        if end.load(Ordering::Relaxed) {
            break;
        }
        let (key, value) = (rng.usize(..KEYS), format!("{client}-{number}"));
        match connection.ask(format!("SET chain:{key} {value} GET\r\n").as_bytes(), 1).await?.pop() {
            Some(Reply::Bulk(replaced)) => {
                let replaced = replaced.map(|value| String::from_utf8_lossy(&value).into_owned());
                seen.links.push(Link { key, value, replaced });
            }
            Some(Reply::Error(error)) => seen.errors.push(error),
            reply => bail!("a SET was answered with {reply:?}"),
        }
    }
    Ok(seen)
}

/// How many values are not in the chain of their key where they should be: replaced by more than one, or by none though
/// they are not the last.
fn wrong(links: &[Link], last: &[Option<String>]) -> usize {
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
        let link = |&(value, replaced): &(&str, Option<&str>)| Link {
            key: 0,
            value: value.to_owned(),
            replaced: replaced.map(str::to_owned),
        };
        wrong(&links.iter().map(link).collect::<Vec<_>>(), &[last.map(str::to_owned)])
    }

    #[test]
    fn a_chain_shows_what_was_applied_twice_or_never() {
        assert_eq!(chain(&[], None), 0);
        assert_eq!(chain(&[("b", Some("a")), ("a", None), ("c", Some("b"))], Some("c")), 0);
        assert!(chain(&[("a", None), ("b", Some("b"))], Some("b")) > 0, "b was applied, and then again");
        assert!(chain(&[("a", None), ("b", Some("a")), ("c", Some("a"))], Some("c")) > 0, "b is gone");
        assert!(chain(&[("a", None), ("b", Some("a"))], Some("a")) > 0, "b was never applied");
        assert!(chain(&[("b", Some("a"))], Some("b")) > 0, "a was acknowledged to nobody");
    }
}
