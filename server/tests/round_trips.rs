//! What commands cost in round trips to the store and in requests, counted exactly: time is paused, so a round trip takes
//! what it is told to, and everything else takes nothing.

mod cluster;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use cluster::{Server, get, set};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::{Instant, sleep};
use valthree::command::Command;
use valthree::store::memory::Memory;
use valthree::store::{Condition, ETag, Got, Store, StoreError};

/// To the store and back.
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// A store that is a round trip away.
struct Distant(Memory);

impl Distant {
    async fn there_and_back<T>(&self, request: impl Future<Output = T>) -> T {
        sleep(ROUND_TRIP / 2).await;
        let answer = request.await;
        sleep(ROUND_TRIP / 2).await;
        answer
    }
}

impl Store for Distant {
    async fn get(&self, name: &str, known: Option<&ETag>) -> Result<Got, StoreError> {
        self.there_and_back(self.0.get(name, known)).await
    }

    async fn put(&self, name: &str, bytes: Bytes, condition: &Condition) -> Result<ETag, StoreError> {
        self.there_and_back(self.0.put(name, bytes, condition)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.there_and_back(self.0.list(prefix)).await
    }

    fn locate(&self, name: &str) -> String {
        self.0.locate(name)
    }
}

/// What a load has cost.
#[derive(Debug)]
struct Cost {
    commands: u64,
    requests: u64,
    /// Of one command, in round trips.
    mean: f64,
    p50: f64,
    p99: f64,
}

impl Cost {
    fn requests_per_1000(&self) -> f64 {
        self.requests as f64 * 1000.0 / self.commands as f64
    }
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
    let latencies = Arc::new(Mutex::new(Vec::new()));
    let before = server.stats.puts.get() + server.stats.gets.get();
    let tasks: Vec<_> = (0..clients)
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
        commands: latencies.len() as u64,
        requests: server.stats.puts.get() + server.stats.gets.get() - before,
        mean: latencies.iter().sum::<f64>() / latencies.len() as f64,
        p50: at(0.5),
        p99: at(0.99),
    }
}

async fn server() -> Arc<Server> {
    let server = Server::start(Distant(Memory::new()), 1).await;
    server.call(0, set("k", "0")).await.unwrap();
    Arc::new(server)
}

#[tokio::test(start_paused = true)]
async fn survey() {
    let n = |ms: u64| Duration::from_millis(ms);
    for pause in [n(0), n(1), n(3), n(10), n(40)] {
        for clients in [1, 2, 4, 16, 64, 256, 1024] {
            let s = server().await;
            let c = load(&s, clients, 40, 1, pause, |c| set(&format!("k{c}"), "x")).await;
            println!(
                "SET pause {pause:?} clients {clients}: mean {:.2} p50 {:.2} p99 {:.2} req/1000 {:.2}",
                c.mean,
                c.p50,
                c.p99,
                c.requests_per_1000()
            );
            let s = server().await;
            let c = load(&s, clients, 40, 1, pause, |c| get(&format!("k{c}"))).await;
            println!(
                "GET pause {pause:?} clients {clients}: mean {:.2} p50 {:.2} p99 {:.2} req/1000 {:.2}",
                c.mean,
                c.p50,
                c.p99,
                c.requests_per_1000()
            );
        }
    }
    for clients in [16, 256] {
        let s = server().await;
        let c = load(&s, clients, 20, 16, n(0), |c| set(&format!("k{c}"), "x")).await;
        println!("SET pipeline 16 {clients}: {c:?} {:.2}", c.requests_per_1000());
        let s = server().await;
        let (w, r) = tokio::join!(load(&s, 128, 40, 1, n(1), |c| set(&format!("k{c}"), "x")), async {
            load(&s, clients, 40, 1, n(1), |c| get(&format!("k{c}"))).await
        });
        println!("SET+GET same ids {clients} (client ids collide): {w:?} {r:?}");
    }
}
