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
use valthree::command::{Command, Existence};
use valthree::commit::{Awaited, Entry, Queue, Refusal, Sheet, Start, Unusable, Witness};
use valthree::resp::Reply;
use valthree::root::{self, Id, Root};
use valthree::run::{Decoder, Salt, Work};
use valthree::shared::Thresholds;
use valthree::state::{Database, Laying, Runs, Stretch};
use valthree::stats::Stats;
use valthree::store::memory::{Held, Memory, Request, Script};
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
            max_memory: None,
            thresholds,
            witness,
            stats: Arc::clone(&stats),
        };
        let committer = start.load().await?;
        let (queue, mut submissions) = Queue::new();
        let ended = tokio::spawn(async move { committer.run(&mut submissions).await });
        Ok(Server { queue, stats, ended })
    }

    /// Hands over what a client sends at once.
    pub async fn pipeline(&self, client: u64, commands: Vec<Command>) -> Vec<Awaited> {
        let sheet = Sheet::default();
        let (entries, answers) = commands
            .into_iter()
            .map(|command| {
                let (answer, awaited) = sheet.promise();
                (Entry { client, unit: command.into(), answer, held: None }, awaited)
            })
            .unzip();
        self.queue.submit(entries).await.expect("the loop runs");
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
    pub async fn put(&mut self) -> Held {
        let held = self.script.next().await.expect("the server runs");
        assert!(matches!(held.request, Request::Put { .. }), "expected a PUT, got {:?}", held.request);
        held
    }

    /// The next request, which has to be a GET of `db.json`.
    pub async fn get(&mut self) -> Held {
        let held = self.script.next().await.expect("the server runs");
        assert!(matches!(held.request, Request::Get { .. }), "expected a GET, got {:?}", held.request);
        held
    }

    /// The next PUT of `db.json`; GETs before it are answered truly.
    pub async fn put_after_gets(&mut self) -> Held {
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

/// The single reply in an answer.
pub async fn one(answer: Awaited) -> Result<Reply, Refusal> {
    let mut replies = answer.await?;
    assert_eq!(replies.len(), 1);
    Ok(replies.remove(0))
}

/// The database as it is stored.
pub fn stored(store: &Memory) -> Root {
    Root::decode(&store.peek(root::NAME).expect("there is a database")).expect("it can be read")
}

/// The stored value of a key.
pub fn stored_value(store: &Memory, key: &str) -> Option<Bytes> {
    whole(store).get(key.as_bytes())
}

/// The database as it is stored, read from nothing, with all its runs.
pub fn whole(store: &Memory) -> Database {
    let root = stored(store);
    let mut runs = Runs::none(root.header.base, Salt(1));
    for run in &root.runs {
        let bytes = store.peek(&run.name.to_string()).unwrap_or_else(|| panic!("{} is named and not there", run.name));
        assert_eq!(bytes.len() as u64, run.bytes);
        let layer = Decoder::new(bytes, Salt(1)).and_then(Work::finish).expect("a run can be read");
        assert_eq!(layer.count().entries, run.entries);
        runs = Laying::new(runs, Stretch { from: run.from, to: run.to, layer: Arc::new(layer) }).finish();
    }
    Database::new(root, runs).expect("it does not contradict itself")
}

/// A witness who has every server's every version compared with what all others took it for, and the newest with what is
/// stored.
pub fn witness(store: &Memory) -> Witness {
    let (store, seen) = (store.clone(), Mutex::new(BTreeMap::new()));
    Arc::new(move |database| {
        let entries = database.entries();
        let generation = database.root.header.generation;
        assert_eq!(database.root.keys, entries.len() as u64, "the keys are counted");
        assert_eq!(database.size(), entries.iter().map(|(key, value)| root::size(key, value)).sum::<u64>());
        if generation > 0 && stored(&store).header.generation == generation {
            let whole = whole(&store);
            assert_eq!(whole.root, database.root, "what is known is what is stored");
            assert_eq!(whole.entries(), entries, "the state is a function of what is stored");
            assert_eq!((whole.runs.keys(), whole.runs.size()), (database.runs.keys(), database.runs.size()));
        }
        let mut seen = seen.lock().unwrap();
        assert_eq!(seen.entry(generation).or_insert_with(|| entries.clone()), &entries, "generation {generation}");
    })
}

/// Whether the answer has come.
pub fn is_answered(answer: &mut Awaited) -> bool {
    answer.is_given()
}

pub fn get(key: &str) -> Command {
    Command::Get { key: key.to_owned().into() }
}

pub fn set(key: &str, value: &str) -> Command {
    set_if(key, value, None, false)
}

pub fn set_nx(key: &str, value: &str) -> Command {
    set_if(key, value, Some(Existence::Absent), false)
}

/// `SET key value GET`
pub fn swap(key: &str, value: &str) -> Command {
    set_if(key, value, None, true)
}

fn set_if(key: &str, value: &str, condition: Option<Existence>, get: bool) -> Command {
    Command::Set { key: key.to_owned().into(), value: value.to_owned().into(), condition, get }
}

pub fn del(keys: &[&str]) -> Command {
    Command::Delete { keys: keys.iter().map(|key| Bytes::from((*key).to_owned())).collect() }
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
