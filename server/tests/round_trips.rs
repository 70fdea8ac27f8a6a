//! What commands cost in round trips to the store and in requests, counted exactly: time is paused, so a round trip takes
//! what it is told to, and everything else takes nothing.

mod cluster;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cluster::{Server, get, set};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::{Instant, sleep};
use valthree::command::Command;
use valthree_lab::distant::{Distant, ROUND_TRIP};

/// What a load has cost.
#[derive(Debug)]
struct Cost {
    requests: u64,
    /// Of one command, in round trips.
    mean: f64,
    p50: f64,
    p99: f64,
}

/// Clients that send the next `pipeline` commands when they have the replies to the last, after up to `pause`. They come
/// one after the other, at any moment of a round trip.
async fn load(
    server: &Arc<Server>,
    clients: u64,
    rounds: u64,
    pipeline: usize,
    pause: Duration,
    command: fn(u64) -> Command,
) -> Cost {
    load_from(0, server, clients, rounds, pipeline, pause, command).await
}

/// The same, with clients that are numbered from `first` on.
async fn load_from(
    first: u64,
    server: &Arc<Server>,
    clients: u64,
    rounds: u64,
    pipeline: usize,
    pause: Duration,
    command: fn(u64) -> Command,
) -> Cost {
    let latencies = Arc::new(Mutex::new(Vec::new()));
    let before = server.stats.puts.get() + server.stats.gets.get();
    let tasks: Vec<_> = (first..first + clients)
        .map(|client| {
            let (server, latencies) = (Arc::clone(server), Arc::clone(&latencies));
            tokio::spawn(async move {
                let mut rng = StdRng::seed_from_u64(client);
                let upto = |rng: &mut StdRng, most: Duration| most.mul_f64(rng.random_range(0.0..1.0));
                sleep(upto(&mut rng, ROUND_TRIP * 2)).await;
                for _ in 0..rounds {
                    let sent = Instant::now();
                    for answer in server.pipeline(client, vec![command(client); pipeline]).await {
                        cluster::one(answer).await.unwrap();
                        latencies.lock().unwrap().push(sent.elapsed().as_secs_f64() / ROUND_TRIP.as_secs_f64());
                    }
                    sleep(upto(&mut rng, pause)).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut latencies = std::mem::take(&mut *latencies.lock().unwrap());
    latencies.sort_by(f64::total_cmp);
    let at = |share: f64| latencies[(latencies.len() as f64 * share) as usize];
    Cost {
        requests: server.stats.puts.get() + server.stats.gets.get() - before,
        mean: latencies.iter().sum::<f64>() / latencies.len() as f64,
        p50: at(0.5),
        p99: at(0.99),
    }
}

async fn server() -> Arc<Server> {
    let server = Server::start(Distant::default(), 1).await;
    server.call(0, set("k", "0")).await.unwrap();
    Arc::new(server)
}

fn write(client: u64) -> Command {
    set(&format!("k{client}"), "x")
}

fn read(client: u64) -> Command {
    get(&format!("k{client}"))
}

/// How long a client takes to come back, which is little beside a round trip.
const PAUSE: Duration = Duration::from_millis(1);

/// How often each client sends something.
const ROUNDS: u64 = 30;

/// As they come one after the other, the first few requests serve only some of them.
const START: u64 = 3;

#[tokio::test(start_paused = true)]
async fn clients_that_write_share_one_commit_per_round_trip() {
    for (clients, pipeline) in [(1, 1), (16, 1), (256, 1), (256, 16)] {
        let cost = load(&server().await, clients, ROUNDS, pipeline, PAUSE, write).await;
        assert!(cost.requests <= ROUNDS + START, "{clients} clients, pipeline {pipeline}: {cost:?}");
        assert!(cost.p50 < 1.08 && cost.mean < 1.08, "{clients} clients, pipeline {pipeline}: {cost:?}");
        assert!(cost.p99 < 2.2, "{clients} clients, pipeline {pipeline}: {cost:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn clients_that_read_share_a_few_checks_per_round_trip() {
    for (clients, checks) in [(1, 1), (16, 4), (256, 4)] {
        for pause in [Duration::ZERO, PAUSE] {
            let cost = load(&server().await, clients, ROUNDS, 1, pause, read).await;
            assert!(cost.requests <= checks * (ROUNDS + START), "{clients} clients: {cost:?}");
            assert!(cost.p50 < 1.03 && cost.mean < 1.03, "{clients} clients: {cost:?}");
            assert!(cost.p99 < 1.3, "{clients} clients: {cost:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn readers_that_come_at_any_moment_wait_for_little_more_than_a_round_trip() {
    let cost = load(&server().await, 256, ROUNDS, 1, ROUND_TRIP, read).await;
    assert!(cost.p50 < 1.2 && cost.p99 < 1.5, "{cost:?}");
    assert!(cost.requests <= 4 * (ROUNDS * 2), "four a round trip, and two round trips for each: {cost:?}");
}

#[tokio::test(start_paused = true)]
async fn readers_do_not_wait_for_writers() {
    for pause in [PAUSE, ROUND_TRIP] {
        let server = server().await;
        let writers = load(&server, 128, 2 * ROUNDS, 1, PAUSE, write);
        let readers = load_from(1_000, &server, 128, ROUNDS, 1, pause, read);
        let (writers, readers) = tokio::join!(writers, readers);
        assert!(writers.p50 < 1.15, "{writers:?}");
        assert!(readers.p50 < 1.2 && readers.p99 < 1.6, "{readers:?}");
    }
}
