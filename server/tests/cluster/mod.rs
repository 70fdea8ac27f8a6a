//! Commit loops on one store in memory, whose every request a test may hold, carry out, answer and lose as it likes.
//!
//! Time is paused: it passes only when everybody waits, so a test of a deadline takes no time and has no race.

#![allow(dead_code, reason = "each test file uses its part of this")]
#![allow(unused_imports, reason = "the same")]

mod runs;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::task::JoinHandle;
use valthree::clock::Clock;
use valthree::command::Command;
use valthree::commit::{Awaited, Queue, Refusal, Sheet, Start, Unit, Unusable, Witness};
use valthree::id::Id;
use valthree::knobs::Knobs;
use valthree::resp::Reply;
use valthree::root::{self, Placed, Root};
use valthree::row::{self, Row, Table};
use valthree::run::{Decoder, Layer, Salt, Work};
use valthree::settings::Thresholds;
use valthree::state::{Database, Laying, Runs, Stretch};
use valthree::stats::Stats;
use valthree::store::memory::{HeldRequest, Memory, Request, Script};
use valthree::store::{Store, StoreError};

pub use self::runs::*;

/// What a command may take. Longer than any pause between attempts, shorter than a request may hang.
pub const DEADLINE: Duration = Duration::from_millis(1900);

/// A server that sends nothing for this long is idle: no pause of its own is longer.
pub const QUIET: Duration = Duration::from_secs(60);

/// A server that sends this many requests without being asked will never be quiet.
const RESTLESS: usize = 10_000;

/// A commit loop that has loaded the database, and the way to its queue.
pub struct Server {
    pub queue: Queue,
    pub stats: Arc<Stats>,
    pub ended: JoinHandle<Result<(), Unusable>>,
}

impl Server {
    /// Loads the database and serves it. Every id of the server comes from `seed`.
    pub async fn start<S: Store>(store: S, seed: u64) -> Server {
        Server::load(store, seed).await.expect("the database can be loaded")
    }

    /// The same, with other thresholds.
    pub async fn start_with<S: Store>(store: S, seed: u64, thresholds: Thresholds) -> Server {
        Server::load_with(store, seed, thresholds, None).await.expect("the database can be loaded")
    }

    pub async fn load<S: Store>(store: S, seed: u64) -> Result<Server, Unusable> {
        Server::load_with(store, seed, Thresholds::default(), None).await
    }

    pub async fn load_with<S: Store>(
        store: S,
        seed: u64,
        thresholds: Thresholds,
        witness: Option<Witness>,
    ) -> Result<Server, Unusable> {
        let mut rng = StdRng::seed_from_u64(seed);
        let stats = Arc::new(Stats::default());
        let start = Start {
            store: Arc::new(store),
            server: Id::random(&mut rng),
            database: Id::random(&mut rng),
            deadline: DEADLINE,
            knobs: Knobs::new(None),
            thresholds,
            witness,
            stats: Arc::clone(&stats),
            health: Arc::default(),
            untaken: Arc::default(),
            clock: Arc::new(Clock::new(std::time::SystemTime::UNIX_EPOCH)),
        };
        let committer = start.load().await?;
        let (queue, mut submissions) = Queue::new();
        let ended = tokio::spawn(async move { committer.run(&mut submissions, drop).await });
        Ok(Server { queue, stats, ended })
    }

    /// Hands over what a client sends at once.
    pub async fn pipeline(&self, client: u64, commands: Vec<Command>) -> Vec<Awaited> {
        let sheet = Sheet::default();
        let (units, answers) = commands
            .into_iter()
            .map(|command| {
                let (answer, awaited) = sheet.promise();
                (Unit::new(client, 0, command, answer), awaited)
            })
            .unzip();
        self.queue.submit(units).await.expect("the loop runs");
        answers
    }

    /// Hands over one command.
    pub async fn send(&self, client: u64, command: Command) -> Awaited {
        self.pipeline(client, vec![command]).await.remove(0)
    }

    /// Executes one command.
    pub async fn call(&self, client: u64, command: Command) -> Result<Reply, Refusal> {
        one(self.send(client, command).await).await
    }
}

/// A server, each of whose requests waits for the test.
pub struct Puppet {
    pub server: Server,
    pub script: Script,
}

impl Puppet {
    pub async fn start(store: &Memory, seed: u64) -> Puppet {
        Puppet::start_with(store, seed, Thresholds::default()).await
    }

    pub async fn start_with(store: &Memory, seed: u64, thresholds: Thresholds) -> Puppet {
        let (handle, mut script) = store.scripted();
        let start = tokio::spawn(Server::start_with(handle, seed, thresholds));
        while !start.is_finished() {
            tokio::select! {
                biased;
                Some(held) = script.next() => held.answer(),
                () = tokio::task::yield_now() => {}
            }
        }
        Puppet { server: start.await.expect("loading does not panic"), script }
    }

    /// The next request, which has to be a PUT of `db.json`.
    pub async fn put(&mut self) -> HeldRequest {
        let held = self.script.next().await.expect("the server runs");
        assert!(matches!(held.request, Request::Put { .. }), "expected a PUT, got {:?}", held.request);
        held
    }

    /// The next request, which has to be a GET of `db.json`.
    pub async fn get(&mut self) -> HeldRequest {
        let held = self.script.next().await.expect("the server runs");
        assert!(matches!(held.request, Request::Get { .. }), "expected a GET, got {:?}", held.request);
        held
    }

    /// The next PUT of `db.json`; GETs before it are answered truly.
    pub async fn put_after_gets(&mut self) -> HeldRequest {
        loop {
            let held = self.script.next().await.expect("the server runs");
            match held.request {
                Request::Put { .. } => return held,
                _ => held.answer(),
            }
        }
    }

    /// Whether the server sends nothing as long as nobody asks it anything.
    pub async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(QUIET, self.script.next()).await.is_err()
    }

    /// Answers truly until the server asks for nothing more, and says how many PUTs there were.
    pub async fn settle(&mut self) -> usize {
        let mut puts = 0;
        for _ in 0..RESTLESS {
            let Ok(held) = tokio::time::timeout(QUIET, self.script.next()).await else { return puts };
            let held = held.expect("the server runs");
            puts += usize::from(matches!(held.request, Request::Put { .. }));
            held.answer();
        }
        panic!("the server asks for more and more, although nobody asks anything of it");
    }

    /// Answers truly whatever is asked, while `task` runs.
    pub async fn answering<T>(&mut self, task: impl Future<Output = T>) -> T {
        tokio::pin!(task);
        loop {
            tokio::select! {
                biased;
                done = &mut task => return done,
                held = self.script.next() => held.expect("the server runs").answer(),
            }
        }
    }
}

/// The reply in an answer.
pub async fn one(answer: Awaited) -> Result<Reply, Refusal> {
    Ok(answer.await.map_err(|refused| refused.refusal)?.reply)
}

/// The database as it is stored.
pub fn stored(store: &Memory) -> Root {
    decoded(&store.peek(root::NAME).expect("there is a database"))
}

/// A version, from its bytes.
pub fn decoded(bytes: &[u8]) -> Root {
    Root::decode(bytes, &[]).expect("it can be read")
}

/// The stored value of a key.
pub fn stored_value(store: &Memory, key: &str) -> Option<Bytes> {
    value_of(&whole(store), key)
}

/// The string under a key of database 0.
pub fn value_of(database: &Database, key: &str) -> Option<Bytes> {
    let table = Table::Keys(database.root.header.databases[0].id);
    database.row(table, key.as_bytes()).and_then(|row| row.value().cloned())
}

/// All strings of database 0, in order.
pub fn strings(database: &Database) -> Vec<(Bytes, Bytes)> {
    let rows = database.rows(Table::Keys(database.root.header.databases[0].id));
    rows.into_iter().filter_map(|(key, row)| Some((key, row.value()?.clone()))).collect()
}

/// What `recent` says of the keys, the last word on each.
pub fn recent(root: &Root) -> BTreeMap<Bytes, Option<Bytes>> {
    let rows = root.recent.iter().flat_map(|entry| entry.all_rows());
    rows.map(|(_, key, row)| (key.clone(), row.and_then(|row| row.value().cloned()))).collect()
}

/// The database as it is stored, read from nothing, with all its runs.
pub fn whole(store: &Memory) -> Database {
    let mut root = stored(store);
    let layer = |name: String, length: u64, rows: u64| -> Layer {
        let bytes = store.peek(&name).unwrap_or_else(|| panic!("{name} is named and not there"));
        assert_eq!(bytes.len() as u64, length);
        let layer = Decoder::new(bytes, Salt(1)).and_then(Work::finish).expect("a run can be read");
        assert_eq!(layer.count().rows, rows);
        layer
    };
    for upload in root.recent.iter().filter_map(|entry| entry.missing()).collect::<Vec<_>>() {
        let rows: Vec<Placed> = layer(upload.name.to_string(), upload.bytes, upload.rows).iter().collect();
        root.attach(upload.name, &rows);
    }
    let mut runs = Runs::none(root.header.base, Salt(1));
    for run in &root.runs {
        let layer = layer(run.name.to_string(), run.bytes, run.rows);
        runs = Laying::new(runs, Stretch { from: run.from, to: run.to, layer: Arc::new(layer), now: 0 }).finish();
    }
    Database::new(root, runs).expect("it does not contradict itself")
}

/// A witness who has every server's every version compared with what all others took it for, and the newest with what is
/// stored.
pub fn witness(store: &Memory) -> Witness {
    let (store, seen) = (store.clone(), Mutex::new(BTreeMap::new()));
    Arc::new(move |database| {
        let rows = database.reachable_rows();
        let generation = database.root.header.generation;
        let keys = rows.iter().filter(|(table, ..)| matches!(table, Table::Keys(_)));
        let keys: Vec<(&Bytes, &Row)> = keys.filter_map(|(_, key, row)| Some((key, row.as_ref()?))).collect();
        let alive = keys.iter().filter(|(_, row)| !row.is_dead(database.root.header.now)).count();
        assert_eq!(database.keys(), alive as u64, "the keys are counted");
        assert_eq!(database.size(), keys.iter().map(|(key, row)| row::size(key, row)).sum::<u64>());
        assert_eq!(database.audit(), <[String; 0]>::default());
        if generation > 0 && stored(&store).header.generation == generation {
            let whole = whole(&store);
            assert_eq!(whole.root, database.root, "what is known is what is stored");
            assert_eq!(whole.reachable_rows(), rows, "the state is a function of what is stored");
            assert_eq!(whole.figures(), database.figures());
        }
        let mut seen = seen.lock().unwrap();
        assert_eq!(seen.entry(generation).or_insert_with(|| rows.clone()), &rows, "generation {generation}");
    })
}

/// Whether the answer has come.
pub fn is_answered(answer: &mut Awaited) -> bool {
    answer.is_given()
}

/// A command of these words.
pub fn command<W: Into<Bytes>>(words: impl IntoIterator<Item = W>) -> Command {
    Command::parse(words.into_iter().map(Into::into).collect()).expect("it is well-formed")
}

/// A command of these words, which are text.
pub fn call(words: &[&str]) -> Command {
    command(words.iter().map(|word| word.as_bytes().to_vec()))
}

pub fn get(key: &str) -> Command {
    call(&["GET", key])
}

pub fn set(key: &str, value: &str) -> Command {
    call(&["SET", key, value])
}

pub fn set_nx(key: &str, value: &str) -> Command {
    call(&["SET", key, value, "NX"])
}

/// `SET key value GET`
pub fn swap(key: &str, value: &str) -> Command {
    call(&["SET", key, value, "GET"])
}

pub fn del(keys: &[&str]) -> Command {
    call(&[&["DEL"], keys].concat())
}

pub fn bulk(text: &str) -> Reply {
    Reply::Bulk(text.to_owned().into())
}

pub fn unclear() -> StoreError {
    StoreError::Unclear("the answer was lost".into())
}

pub fn conflict() -> StoreError {
    StoreError::Conflict("412".into())
}

pub fn refused() -> StoreError {
    StoreError::DidNotHappen("connection refused".into())
}
