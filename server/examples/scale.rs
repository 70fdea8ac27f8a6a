//! What a database costs as it grows: bytes written for each SET, the time until a server that starts can answer, memory
//! for each key, and whether what goes on in the background can be felt.
//!
//! ```console
//! $ cargo run --release -p valthree --example scale -- 1000000
//! ```
//!
//! The store is in memory, a round trip of 20 ms away. Counts come from a clock that passes only when everybody waits, so
//! they are the same each time; times come from the real one. Keys have 16 bytes, values 100 that can't be compressed. The
//! numbers are printed, one in a line.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use valthree::command::Command;
use valthree::commit::{Entry, Queue, Start};
use valthree::root::{self, Id, Root};
use valthree::shared::Thresholds;
use valthree::stats::Stats;
use valthree::store::memory::Memory;
use valthree::store::{Condition, ETag, Got, Store, StoreError};

const ROUND_TRIP: Duration = Duration::from_millis(20);
const KEY: usize = 16;
const VALUE: usize = 100;
const CLIENTS: u64 = 256;

/// A store that is a round trip away, and tags objects without hashing them, as one does that is another machine.
#[derive(Clone)]
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

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.there_and_back(self.0.delete(name)).await
    }

    fn locate(&self, name: &str) -> String {
        self.0.locate(name)
    }
}

struct Server {
    queue: Queue,
    stats: Arc<Stats>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(store: &Distant, seed: u64) -> Server {
        let mut rng = StdRng::seed_from_u64(seed);
        let stats = Arc::new(Stats::default());
        let start = Start {
            store: Arc::new(store.clone()),
            server: Id::random(&mut rng),
            database: Id::random(&mut rng),
            deadline: Duration::from_secs(60),
            max_memory: None,
            thresholds: Thresholds::default(),
            stats: Arc::clone(&stats),
            witness: None,
        };
        let committer = start.load().await.expect("the database can be loaded");
        let (queue, mut submissions) = Queue::new();
        let task =
            tokio::spawn(async move { committer.run(&mut submissions).await.expect("the database can be used") });
        Server { queue, stats, task }
    }

    async fn call(queue: &Queue, client: u64, command: Command) {
        let (answer, receiver) = oneshot::channel();
        let entry = Entry { client, unit: command.into(), answer, held: None };
        queue.submit(vec![entry]).await.expect("the server runs");
        receiver.await.expect("everybody is answered").expect("nothing is refused");
    }

    /// Every client sets keys, one after the other, until together they have set so many. `None` draws them from all.
    async fn load(&self, sets: u64, keys: u64, draw: bool) -> Vec<Duration> {
        let clients = (0..CLIENTS).map(|client| {
            let queue = self.queue.clone();
            tokio::spawn(async move {
                let mut rng = StdRng::seed_from_u64(client);
                let mut took = Vec::new();
                for nth in (client..sets).step_by(CLIENTS as usize) {
                    let key = if draw { rng.random_range(0..keys) } else { nth % keys };
                    let command = set(key, &mut rng);
                    let sent = Instant::now();
                    Server::call(&queue, client, command).await;
                    took.push(sent.elapsed());
                }
                took
            })
        });
        let mut all = Vec::new();
        for client in clients.collect::<Vec<_>>() {
            all.extend(client.await.expect("clients do not panic"));
        }
        all.sort();
        all
    }

    async fn stop(self) {
        drop(self.queue);
        self.task.await.expect("the server does not panic");
    }
}

fn key(number: u64) -> Bytes {
    format!("key:{number:0width$}", width = KEY - 4).into()
}

fn set(number: u64, rng: &mut StdRng) -> Command {
    let mut value = vec![0; VALUE];
    rng.fill_bytes(&mut value);
    Command::Set { key: key(number), value: value.into(), condition: None, get: false }
}

/// A clock that passes only when everybody waits.
fn counting() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime")
}

fn real() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it says how much is resident");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// Goal 6: bytes for each SET, in a database of so many keys.
fn bytes_per_set(keys: u64) -> Memory {
    let memory = Memory::new();
    counting().block_on(async {
        let server = Server::start(&Distant(memory.clone()), keys).await;
        for (what, sets, draw) in
            [("filling", keys.max(100_000), false), ("overwriting", (keys * 3 / 2).max(200_000), true)]
        {
            let before = (server.stats.bytes_put.get(), server.stats.puts.get(), server.stats.merges.get());
            server.load(sets, keys, draw).await;
            // Until every merge that this has led to is done.
            sleep(Duration::from_secs(600)).await;
            let bytes = (server.stats.bytes_put.get() - before.0) as f64 / sets as f64;
            println!("{keys} keys, {what}: {bytes:.0} bytes put for each SET");
            println!("{keys} keys, {what}: {:.2} times the entry", bytes / (KEY + VALUE) as f64);
            let puts = (server.stats.puts.get() - before.1) as f64 * 1000.0 / sets as f64;
            println!("{keys} keys, {what}: {puts:.2} PUTs for 1000 SETs");
            println!("{keys} keys, {what}: {} merges", server.stats.merges.get() - before.2);
        }
        server.stop().await;
    });
    let root = Root::decode(&memory.peek(root::NAME).expect("there is a database")).expect("it can be read");
    let bytes: u64 = root.runs.iter().map(|run| run.bytes).sum();
    println!("{keys} keys: {} runs of {bytes} bytes", root.runs.len());
    memory
}

/// Goals 7 and 8: from the start to the first answer, and memory.
fn start(memory: &Memory, keys: u64) {
    let first_answer = async |store: &Distant| {
        let began = Instant::now();
        let server = Server::start(store, 77).await;
        Server::call(&server.queue, 1, Command::Get { key: key(keys / 2) }).await;
        (began.elapsed(), server)
    };
    let store = Distant(memory.clone());
    counting().block_on(async {
        let (took, server) = first_answer(&store).await;
        let round_trips = took.as_secs_f64() / ROUND_TRIP.as_secs_f64();
        println!("{keys} keys: first answer after {round_trips:.1} round trips");
        server.stop().await;
    });
    real().block_on(async {
        let before = resident();
        let (took, server) = first_answer(&store).await;
        println!("{keys} keys: first answer after {} ms", took.as_millis());
        let occupied = (resident() - before) as f64 / keys as f64;
        println!("{keys} keys: {:.1} bytes for each beyond key and value", occupied - (KEY + VALUE) as f64);
        server.stop().await;
    });
}

/// Whether folds and merges can be felt: latencies, in round trips, over so many SETs.
fn latency(memory: &Memory, keys: u64) {
    let sets = 400_000;
    real().block_on(async {
        let server = Server::start(&Distant(memory.clone()), 99).await;
        let began = Instant::now();
        let took = server.load(sets, keys, true).await;
        let rate = sets as f64 / began.elapsed().as_secs_f64();
        let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() / ROUND_TRIP.as_secs_f64();
        println!("{keys} keys: {rate:.0} SETs a second");
        println!("{keys} keys: {} folds, {} merges", server.stats.folds.get(), server.stats.merges.get());
        for share in [0.5, 0.99, 0.999, 1.0] {
            println!("{keys} keys: {:.2} round trips at p{}", at(share), share * 100.0);
        }
        server.stop().await;
    });
}

fn main() {
    let most = std::env::args().nth(1).map_or(1_000_000, |text| text.parse().expect("a number of keys"));
    for keys in [1_000, most] {
        let memory = bytes_per_set(keys);
        start(&memory, keys);
        latency(&memory, keys);
    }
}
