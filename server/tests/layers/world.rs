//! Servers over one stored history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use valthree::id::Id;
use valthree::root::{OfferAnswers, Root, SAID_FOR, Said};
use valthree::row::Table;
use valthree::run::{Layer, Name, Salt, Work as _};
use valthree::state::{Database, Draft, Laying, Proposal, Runs, Stretch};

use super::deed::Drawing;
use super::deriving::OrderWorks;
use super::model::Meaning;
use super::{act, orders, read};

pub const SALT: Salt = Salt(3);

/// How many servers there are.
const SERVERS: usize = 3;

/// How far their clocks are from the world's, in milliseconds. A server that is behind takes over from one that is ahead.
const SKEWS: [i64; SERVERS] = [0, 30, -400];

/// A version as it was stored.
pub struct Stored {
    pub bytes: Bytes,
    pub meaning: Meaning,
    /// What it names.
    pub names: BTreeSet<Name>,
}

/// A server.
pub struct Server {
    pub id: Id,
    pub database: Database,
    skew: i64,
    /// What it prepared on versions that may be long past, and wants its next commit to adopt.
    pub prepared: Vec<Proposal>,
    /// Layers that it made of others in memory.
    pub tidied: Vec<Stretch>,
}

pub struct World {
    pub rng: StdRng,
    /// Every version; the first one was never stored.
    pub versions: Vec<Stored>,
    pub runs: BTreeMap<Name, Arc<Layer>>,
    pub servers: Vec<Server>,
    /// What may be deleted at any time from now on.
    pub garbage: Vec<Name>,
    pub values: u64,
    /// What the commits of later servers have said beside rows, by their generation.
    pub told: BTreeMap<u64, (OfferAnswers, Vec<Said>)>,
    has_system: bool,
    pub is_calm: bool,
    /// The time, in milliseconds since 1970.
    clock: u64,
    pub order_works: OrderWorks,
    /// How often what happened.
    pub happened: BTreeMap<&'static str, u64>,
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut rng = StdRng::seed_from_u64(seed);
        let unborn = Database::unborn(Id::random(&mut rng), SALT);
        let first = Stored { bytes: unborn.root.encode(), meaning: Meaning::empty(), names: BTreeSet::new() };
        let server = |skew: i64| Server {
            id: Id::random(&mut rng),
            database: unborn.clone(),
            skew,
            prepared: Vec::new(),
            tidied: Vec::new(),
        };
        let servers = SKEWS.into_iter().map(server).collect();
        World {
            rng,
            versions: vec![first],
            runs: BTreeMap::new(),
            servers,
            garbage: Vec::new(),
            values: 0,
            told: BTreeMap::new(),
            has_system: seed.is_multiple_of(2),
            is_calm: seed % 4 == 2,
            clock: 1_000_000,
            order_works: OrderWorks::new(seed),
            happened: BTreeMap::new(),
        }
    }

    pub fn note(&mut self, what: &'static str) {
        *self.happened.entry(what).or_default() += 1;
    }

    pub fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_ratio(percent, 100)
    }

    pub fn drawing(&mut self) -> Drawing<'_> {
        let World { rng, values, has_system, is_calm, .. } = self;
        Drawing { rng, values, has_system: *has_system, is_calm: *is_calm }
    }

    pub fn newest(&self) -> u64 {
        self.versions.len() as u64 - 1
    }

    /// What a server takes for the time.
    pub fn estimate(&self, server: usize) -> u64 {
        self.clock.saturating_add_signed(self.servers[server].skew)
    }

    /// Stores a run under a name of a generation.
    pub fn store(&mut self, generation: u64, layer: &Arc<Layer>) -> Name {
        let name = Name { generation, id: Id::random(&mut self.rng) };
        self.runs.insert(name, Arc::clone(layer));
        name
    }

    fn run(&self, name: Name) -> &Arc<Layer> {
        self.runs.get(&name).expect("a run that a current version names is there")
    }

    /// A version as a server reads it that has these runs and this root in memory.
    fn fetch(&self, at: u64, known: Option<&Database>) -> (Root, Runs) {
        let entries = known.map_or(&[][..], |known| &known.root.recent);
        let mut root = Root::decode(&self.versions[at as usize].bytes, entries).expect("it can be read");
        let missing: Vec<Name> = root.recent.iter().filter_map(|entry| Some(entry.missing()?.name)).collect();
        for name in missing {
            root.attach(name, &self.run(name).iter().collect::<Vec<_>>());
        }
        let known = known.map_or(Runs::none(0, SALT), |known| known.runs.clone());
        let (mut runs, missing) = known.missing(&root);
        for run in missing {
            let layer = Arc::clone(self.run(run.name));
            runs = Laying::new(runs, Stretch { from: run.from, to: run.to, layer, now: 0 }).finish();
        }
        (root, runs)
    }

    /// A version as a server has it that knew nothing before.
    fn fresh(&self, at: u64) -> Database {
        let (root, runs) = self.fetch(at, None);
        Database::new(root, runs).expect("it does not contradict itself")
    }

    /// A server reads a version.
    pub fn follow(&mut self, server: usize, at: u64) {
        let known = self.servers[server].database.root.header.generation;
        if known >= at {
            return;
        }
        let (root, runs) = self.fetch(at, Some(&self.servers[server].database));
        let oldest = root.recent.first().map_or(known..=known, |entry| entry.parts().from..=entry.generation());
        let is_inside = *oldest.start() <= known && known < *oldest.end();
        self.note(match root.covered() > known {
            true => "followed over a gap",
            false if is_inside => "followed into a squash",
            false => "followed",
        });
        let is_gap = root.covered() > known || is_inside;
        self.servers[server].database.follow(root, runs).expect("it does not contradict itself");
        self.check(server);
        if is_gap && at == self.newest() {
            self.compare(server);
        }
    }

    /// A server reads some version, perhaps not the newest.
    pub fn follow_some(&mut self, server: usize) {
        let known = self.servers[server].database.root.header.generation;
        let readable = |at: &u64| self.versions[*at as usize].names.iter().all(|name| self.runs.contains_key(name));
        let at = (known + 1..=self.newest()).filter(readable).choose(&mut self.rng);
        at.into_iter().for_each(|at| self.follow(server, at));
    }

    /// A server begins a new life.
    pub fn restart(&mut self, server: usize) {
        self.servers[server].prepared.clear();
        self.servers[server].tidied.clear();
        if self.newest() > 0 {
            self.note("restarts");
            self.servers[server].database = self.fresh(self.newest());
            self.check(server);
        }
    }

    /// Time passes, often just up to where something ends.
    pub fn pass(&mut self) {
        self.clock += match self.rng.random_range(0..10) {
            0..3 => self.rng.random_range(1..4),
            3..5 => self.rng.random_range(1..40),
            5 => self.rng.random_range(1..5000),
            _ => {
                let skew = SKEWS[self.rng.random_range(0..SERVERS)];
                let now = self.clock.saturating_add_signed(skew);
                let ends = self.versions[self.newest() as usize].meaning.ends();
                let end = ends.range(now..).next().copied().unwrap_or(now);
                (end - now).saturating_sub(self.rng.random_range(0..2))
            }
        };
    }

    /// Compares a server with what its version means.
    pub fn check(&mut self, server: usize) {
        let estimate = self.estimate(server);
        let looks = self.chance(40);
        let database = &self.servers[server].database;
        let Stored { bytes, meaning, .. } = &self.versions[database.root.header.generation as usize];
        let found = read::meaning(database);
        assert_eq!(found.now, meaning.now, "the time");
        for (number, (found, meant)) in found.numbers.iter().zip(&meaning.numbers).enumerate() {
            for key in found.keys().chain(meant.keys()) {
                assert_eq!(found.get(key), meant.get(key), "{key:?} of number {number}");
            }
            assert_eq!(database.root.header.databases[number].keys, meant.len() as u64, "keys of number {number}");
        }
        assert_eq!(found, *meaning);
        assert_eq!(database.root.encode(), *bytes, "what is known is what was stored");
        self.is_told(&database.root);
        let weighed = database.reachable_rows().into_iter().filter_map(|(table, name, row)| match table {
            Table::Keys(_) => Some(valthree::row::size(&name, &row?)),
            Table::Elements(_) => None,
        });
        let weighed = weighed.sum::<u64>();
        assert!(
            database.size() == weighed || database.size() > weighed && database.tallies().unburied(meaning.now) > 0,
            "the size"
        );
        for figures in &database.figures().databases {
            let keys = &meaning.numbers[figures.number];
            let expiring = keys.values().filter(|held| held.until.is_some() || held.content.ends()).count() as u64;
            assert_eq!((figures.keys, figures.expires), (keys.len() as u64, expiring), "INFO of {}", figures.number);
        }
        if looks {
            act::shows(&mut Draft::stored(database, None, estimate), meaning);
            orders::follow(database);
        }
    }

    /// Whether a version still says what somebody may need. The test says so little that the room always suffices.
    fn is_told(&self, root: &Root) {
        let generation = root.header.generation;
        // What an entry of several generations does not tell, it tells of none of them.
        let entries = root.recent.iter().filter(|entry| !entry.is_joint());
        let entries = entries.map(|entry| (entry.generation(), (&entry.parts().of, &entry.parts().said)));
        let kept = root.kept.iter().map(|kept| (kept.generation, (&kept.of, &kept.said)));
        let left: BTreeMap<u64, _> = kept.chain(entries).collect();
        for (at, (of, said)) in self.told.range(..=generation) {
            let needed = of.iter().flat_map(|(origin, offers)| {
                let had = root.header.writers.get(origin).map_or(0, |writer| writer.had);
                offers.range(had + 1..).map(move |(number, answers)| (origin, number, answers))
            });
            for (origin, number, answers) in needed {
                let found = left.get(at).and_then(|(of, _)| of.get(origin)?.get(number));
                assert_eq!(found, Some(answers), "the reply of generation {at} in {generation}");
            }
            if at + SAID_FOR > generation {
                assert_eq!(left.get(at).map_or(&Vec::new(), |(_, said)| said), said, "what {at} said in {generation}");
            }
        }
    }

    /// Compares a server with one that knew nothing before.
    pub fn compare(&self, server: usize) {
        let mut known = self.servers[server].database.clone();
        let fresh = self.fresh(known.root.header.generation);
        // What it counts of the runs has to be right, too: a reload begins with that.
        let again = Database::new(known.root.clone(), known.runs.clone()).expect("its runs count what they hold");
        for number in &known.root.header.databases {
            let [fresh, again] = [&fresh, &again].map(|database| {
                database.tallies().of(number.id).map(|tally| (tally.rows, tally.size, tally.ends.clone()))
            });
            assert_eq!(
                fresh.unwrap_or_default(),
                again.unwrap_or_default(),
                "the tally of {} over its runs",
                number.id
            );
        }
        // The one that knew nothing has buried everything that has ended.
        known.bury_all();
        assert_eq!(fresh.root, known.root);
        assert_eq!(read::counted_rows(&fresh), read::counted_rows(&known));
        assert_eq!(fresh.reachable(), known.reachable());
        assert_eq!(fresh.figures(), known.figures());
        for number in &known.root.header.databases {
            let [fresh, known] = [&fresh, &known].map(|database| {
                database.tallies().of(number.id).map(|tally| (tally.rows, tally.size, tally.ends.clone()))
            });
            assert_eq!(fresh.unwrap_or_default(), known.unwrap_or_default(), "the tally of {}", number.id);
        }
    }
}
