//! Whatever servers do in whatever order, a version means what plain maps say.
//!
//! Nothing here waits. Servers are versions in memory, some of them far behind. Batches are executed on drafts, and lost,
//! and executed again on other versions. Folds, squashes and merges are prepared on versions that are long past when a commit
//! adopts them. Runs are swept, layers are tidied, answers are forgotten, and servers start anew. After each step, what a server
//! has is compared with what plain maps say of that version, and with what a server has that reads it from nothing.
//!
//! | module | what it knows |
//! |---|---|
//! | `model`, `step` | what a version means, and what deeds do to that: maps |
//! | `deed` | what batches consist of, and how it is drawn |
//! | `act`, `stream` | what deeds do to a draft, as commands would |
//! | `read` | what rows mean |
//! | `orders` | derived orders against sorted lists |
//! | `deriving` | orders that are built in slices, while versions come |
//! | `world`, `commit` | the servers, and what they do |
//!
//! `VALTHREE_SEEDS` is how many schedules to play, in the place of [`SEEDS`], and `VALTHREE_SEED` the first one.

#[path = "layers/act.rs"]
mod act;
#[path = "layers/commit.rs"]
mod commit;
#[path = "layers/deed.rs"]
mod deed;
#[path = "layers/deriving.rs"]
mod deriving;
#[path = "layers/model.rs"]
mod model;
#[path = "layers/orders.rs"]
mod orders;
#[path = "layers/read.rs"]
mod read;
#[path = "layers/step.rs"]
mod step;
#[path = "layers/stream.rs"]
mod stream;
#[path = "layers/world.rs"]
mod world;

use std::collections::BTreeMap;

use deed::{Act, Deed, Element};
use rand::RngExt as _;
use valthree::id::Id;
use valthree::row::{Made, Row, Table};
use valthree::state::{Database, Draft, Proposal};
use world::World;

/// How many schedules are played.
const SEEDS: u64 = 120;

/// How many steps each has.
const STEPS: usize = 120;

/// What has to happen, or the test would prove little.
const EVENTS: [&str; 25] = [
    "commits",
    "lost",
    "forgotten answers",
    "followed",
    "followed over a gap",
    "followed into a squash",
    "restarts",
    "folds",
    "empty folds",
    "late folds",
    "squashes",
    "squashes of squashes",
    "late squashes",
    "merges",
    "whole merges",
    "late merges",
    "sweeps",
    "deleted",
    "tidied",
    "uploads",
    "stale uploads",
    "dropped runs",
    "told",
    "derived",
    "derived in vain",
];

impl World {
    fn step(&mut self) {
        let server = self.rng.random_range(0..self.servers.len());
        self.build_orders();
        match self.rng.random_range(0..100) {
            0..42 => self.commit(server),
            42..54 => self.pass(),
            54..62 => self.prepare_fold(server),
            62..66 => self.prepare_squash(server),
            66..76 => self.prepare_merge(server),
            76..84 => self.follow_some(server),
            84..91 => self.tidy(server),
            91..93 => self.servers[server].prepared.push(Proposal::Sweep),
            93..97 if !self.garbage.is_empty() => {
                let at = self.rng.random_range(0..self.garbage.len());
                let name = self.garbage.swap_remove(at);
                if self.runs.remove(&name).is_some() {
                    self.note("deleted");
                }
            }
            97 => self.servers[server].database.drop_orders(),
            98 => self.restart(server),
            _ => {}
        }
    }
}

/// Says which schedule it was.
struct Playing(u64);

impl Drop for Playing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("while playing seed {}", self.0);
        }
    }
}

/// Where a database keeps what the first group that it has left pending.
fn pending(database: &Database) -> Option<Made> {
    let keys = database.rows(Table::Keys(database.root.header.databases[0].id));
    let groups = keys.values().flat_map(Row::collections).flat_map(|id| database.rows(Table::Elements(id)));
    groups.flat_map(|(_, row)| row.collections().collect::<Vec<_>>()).next()
}

#[test]
fn a_server_forgets_the_groups_of_deleted_streams() {
    let mut database = Database::unborn(Id::default(), world::SALT);
    let mut first = None;
    for _ in 0..8 {
        for act in [Act::Element(Element::Group("g".into(), true), false), Act::Delete] {
            let mut draft = Draft::new(&database, None, 1);
            for nth in 0..300 {
                act::perform(&mut draft, &Deed::On(0, nth.to_string().into(), act.clone()));
            }
            let finished = draft.finish(Id::default());
            database.apply(&finished);
            first = first.or_else(|| pending(&database));
        }
    }
    assert!(!database.tallies().names(first.expect("there was a group")));
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn every_version_means_what_plain_maps_say() {
    let first = number("VALTHREE_SEED").unwrap_or(0);
    let seeds = number("VALTHREE_SEEDS").unwrap_or(SEEDS);
    let mut happened = BTreeMap::new();
    for seed in first..first + seeds {
        let _playing = Playing(seed);
        let mut world = World::new(seed);
        (0..STEPS).for_each(|_| world.step());
        world.happened.iter().for_each(|(what, times)| *happened.entry(*what).or_insert(0) += times);
    }
    if seeds >= SEEDS {
        for event in EVENTS {
            let times = happened.get(event).copied().unwrap_or(0);
            assert!(times >= seeds / 10, "{event} happened {times} times: {happened:?}");
        }
    }
}
