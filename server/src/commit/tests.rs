//! The core under random schedules: several servers, one store, and a network that loses, doubles and delays.
//!
//! Nothing here waits. The test keeps a bag of messages under way and picks the next one at random, so a store's answer
//! may overtake another, arrive twice as a `412` of its own success, or never arrive. Servers crash and start again. At
//! the end the network is fair, and everything that the servers said is compared with the chain of stored versions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::Instant;

use super::answer::Refusal;
use super::core::{Core, Effect, Event, Known, Terms};
use super::queue::Unit;
use super::sheet::{Awaited, Sheet};
use super::waiting::Proposed;
use crate::command::Command;
use crate::id::Id;
use crate::knobs::Knobs;
use crate::resp::Reply;
use crate::root::Root;
use crate::run::{Building, Name, Salt};
use crate::settings::Thresholds;
use crate::state::{Database, Proposal, Runs, Watched};
use crate::store::{ETag, StoreError};
use crate::upkeep::{Content, Uploaded};

mod aside;
mod mail;
mod patience;
mod play;
mod stored;
mod verdict;

use self::mail::{Mail, Message};
use self::stored::Stored;
use self::verdict::alone;

const SERVERS: usize = 3;
const CLIENTS: u64 = 6;
const KEYS: [&str; 3] = ["a", "b", "c"];
const DEADLINE: Duration = Duration::from_millis(1900);
const ROUND_TRIP: Duration = Duration::from_millis(100);
const SEEDS: u64 = 200;
const STEPS: usize = 400;
/// Effects of more bytes are stored as a run.
const LARGE: u64 = 60;

/// A command that a client has sent, and what became of it.
struct Asked {
    client: u64,
    key: &'static str,
    /// What it writes, and returns the value before it; `GET key` if none.
    value: Option<String>,
    /// The note of the key, if the write is a transaction that depends on it.
    watched: Option<Watched>,
    /// How many versions were stored when it was sent.
    sent: usize,
    /// The same when it was answered, and the answer.
    told: Option<(usize, Result<Reply, Refusal>)>,
    awaited: Awaited,
}

struct World {
    rng: StdRng,
    now: Instant,
    stored: Stored,
    cores: Vec<(u64, Core)>,
    mails: Vec<Mail>,
    asked: Vec<Asked>,
    /// The clients that wait for the answer to a WATCH, and send nothing meanwhile.
    watching: Vec<(u64, &'static str, Awaited)>,
    /// The keys that clients watch.
    notes: BTreeMap<u64, (&'static str, Watched)>,
    lives: u64,
}

impl World {
    fn new(seed: u64) -> World {
        let rng = StdRng::seed_from_u64(seed);
        let mut world = World {
            rng,
            now: Instant::now(),
            stored: Stored::default(),
            cores: Vec::new(),
            mails: Vec::new(),
            asked: Vec::new(),
            watching: Vec::new(),
            notes: BTreeMap::new(),
            lives: 0,
        };
        for server in 0..SERVERS {
            let core = world.start();
            world.cores.push(core);
            world.step(server, Event::Tick);
        }
        world
    }

    /// A server that starts from the stored version.
    fn start(&mut self) -> (u64, Core) {
        self.lives += 1;
        let terms = Terms {
            server: Id::random(&mut self.rng),
            deadline: DEADLINE,
            knobs: Knobs::new(None),
            thresholds: Thresholds { recent: LARGE, ..Thresholds::default() },
            stats: Arc::default(),
            untaken: Arc::default(),
            locate: Arc::new(str::to_owned),
        };
        let salt = Salt(1);
        let (database, etag) = match self.stored.current() {
            None => (Database::unborn(Id::random(&mut self.rng), salt), None),
            Some((bytes, etag)) => {
                let root = self.stored.read(Root::decode(bytes, &[]).expect("what is stored can be read"));
                let runs = Runs::none(root.header.base, salt);
                (Database::new(root, runs).expect("and is whole"), Some(etag.clone()))
            }
        };
        (self.lives, Core::new(terms, Known { database, etag }))
    }

    fn step(&mut self, server: usize, event: Event) {
        let mut event = Some(event);
        while let Some(next) = event.take() {
            let (life, core) = &mut self.cores[server];
            let (life, effects) = (*life, core.step(next, self.now));
            event = core.is_settling().then_some(Event::Tick);
            for effect in effects {
                self.perform(server, life, effect);
            }
        }
    }

    fn perform(&mut self, server: usize, life: u64, effect: Effect) {
        let message = match effect {
            Effect::Answer(promise, answer) => return promise.keep(answer),
            Effect::Put { commit, bytes, condition } => Message::Put { commit, bytes, condition },
            Effect::Check(check) => Message::Get { check },
            Effect::Usable(Err(why)) => panic!("the database is fine, but: {why}"),
            Effect::Landed(_) | Effect::Moved | Effect::Concluded(..) | Effect::Usable(Ok(())) | Effect::Wasted => {
                return;
            }
            Effect::UploadEffects { commit, content: Content::Rows(rows) } => {
                let mut building = Building::new(Salt(1), 0, rows.len());
                rows.iter().for_each(|(table, name, row)| building.push(*table, name, row.as_ref()));
                let generation = self.cores[server].1.database().root.header.generation;
                let name = Name { generation, id: Id::random(&mut self.rng) };
                Message::Upload { commit, name, layer: Arc::new(building.done()) }
            }
            Effect::Fetch { root, known } => Message::Fetch { root, known },
            Effect::Derive(work) => Message::Derive { work },
            Effect::UploadEffects { .. } | Effect::Upload { .. } | Effect::Stop(_) => {
                panic!("nobody uses plain SET, and there is no trial")
            }
        };
        self.mails.push(Mail { server, life, message });
    }

    /// A client sends a command. No two commands write the same value, and each write returns the value before it.
    fn ask(&mut self, client: u64) {
        if self.watching.iter().any(|(watching, ..)| *watching == client) {
            return;
        }
        let key = *KEYS.choose(&mut self.rng).expect("a key");
        let (promise, awaited) = Sheet::default().promise();
        if self.rng.random_bool(0.2) {
            self.watching.push((client, key, awaited));
            return self.submit(client, Unit::new(client, 0, command(&["WATCH", key]), promise));
        }
        let note = self.rng.random_bool(0.5).then(|| self.notes.remove(&client)).flatten();
        let value = (note.is_some() || self.rng.random_bool(0.7)).then(|| format!("v{}", self.asked.len()));
        let long = self.rng.random_bool(0.3);
        let value = value.map(|value| if long { format!("{value}{}", "-".repeat(LARGE as usize)) } else { value });
        let (key, watched) = note.map_or((key, None), |(key, watched)| (key, Some(watched)));
        let unit = match (&value, &watched) {
            (Some(value), Some(watched)) => {
                let commands = vec![write(key, value), command(&["GET", key])];
                Unit::transaction(client, 0, commands, vec![watched.clone()], promise)
            }
            (Some(value), None) => Unit::new(client, 0, write(key, value), promise),
            (None, _) => Unit::new(client, 0, command(&["GET", key]), promise),
        };
        let sent = self.stored.versions.len();
        self.asked.push(Asked { client, key, value, watched, sent, told: None, awaited });
        self.submit(client, unit);
    }

    fn submit(&mut self, client: u64, unit: Unit) {
        let server = client as usize % SERVERS;
        self.step(server, Event::Arrived(vec![vec![unit]]));
    }

    /// Lets one message go on, or come to grief.
    fn deliver(&mut self, fair: bool) {
        if self.mails.is_empty() {
            return;
        }
        let nth = self.rng.random_range(0..self.mails.len());
        let mail = self.mails.swap_remove(nth);
        let trouble = if fair { 100 } else { self.rng.random_range(0..100) };
        self.carry(mail, trouble);
    }

    /// Brings a message to the store or its answer to the server; `trouble` says what happens on the way, if it is small.
    fn carry(&mut self, Mail { server, life, message }: Mail, trouble: u32) {
        let answer = match message {
            Message::Put { commit, bytes, condition } => {
                let result = match trouble {
                    0..6 => Err(StoreError::Unclear("lost on the way".into())),
                    6..10 => Err(StoreError::DidNotHappen("not sent".into())),
                    10..16 => {
                        let _ = self.stored.put(&bytes, &condition);
                        Err(StoreError::Unclear("the answer was lost".into()))
                    }
                    16..22 => {
                        let _ = self.stored.put(&bytes, &condition);
                        self.stored.put(&bytes, &condition) // a proxy has sent it twice
                    }
                    22..28 => {
                        // The server hears that it may have failed, and a copy lands later.
                        let again = Message::Put { commit, bytes, condition };
                        self.mails.push(Mail { server, life: 0, message: again });
                        Err(StoreError::Unclear("a time-out".into()))
                    }
                    _ => self.stored.put(&bytes, &condition),
                };
                Message::PutAnswer { commit, result }
            }
            Message::Get { check } => {
                let got = self.stored.get(check.etag.as_ref());
                Message::GetAnswer { check, got }
            }
            Message::Upload { commit, name, layer } => {
                let is_stored = trouble >= 6;
                if is_stored {
                    self.stored.runs.insert(name, layer.iter().collect());
                }
                let uploaded = Uploaded { name, layer, bytes: 1 };
                Message::Uploaded { commit, uploaded: is_stored.then_some(uploaded) }
            }
            Message::Fetch { root, known } => Message::Fetched { root: Box::new(self.stored.read(*root)), known },
            Message::Derive { work } => return self.work_on(server, life, work),
            Message::Squash { entry } => {
                if trouble < 20 {
                    // It comes once more.
                    self.mails.push(Mail { server, life, message: Message::Squash { entry: Arc::clone(&entry) } });
                }
                let proposed = Proposed { ticket: 0, proposal: Proposal::Squash(entry) };
                return self.arrive(server, life, Event::Proposed(proposed));
            }
            Message::Uploaded { commit, uploaded } => {
                return self.arrive(server, life, Event::EffectsUploaded { commit, uploaded });
            }
            Message::Fetched { root, known } => {
                return self.arrive(server, life, Event::Fetched(Ok(Box::new((*root, known)))));
            }
            Message::PutAnswer { commit, result } => {
                return self.arrive(server, life, Event::Put { commit, result });
            }
            Message::GetAnswer { check, got } => {
                let result = if trouble < 10 { Err(StoreError::Unclear("lost".into())) } else { Ok(got) };
                return self.arrive(server, life, Event::Checked { check, result });
            }
        };
        self.mails.push(Mail { server, life, message: answer });
    }

    /// An answer reaches the server, if that is still the one that asked.
    fn arrive(&mut self, server: usize, life: u64, event: Event) {
        if self.cores[server].0 == life {
            self.step(server, event);
        }
    }

    /// Some time passes, and every server looks at its clock.
    fn pass(&mut self, most: u64) {
        self.now += Duration::from_millis(self.rng.random_range(0..most));
        (0..SERVERS).for_each(|server| self.step(server, Event::Tick));
    }

    /// Half a round trip passes, and every message under way arrives, the first server's first. So the first server wins
    /// every race, and the others lose again and again.
    fn race(&mut self) {
        self.now += ROUND_TRIP / 2;
        let mut mails = std::mem::take(&mut self.mails);
        mails.sort_by_key(|mail| mail.server);
        mails.into_iter().for_each(|mail| self.carry(mail, 100));
        (0..SERVERS).for_each(|server| self.step(server, Event::Tick));
    }

    /// Notes which clients have been answered since the last time.
    fn listen(&mut self) {
        let versions = self.stored.versions.len();
        for asked in self.asked.iter_mut().filter(|asked| asked.told.is_none()) {
            if let Some(answer) = asked.awaited.take() {
                let reply = answer.map(|result| alone(result.reply, asked)).map_err(|refused| refused.refusal);
                asked.told = Some((versions, reply));
            }
        }
        let notes = &mut self.notes;
        self.watching.retain_mut(|(client, key, awaited)| match awaited.take() {
            None => true,
            Some(answer) => {
                let note = answer.ok().and_then(|mut result| result.watched.pop());
                notes.extend(note.map(|note| (*client, (*key, note))));
                false
            }
        });
    }
}

/// Writes a value, and returns the one before it. The server does not upload a value with an expiry before it executes
/// the command.
fn write(key: &str, value: &str) -> Command {
    match value.len() as u64 > LARGE {
        true => command(&["SET", key, value, "EX", "1000000", "GET"]),
        false => command(&["SET", key, value, "GET"]),
    }
}

fn command(words: &[&str]) -> Command {
    let words = words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
    Command::parse(words).expect("it is well-formed")
}

#[tokio::test(start_paused = true)]
async fn random_schedules_lose_double_and_invent_nothing() {
    let mut kinds = BTreeMap::new();
    let (mut conflicts, mut uploads, mut named, mut squashes) = (0, 0, 0, 0);
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        world.play();
        for (kind, count) in world.judge(seed) {
            *kinds.entry(kind).or_insert(0) += count;
        }
        uploads += world.stored.runs.len();
        let newest = |(bytes, _): &(Bytes, ETag)| Root::decode(bytes, &[]).expect("it can be read").recent.pop();
        let newest = world.stored.versions.iter().filter_map(newest);
        named += newest.filter(|entry| entry.parts().run.is_some()).count();
        let oldest = |(bytes, _): &(Bytes, ETag)| {
            Root::decode(bytes, &[]).expect("it can be read").recent.first().map(|entry| entry.generation())
        };
        squashes += world.stored.versions.windows(2).filter(|pair| oldest(&pair[0]) != oldest(&pair[1])).count();
        conflicts += world.cores.iter().map(|(_, core)| core.terms.stats.conflicts.get()).sum::<u64>();
    }
    for kind in ["writes", "reads", "transactions", "refused", "TRYAGAIN", "UNCERTAIN"] {
        assert!(kinds.get(kind).is_some_and(|&count| count > 100), "{kinds:?}");
    }
    assert!(squashes > 300, "{squashes} squashes");
    assert!(conflicts > 1000 && named > 1000 && uploads - named > 1000, "{conflicts}, {named} of {uploads} runs named");
}

/// Without any fault, a race alone never leaves a client in doubt, however many servers race and however late it is.
#[tokio::test(start_paused = true)]
async fn contention_without_a_fault_is_never_uncertain() {
    let mut kinds = BTreeMap::new();
    for seed in 0..SEEDS / 4 {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.ask(0); // a client of the server that always wins
            let other = world.rng.random_range(0..CLIENTS);
            if world.rng.random_bool(0.2) {
                world.ask(other);
            }
            world.race();
            world.listen();
        }
        (0..200).for_each(|_| {
            world.race();
            world.listen();
        });
        for (kind, count) in world.judge(seed) {
            *kinds.entry(kind).or_insert(0) += count;
        }
    }
    assert_eq!(kinds.get("UNCERTAIN"), None, "{kinds:?}");
    assert!(kinds["writes"] > 1000 && kinds.contains_key("TRYAGAIN"), "{kinds:?}");
}
