//! What a database costs as it grows: bytes written for each SET, the time until a server that starts can answer, memory
//! for each key, and whether folds and merges can be felt.
//!
//! ```console
//! $ cargo run --profile lab -p valthree --example scale -- 1000000
//! ```
//!
//! plays on a database of 1,000 keys and on one of as many as it is told, and prints what it finds and what it should be. Keys have 16 bytes, values 100 that can't be compressed. The store is in memory, a round trip of 20 ms
//! away. Bytes and round trips are counted by a clock that passes only when everybody waits, so they are the same each
//! time; times are those of this machine. A million keys take some minutes and a few gigabytes.

#[path = "../tests/distant/mod.rs"]
mod distant;

use std::collections::BTreeSet;
use std::io::{Error, ErrorKind};
use std::process::Command as Process;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use distant::{Distant, ROUND_TRIP};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use valthree::command::Command;
use valthree::commit::{Entry, Queue, Start};
use valthree::root::{self, Id, Root};
use valthree::run::Name;
use valthree::server::{self, Config, Listener};
use valthree::shared::{Settings, Thresholds};
use valthree::state::Database;
use valthree::stats::Stats;

const KEY: usize = 16;
const VALUE: usize = 100;
const ENTRY: f64 = (KEY + VALUE) as f64;
const CLIENTS: u64 = 256;

/// The keys of the database that the other is compared with.
const SMALL: u64 = 1_000;

/// The SETs whose latencies are looked at.
const TIMED: u64 = 300_000;

/// How often as many SETs as there are keys may be drawn until every level has merged.
const MOST_DRAWN: u64 = 10;

/// How long a server is left alone until everything in the background has come to an end.
const QUIET: Duration = Duration::from_secs(600);

/// A server without its sockets.
struct Server {
    queue: Queue,
    stats: Arc<Stats>,
    ledger: Arc<Mutex<Ledger>>,
    task: JoinHandle<()>,
}

/// What became part of the database, in bytes of runs.
#[derive(Clone, Debug, Default)]
struct Ledger {
    known: BTreeSet<Name>,
    covered: u64,
    folded: u64,
    merged: u64,
    /// How often the oldest run has become part of a newer one.
    whole: u64,
}

impl Ledger {
    fn note(&mut self, database: &Database) {
        let covered = self.covered;
        for run in &database.root.runs {
            if self.known.insert(run.name) {
                let kind = if run.from >= covered { &mut self.folded } else { &mut self.merged };
                *kind += run.bytes;
                self.whole += u64::from(run.from < covered && run.from == database.root.header.base);
            }
        }
        self.covered = database.root.covered();
    }
}

impl Server {
    async fn start(store: &Distant, seed: u64) -> Server {
        let mut rng = StdRng::seed_from_u64(seed);
        let (stats, ledger) = (Arc::<Stats>::default(), Arc::<Mutex<Ledger>>::default());
        let noted = Arc::clone(&ledger);
        let start = Start {
            store: Arc::new(store.clone()),
            server: Id::random(&mut rng),
            database: Id::random(&mut rng),
            deadline: Duration::from_secs(60),
            max_memory: None,
            thresholds: Thresholds::default(),
            stats: Arc::clone(&stats),
            witness: Some(Arc::new(move |database| {
                noted.lock().unwrap_or_else(PoisonError::into_inner).note(database);
            })),
        };
        let committer = start.load().await.expect("the database can be loaded");
        let (queue, mut submissions) = Queue::new();
        let task =
            tokio::spawn(async move { committer.run(&mut submissions).await.expect("the database can be used") });
        Server { queue, stats, ledger, task }
    }

    fn ledger(&self) -> Ledger {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn call(queue: &Queue, client: u64, command: Command) {
        let (answer, receiver) = oneshot::channel();
        let entry = Entry { client, unit: command.into(), answer, held: None };
        queue.submit(vec![entry]).await.expect("the server runs");
        receiver.await.expect("everybody is answered").expect("nothing is refused");
    }

    /// Every client sets keys, one after the other, until together they have set so many: `None` draws them from all
    /// `keys`, otherwise they come in their order. Says how long each took, the shortest first.
    async fn load(&self, sets: u64, keys: u64, in_order: bool) -> Vec<Duration> {
        let clients = (0..CLIENTS).map(|client| {
            let queue = self.queue.clone();
            tokio::spawn(async move {
                let mut rng = StdRng::seed_from_u64(client);
                let mut took = Vec::new();
                for nth in (client..sets).step_by(CLIENTS as usize) {
                    let key = if in_order { nth % keys } else { rng.random_range(0..keys) };
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

/// What a SET costs.
#[derive(Clone, Copy)]
struct Cost {
    /// Bytes that are put, in sizes of an entry.
    all: f64,
    /// Of these, bytes of runs that were merged.
    merged: f64,
}

/// What is to be compared between the small database and the large one.
struct Measured {
    keys: u64,
    cost: Cost,
    /// What a starting server has to read.
    bytes: u64,
    started: Duration,
    /// What it then takes of memory, in bytes.
    occupied: u64,
}

/// Every key once, and then keys at random until the oldest run has become part of a newer one: by then, every level has
/// merged. Counts what the second part costs.
async fn grow(store: &Distant, keys: u64) -> Cost {
    let server = Server::start(store, keys).await;
    let sets = keys.max(100_000);
    server.load(sets, keys, true).await;
    sleep(QUIET).await;
    let (before, bytes) = (server.ledger(), server.stats.bytes_put.get());
    let (mut drawn, mut puts) = (0, server.stats.puts.get());
    while drawn < MOST_DRAWN * sets && (drawn < sets || server.ledger().whole == before.whole) {
        server.load(sets / 2, keys, false).await;
        drawn += sets / 2;
    }
    sleep(QUIET).await;
    let (after, bytes) = (server.ledger(), server.stats.bytes_put.get() - bytes);
    puts = server.stats.puts.get() - puts;
    let each = |bytes: u64| bytes as f64 / drawn as f64 / ENTRY;
    let cost = Cost { all: each(bytes), merged: each(after.merged - before.merged) };
    let whole = after.whole - before.whole;
    println!("  {drawn} SETs at random; the oldest run was merged {whole} times meanwhile");
    println!("  {:.2} times the entry is put for each SET: {:.2} in runs that are merged,", cost.all, cost.merged);
    println!("    {:.2} in runs that are folded, and the rest in db.json", each(after.folded - before.folded));
    println!("  {:.2} PUTs for 1000 SETs", puts as f64 * 1000.0 / drawn as f64);
    server.stop().await;
    cost
}

/// A server's connections: there is one.
struct Door(mpsc::Receiver<DuplexStream>);

impl Listener for Door {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> Result<(DuplexStream, String, String), Error> {
        let stream = self.0.recv().await.ok_or_else(|| Error::from(ErrorKind::NotConnected))?;
        Ok((stream, "client".into(), "server".into()))
    }
}

/// Starts a whole server, its proof of the store included, and asks for a key again and again: says how long it takes
/// until there is an answer. It has to be the right one, of which the beginning is known.
async fn first_answer(store: &Distant, keys: u64) -> Duration {
    let began = Instant::now();
    let (sender, door) = mpsc::channel(1);
    let (mut client, stream) = duplex(1 << 16);
    sender.send(stream).await.expect("there is room for one");
    let settings = Settings { max_memory: None, ..Settings::default() };
    let config = Config { seed: [7; 32], started: SystemTime::UNIX_EPOCH, settings };
    let serving = tokio::spawn(server::run(Door(door), store.clone(), config, std::future::pending()));
    let name = key(keys / 2);
    let question = [&b"*2\r\n$3\r\nGET\r\n$16\r\n"[..], &name, b"\r\n"].concat();
    let mut answer = [0; 128];
    loop {
        client.write_all(&question).await.expect("the server is there");
        let length = client.read(&mut answer).await.expect("the server answers");
        if answer.starts_with(b"-LOADING") {
            sleep(Duration::from_millis(1)).await;
            continue;
        }
        assert!(length > VALUE && answer.starts_with(b"$100\r\n"), "not an answer: {:?}", &answer[..length]);
        serving.abort();
        return began.elapsed();
    }
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it says how much is resident");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// In a process of its own, where nothing else takes memory: starts a server on the objects of a folder.
fn start(folder: &str, keys: u64) {
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("names are text").replace('+', "/");
        (name, Bytes::from(std::fs::read(&path).expect("objects can be read")))
    };
    let store: Distant = std::fs::read_dir(folder).expect("there is a folder").map(read).collect();
    let before = resident();
    real().block_on(async {
        let took = first_answer(&store, keys).await;
        println!("{} {}", took.as_micros(), resident() - before);
    });
}

/// Goals 7 and 8: from the start to the first answer, and memory.
fn start_elsewhere(store: &Distant, keys: u64) -> (Duration, u64) {
    let round_trips = counting().block_on(first_answer(store, keys)).as_secs_f64() / ROUND_TRIP.as_secs_f64();
    let folder = std::env::temp_dir().join(format!("valthree-scale-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    for (name, bytes) in store.all() {
        std::fs::write(folder.join(name.replace('/', "+")), bytes).expect("objects can be written");
    }
    let own = std::env::current_exe().expect("this program is somewhere");
    let output = Process::new(own).arg("--start").arg(&folder).arg(keys.to_string()).output().expect("it starts");
    std::fs::remove_dir_all(&folder).expect("a folder can be removed");
    let text = String::from_utf8(output.stdout).expect("it prints text");
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let [took, occupied] = numbers[..] else { panic!("no numbers: {}", String::from_utf8_lossy(&output.stderr)) };
    let took = Duration::from_micros(took);
    println!("  {round_trips:.2} round trips until the first right answer (goal: 3), {} ms here", took.as_millis());
    println!("  {occupied} bytes of memory more than before the start");
    (took, occupied)
}

/// Whether folds and merges can be felt: latencies, in round trips.
async fn latency(store: &Distant, keys: u64) {
    let server = Server::start(store, 99).await;
    let began = Instant::now();
    let took = server.load(TIMED, keys, false).await;
    let rate = TIMED as f64 / began.elapsed().as_secs_f64();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() / ROUND_TRIP.as_secs_f64();
    let (folds, merges) = (server.stats.folds.get(), server.stats.merges.get());
    println!("  {rate:.0} SETs a second beside {folds} folds and {merges} merges");
    println!(
        "  {:.2} round trips for one at p50, {:.2} at p99, {:.2} at p99.9, {:.2} at most",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
    server.stop().await;
}

fn measure(keys: u64) -> Measured {
    println!("{keys} keys");
    let store = Distant::default();
    let cost = counting().block_on(grow(&store, keys));
    let objects = store.all();
    let root = Root::decode(&objects[root::NAME]).expect("it can be read");
    let bytes = objects[root::NAME].len() as u64 + root.runs.iter().map(|run| run.bytes).sum::<u64>();
    let (runs, times) = (root.runs.len(), bytes as f64 / keys as f64 / ENTRY);
    println!("  {bytes} bytes in {runs} runs and db.json: {times:.2} times the entries");
    let (started, occupied) = start_elsewhere(&store, keys);
    real().block_on(latency(&store, keys));
    Measured { keys, cost, bytes, started, occupied }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{text:?} is not a number of keys"));
    match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--start", folder, keys] => start(folder, number(keys)),
        [] => compare(1_000_000),
        [keys] => compare(number(keys).max(2 * SMALL)),
        _ => panic!("the only argument is a number of keys"),
    }
}

fn compare(keys: u64) {
    let (small, large) = (measure(SMALL), measure(keys));
    println!("{} keys against {}", large.keys, small.keys);
    let (one, other) = (small.cost, large.cost);
    println!("  {:.2} times the bytes for each SET (goal: 2.5),", other.all / one.all);
    let without = (other.all - other.merged) / (one.all - one.merged);
    println!("    {without:.2} times without those that merge (goal: 1.3)");
    println!("  {:.2} times the entry for each SET (goal: 10)", other.all);
    let more = large.started.saturating_sub(small.started).as_secs_f64();
    let mebibytes = large.bytes.saturating_sub(small.bytes) as f64 / (1 << 20) as f64;
    println!("  {:.2} ms for each MiB that is read at the start", more * 1000.0 / mebibytes);
    let more = large.occupied.saturating_sub(small.occupied) as f64 / (large.keys - small.keys) as f64;
    println!("  {:.1} bytes of memory for each key beyond key and value (goal: 64)", more - ENTRY);
}
