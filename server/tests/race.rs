//! Servers that race on one store, in fair weather and foul.
//!
//! Every seed is a world of its own: it decides what clients ask, how long everything takes, and what goes wrong. Time is
//! paused and everything runs on one thread, so a seed always plays the same; one that fails prints itself.

mod cluster;
#[path = "race/director.rs"]
mod director;
#[path = "race/history.rs"]
mod history;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::{Instant, sleep, timeout};
use valthree::command::Command;
use valthree::commit::{Awaited, Refusal, Sheet, Unit, Witness};
use valthree::resp::Reply;
use valthree::root::Root;
use valthree::settings::Thresholds;
use valthree::stats::Stats;
use valthree::store::memory::{Memory, Request};

use cluster::{
    DEADLINE, Puppet, Server, bulk, call, del, get, one, refused, set, stored, strings, swap, unclear, whole, witness,
};
use director::{CALM, Director, Fault, Tally, Weather};
use history::{Operation, check_deletions, check_swaps, check_together};

/// How many seeds are played of each kind of world. More find more; these take a few seconds.
const SEEDS: u64 = 150;

/// The keys of the two kinds of worlds: swapped, swapped and deleted, and always written together.
const SWAPPED: [&str; 2] = ["s0", "s1"];
const DELETED: [&str; 2] = ["d0", "d1"];
const TOGETHER: [&str; 3] = ["t0", "t1", "t2"];

/// What clients ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Swaps,
    /// With FLUSHALL, so nothing else survives.
    Together,
}

#[derive(Clone, Debug)]
struct Plan {
    seed: u64,
    servers: usize,
    clients: u64,
    /// How often each client sends something.
    rounds: u64,
    asked: Asked,
    weather: Weather,
    thresholds: Thresholds,
    /// Whether servers are killed and started anew.
    crashes: bool,
}

/// How a world ended.
struct Played {
    operations: Vec<Operation>,
    tally: Tally,
    last: Option<(Root, Vec<(Bytes, Bytes)>)>,
}

struct World {
    plan: Plan,
    store: Memory,
    witness: Witness,
    servers: Mutex<Vec<Server>>,
    stats: Mutex<Vec<Arc<Stats>>>,
    started: Instant,
    ticks: AtomicU64,
    operations: Mutex<Vec<Operation>>,
    tally: Arc<Mutex<Tally>>,
}

impl World {
    fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::Relaxed) + 1
    }

    async fn start(&self, seed: u64) -> Server {
        let (handle, script) = self.store.scripted();
        let weather = self.plan.weather.clone();
        tokio::spawn(Director::new(seed, weather, self.started, Arc::clone(&self.tally)).direct(script));
        let witness = Some(Arc::clone(&self.witness));
        let server = Server::load_with(handle, seed, self.plan.thresholds, witness).await.expect("it can be loaded");
        self.stats.lock().unwrap().push(Arc::clone(&server.stats));
        server
    }

    /// A client that asks one server or another, each time waiting until it is answered.
    async fn converse(self: Arc<World>, client: u64) {
        let mut rng = StdRng::seed_from_u64(self.plan.seed << 8 | client);
        let mut number = 0;
        for _ in 0..self.plan.rounds {
            sleep(Duration::from_millis(rng.random_range(0..40))).await;
            let commands = self.plan.asked.draw(client, number, &mut rng);
            let sheet = Sheet::default();
            let (units, answers): (Vec<Unit>, Vec<_>) = commands
                .into_iter()
                .map(|command| {
                    let (answer, awaited) = sheet.promise();
                    (Unit::new(client, 0, command.clone(), answer), (command, awaited))
                })
                .unzip();
            let queue = self.servers.lock().unwrap().choose(&mut rng).unwrap().queue.clone();
            let sent = self.tick();
            let handed_over = queue.submit(units).await.is_ok();
            drop(queue);
            for (command, answer) in answers {
                let reply = if handed_over { reply(answer).await } else { Err(Refusal::NothingHappened) };
                let told = (reply != Err(Refusal::Uncertain)).then(|| self.tick());
                self.operations.lock().unwrap().push(Operation { client, number, sent, told, command, reply });
                number += 1;
            }
        }
    }

    /// Kills servers at any moment, and starts others in their place.
    async fn crash(self: Arc<World>) {
        let mut rng = StdRng::seed_from_u64(self.plan.seed << 8 | 0xff);
        for n in 0..3 {
            sleep(Duration::from_millis(rng.random_range(50..400))).await;
            let victim = rng.random_range(0..self.plan.servers);
            let fresh = self.start(self.plan.seed << 8 | 0x80 | n).await;
            let killed = std::mem::replace(&mut self.servers.lock().unwrap()[victim], fresh);
            killed.ended.abort();
        }
    }
}

/// A server that is killed answers nobody, and nobody knows what it has done.
/// Reads all keys that are written together.
fn read_together() -> Command {
    call(&["MGET"].into_iter().chain(TOGETHER).collect::<Vec<_>>())
}

async fn reply(answer: Awaited) -> Result<Reply, Refusal> {
    Ok(answer.await.map_err(|refused| refused.refusal)?.reply)
}

impl Asked {
    /// What a client sends at once; values are never the same.
    fn draw(self, client: u64, number: u64, rng: &mut StdRng) -> Vec<Command> {
        let one = |number: u64, rng: &mut StdRng| {
            let value = format!("{client}.{number}");
            let key = |keys: &[&'static str], rng: &mut StdRng| *keys.choose(rng).unwrap();
            match (self, rng.random_range(0..100)) {
                (Asked::Swaps, 0..40) => swap(key(&SWAPPED, rng), &value),
                (Asked::Swaps, 40..70) => get(key(&SWAPPED, rng)),
                (Asked::Swaps, 70..85) => swap(key(&DELETED, rng), &value),
                (Asked::Swaps, _) => del(&[key(&DELETED, rng)]),
                (Asked::Together, 0..40) => {
                    let pairs = TOGETHER.iter().flat_map(|key| [key, value.as_str()]);
                    call(&["MSET"].into_iter().chain(pairs).collect::<Vec<_>>())
                }
                (Asked::Together, 40..70) => read_together(),
                (Asked::Together, 70..85) => call(&["FLUSHALL"]),
                (Asked::Together, _) => call(&["DBSIZE"]),
            }
        };
        let commands = if rng.random_bool(0.7) { 1 } else { rng.random_range(2..5) };
        (number..number + commands).map(|number| one(number, rng)).collect()
    }
}

/// Prints what has to be played again if this test fails.
struct Playing<'a>(&'a Plan);

impl Drop for Playing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("while playing {:?}", self.0);
        }
    }
}

/// Plays a plan to its end, and checks that what the clients saw can be told as one story.
fn play(plan: &Plan) -> Played {
    let _playing = Playing(plan);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let played = runtime.block_on(lead(plan.clone()));
    let last = |key: &str| {
        let (_, entries) = played.last.as_ref()?;
        entries.iter().find(|(other, _)| other == key).map(|(_, value)| value.clone())
    };
    match plan.asked {
        Asked::Swaps => {
            SWAPPED.iter().for_each(|key| check_swaps(&played.operations, key, last(key)));
            DELETED.iter().for_each(|key| check_deletions(&played.operations, key, last(key)));
        }
        Asked::Together => check_together(&played.operations, TOGETHER.len()),
    }
    played
}

async fn lead(plan: Plan) -> Played {
    let store = Memory::new();
    let world = Arc::new(World {
        witness: witness(&store),
        store,
        servers: Mutex::default(),
        stats: Mutex::default(),
        started: Instant::now(),
        ticks: AtomicU64::new(0),
        operations: Mutex::default(),
        tally: Arc::default(),
        plan,
    });
    for n in 0..world.plan.servers as u64 {
        let server = world.start(world.plan.seed << 8 | n).await;
        world.servers.lock().unwrap().push(server);
    }
    let mut tasks: Vec<_> =
        (0..world.plan.clients).map(|client| tokio::spawn(Arc::clone(&world).converse(client))).collect();
    if world.plan.crashes {
        tasks.push(tokio::spawn(Arc::clone(&world).crash()));
    }
    for task in tasks {
        task.await.unwrap();
    }
    // Whatever is still on its way arrives, and is then seen by everybody.
    sleep(CALM).await;
    assert!(world.started.elapsed() > world.plan.weather.until);
    for client in 0..world.plan.servers {
        let queue = world.servers.lock().unwrap()[client].queue.clone();
        let commands = match world.plan.asked {
            Asked::Swaps => SWAPPED.map(get).to_vec(),
            Asked::Together => vec![read_together()],
        };
        for command in commands {
            let (answer, awaited) = Sheet::default().promise();
            let sent = world.tick();
            let client = 0x100 + client as u64;
            queue.submit(vec![Unit::new(client, 0, command.clone(), answer)]).await.unwrap();
            let reply = reply(awaited).await;
            assert!(reply.is_ok(), "everything is well by now, but {reply:?}");
            let told = Some(world.tick());
            world.operations.lock().unwrap().push(Operation { client, number: sent, sent, told, command, reply });
        }
    }
    let servers = std::mem::take(&mut *world.servers.lock().unwrap());
    for server in servers {
        drop(server.queue);
        server.ended.await.unwrap().unwrap();
    }
    let operations = std::mem::take(&mut *world.operations.lock().unwrap());
    let mut tally = world.tally.lock().unwrap().clone();
    for stats in world.stats.lock().unwrap().iter() {
        tally.add("commits", stats.commits.get());
        tally.add("conflicts", stats.conflicts.get());
        tally.add("unclear, landed", stats.unclear_landed.get());
        tally.add("unclear, lost", stats.unclear_lost.get());
        tally.add("folds", stats.folds.get());
        tally.add("squashes", stats.squashes.get());
        tally.add("merges", stats.merges.get());
        tally.add("swept", stats.runs_deleted.get());
        // Or sent and never settled, by a server that was killed.
        tally.add("resends", stats.puts.get().saturating_sub(stats.commits.get() + stats.conflicts.get()));
    }
    for operation in &operations {
        let told = match &operation.reply {
            Ok(_) => "done",
            Err(Refusal::NothingHappened) => "told that nothing happened",
            Err(Refusal::Uncertain) => "told that nobody knows",
            Err(other) => panic!("{other}"),
        };
        tally.add(told, 1);
    }
    let last = world.store.peek(valthree::root::NAME).map(|_| whole(&world.store));
    let last = last.map(|database| (database.root.clone(), strings(&database)));
    Played { operations, tally, last }
}

/// Plays one world for every seed.
fn play_all(seeds: Range<u64>, plan: impl Fn(u64, &mut StdRng) -> Plan) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let mut rng = StdRng::seed_from_u64(seed);
        tally.merge(&play(&plan(seed, &mut rng)).tally);
    }
    tally
}

fn fair(seed: u64, asked: Asked, rng: &mut StdRng) -> Plan {
    let (servers, thresholds) = (rng.random_range(1..4), small(rng));
    Plan { seed, servers, clients: 6, rounds: 8, asked, weather: Weather::FAIR, thresholds, crashes: false }
}

fn foul(seed: u64, asked: Asked, rng: &mut StdRng) -> Plan {
    let crashes = rng.random_bool(0.2);
    let weather = Weather::draw(rng);
    let (servers, thresholds) = (rng.random_range(2..4), small(rng));
    Plan { seed, servers, clients: 6, rounds: 10, asked, weather, thresholds, crashes }
}

/// Thresholds with which all that happens to large databases happens all the time. With none, every write is a large value.
fn small(rng: &mut StdRng) -> Thresholds {
    let recent = *[0, 120, 250, 400].choose(rng).unwrap();
    let (fanout, garbage, commit) = (rng.random_range(2..4), rng.random_range(1..8), rng.random_range(1..2_000));
    let commits = rng.random_range(0..3);
    let squash = if rng.random_bool(0.5) { 1 << 20 } else { 0 };
    Thresholds { recent, commits, squash, fanout, garbage, commit, order: rng.random_range(0..4) }
}

/// Nobody is told anything but a reply.
fn all_done(tally: &Tally) {
    assert_eq!(tally.of("told that nothing happened") + tally.of("told that nobody knows"), 0);
    assert!(tally.of("conflicts") > 0 && tally.of("done") > 0);
}

/// The entries have been moved about, too.
fn all_kept_up(tally: &Tally) {
    for what in ["folds", "squashes", "merges", "swept"] {
        assert!(tally.of(what) > 0, "{what}: never in {tally:?}");
    }
}

/// All that can go wrong did, and went both ways.
fn all_happened(tally: &Tally) {
    let outcomes = [
        "conflicts",
        "unclear, landed",
        "unclear, lost",
        "resends",
        "done",
        "told that nothing happened",
        "told that nobody knows",
        "folds",
        "squashes",
        "merges",
        "swept",
    ];
    for what in outcomes.map(String::from).into_iter().chain(Tally::faults()) {
        assert!(tally.of(&what) > 0, "{what}: never in {tally:?}");
    }
}

#[test]
fn swaps_form_one_chain_and_each_deletion_counts_once() {
    let tally = play_all(0..SEEDS, |seed, rng| fair(seed, Asked::Swaps, rng));
    all_done(&tally);
    all_kept_up(&tally);
}

#[test]
fn what_is_written_together_is_seen_together() {
    let tally = play_all(0..SEEDS, |seed, rng| fair(seed, Asked::Together, rng));
    all_done(&tally);
    all_kept_up(&tally);
}

#[test]
fn swaps_form_one_chain_whatever_becomes_of_requests_and_answers() {
    all_happened(&play_all(1_000..1_000 + SEEDS, |seed, rng| foul(seed, Asked::Swaps, rng)));
}

#[test]
fn what_is_written_together_is_seen_together_whatever_becomes_of_requests_and_answers() {
    all_happened(&play_all(2_000..2_000 + SEEDS, |seed, rng| foul(seed, Asked::Together, rng)));
}

#[test]
fn a_seed_always_plays_the_same() {
    let plan = foul(7, Asked::Swaps, &mut StdRng::seed_from_u64(7));
    let (first, second) = (play(&plan), play(&plan));
    assert!(!first.operations.is_empty());
    assert_eq!(first.operations, second.operations);
    assert_eq!(first.last, second.last);
    assert_eq!(first.tally, second.tally);
}

/// The answers of one PUT in twenty are lost after landing, in a world of many clients.
#[test]
fn lost_answers_are_never_an_error_and_never_applied_twice() {
    let tally = play_all(0..4, |seed, _| {
        let weather = Weather { per_mille: 50, faults: &[Fault::AnswerLost], outage: None, until: CALM };
        Plan {
            seed,
            servers: 1 + seed as usize % 3,
            clients: 100,
            rounds: 40,
            asked: Asked::Swaps,
            weather,
            thresholds: Thresholds::default(),
            crashes: false,
        }
    });
    all_done(&tally);
    assert!(tally.of("PUT AnswerLost") > 10 && tally.of("unclear, landed") > 10, "{tally:?}");
}

#[tokio::test(start_paused = true)]
async fn what_came_before_an_uncertain_write_of_its_client_does_not_see_it() {
    let store = Memory::new();
    let rival = Server::start(store.clone(), 2).await;
    rival.call(1, set("k", "1")).await.unwrap();
    let mut puppet = Puppet::start(&store, 1).await;
    let pipeline = puppet.server.pipeline(1, vec![get("k"), set("k", "2"), get("k")]).await;
    let other = puppet.server.send(2, get("k")).await;
    let mut put = puppet.put().await;
    assert!(put.perform());
    put.fail(unclear());
    let settle = puppet.get().await;
    // So many others commit that this server's entry leaves the table: it can't know any more that it has succeeded.
    for seed in 100..100 + valthree::root::WRITERS as u64 {
        let rival = Server::start(store.clone(), seed).await;
        assert_eq!(rival.call(1, set("other", "1")).await, Ok(Reply::OK));
    }
    settle.answer();
    let mut replies = Vec::new();
    for answer in pipeline {
        replies.push(puppet.answering(one(answer)).await);
    }
    let refused = [Refusal::NothingHappened, Refusal::Uncertain].map(Err);
    assert_eq!(replies, [refused[0].clone(), refused[1].clone(), Ok(bulk("2"))]);
    assert_eq!(puppet.answering(one(other)).await, Ok(bulk("2")), "others may see it");
}

#[tokio::test(start_paused = true)]
async fn a_refused_attempt_proves_nothing_while_another_is_under_way() {
    let store = Memory::new();
    let mut puppet = Puppet::start(&store, 1).await;
    let answer = puppet.server.send(1, set("k", "1")).await;
    let mut first = puppet.put().await; // no answer, so it is looked up, found open and sent again
    let started = Instant::now();
    while started.elapsed() <= DEADLINE {
        let Ok(held) = timeout(DEADLINE / 4, puppet.script.next()).await else { continue };
        let mut held = held.unwrap();
        match held.request {
            Request::Put { .. } => held.fail(refused()),
            _ => held.answer(),
        }
    }
    assert_eq!(one(answer).await, Err(Refusal::Uncertain));
    assert!(first.perform(), "and indeed it lands");
    let read = puppet.server.send(2, get("k")).await;
    assert_eq!(puppet.answering(one(read)).await, Ok(bulk("1")));
}

#[tokio::test(start_paused = true)]
async fn a_commit_in_doubt_takes_nobody_in() {
    let store = Memory::new();
    let mut puppet = Puppet::start(&store, 1).await;
    let one_of_it = puppet.server.send(1, set("k", "1")).await;
    let mut first = puppet.put().await;
    let late = puppet.server.send(2, set("late", "1")).await;
    first.fail(unclear());
    puppet.get().await.answer();
    let second = puppet.put().await;
    assert_eq!(first.request, second.request, "other bytes could land, and be taken for these, or these for them");
    assert!(first.perform());
    second.answer();
    assert_eq!(puppet.answering(one(one_of_it)).await, Ok(Reply::OK));
    assert_eq!(puppet.answering(one(late)).await, Ok(Reply::OK));
    assert_eq!(stored(&store).recent.len(), 2);
}
