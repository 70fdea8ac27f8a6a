//! Folding, merging and sweeping change no key's value, whoever does them on whichever version, however late they arrive.
//!
//! Nothing here waits: servers are versions in memory, some of them far behind, and whatever they prepare is tried on a
//! later commit of their own, or never. After each step, what a server has is compared with what a plain map says of that
//! generation, and with what is read from nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use valthree::command::Command;
use valthree::root::{Id, Root, Run, size};
use valthree::run::{Building, Layer, Merger, Name, Salt, Work as _};
use valthree::state::{Added, Database, Draft, Laying, Merged, Runs, Stretch};

const SALT: Salt = Salt(3);
const SERVERS: usize = 3;
const SEEDS: u64 = 250;
const STEPS: usize = 120;

type Entries = BTreeMap<Bytes, Bytes>;

/// Something that was prepared and waits for a commit of its server.
enum Prepared {
    Fold(Added),
    Merge(Merged),
    Sweep,
}

#[derive(Debug, Default)]
struct Tally {
    folds: u64,
    late_folds: u64,
    merges: u64,
    whole_merges: u64,
    late_merges: u64,
    large: u64,
    flushes: u64,
    deleted: u64,
    restarts: u64,
}

struct World {
    rng: StdRng,
    /// Every version, and what it means.
    versions: Vec<(Bytes, Entries)>,
    runs: BTreeMap<Name, Arc<Layer>>,
    servers: Vec<Database>,
    prepared: Vec<Vec<Prepared>>,
    /// What may be deleted at any time from now on.
    garbage: Vec<Name>,
    values: u64,
}

fn layer(entries: impl IntoIterator<Item = (Bytes, Option<Bytes>)>) -> Arc<Layer> {
    let mut building = Building::new(SALT, 0, 0);
    entries.into_iter().for_each(|(key, value)| building.push(&key, value.as_deref()));
    Arc::new(building.done())
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = StdRng::seed_from_u64(seed);
        let unborn = Database::unborn(Id::random(&mut rng), SALT);
        World {
            rng,
            versions: vec![(unborn.root.encode(), Entries::new())],
            runs: BTreeMap::new(),
            servers: vec![unborn; SERVERS],
            prepared: (0..SERVERS).map(|_| Vec::new()).collect(),
            garbage: Vec::new(),
            values: 0,
        }
    }

    fn newest(&self) -> u64 {
        self.versions.len() as u64 - 1
    }

    /// Stores a run under a name of a server's generation.
    fn store(&mut self, generation: u64, layer: &Arc<Layer>) -> Name {
        let name = Name { generation, id: Id::random(&mut self.rng) };
        self.runs.insert(name, Arc::clone(layer));
        name
    }

    fn run(name: Name, from: u64, to: u64, layer: &Layer) -> Run {
        Run { name, from, to, entries: layer.count().entries, bytes: layer.packed().len() as u64 }
    }

    /// The newest version, over what is known.
    fn read(&self, known: &Runs) -> Database {
        let root = Root::decode(&self.versions[self.newest() as usize].0).expect("it can be read");
        let (mut runs, missing) = known.missing(&root);
        for run in missing {
            let layer = self.runs.get(&run.name).expect("a run that the newest version names is there");
            runs = Laying::new(runs, Stretch { from: run.from, to: run.to, layer: Arc::clone(layer) }).finish();
        }
        Database::new(root, runs).expect("it does not contradict itself")
    }

    fn wake(&mut self, server: usize, tally: &mut Tally) {
        if self.servers[server].root.header.generation == self.newest() || self.newest() == 0 {
            return;
        }
        let known = self.servers[server].runs.clone();
        let read = self.read(&known);
        tally.restarts += u64::from(!known.layers().is_empty() && known.missing(&read.root).0.layers().is_empty());
        self.servers[server] = read;
        self.check(server);
    }

    fn check(&self, server: usize) {
        let database = &self.servers[server];
        let (bytes, expected) = &self.versions[database.root.header.generation as usize];
        let entries: Entries = database.entries().into_iter().collect();
        assert_eq!(&entries, expected);
        assert_eq!(database.root.encode(), *bytes, "what is known is what was stored");
        assert_eq!(database.root.keys, expected.len() as u64);
        assert_eq!(database.size(), expected.iter().map(|(key, value)| size(key, value)).sum::<u64>());
        for key in (0..8).map(|key| Bytes::from(key.to_string())) {
            assert_eq!(database.get(&key), expected.get(&key).cloned());
        }
        // A deletion hides something, or would grow without end.
        for (key, _) in database.root.recent.iter().filter(|(_, value)| value.is_none()) {
            assert!(database.runs.get(key).is_some(), "{key:?} hides nothing");
        }
    }

    fn command(&mut self, tally: &mut Tally) -> Command {
        let key = |rng: &mut StdRng| Bytes::from(rng.random_range(0..8).to_string());
        self.values += 1;
        let value = Bytes::from(self.values.to_string());
        match self.rng.random_range(0..100) {
            0..55 => Command::Set { key: key(&mut self.rng), value, condition: None, get: false },
            55..65 => {
                Command::MultiSet { pairs: vec![(key(&mut self.rng), value.clone()), (key(&mut self.rng), value)] }
            }
            65..98 => Command::Delete { keys: vec![key(&mut self.rng), key(&mut self.rng)] },
            _ => {
                tally.flushes += 1;
                Command::Flush
            }
        }
    }

    /// A commit of a batch, perhaps with a large value, and of all that this server has prepared.
    fn commit(&mut self, server: usize, tally: &mut Tally) {
        self.wake(server, tally);
        let batch: Vec<Command> = (0..self.rng.random_range(0..4)).map(|_| self.command(tally)).collect();
        let large = self.rng.random_bool(0.1).then(|| {
            self.values += 1;
            let (key, value) =
                (Bytes::from(self.rng.random_range(0..8).to_string()), Bytes::from(self.values.to_string()));
            (key, value)
        });
        let generation = self.servers[server].root.header.generation;
        let large_run = large.clone().filter(|_| generation > 0).map(|(key, value)| {
            let layer = layer([(key, Some(value))]);
            (self.store(generation, &layer), layer)
        });
        let mut prepared = std::mem::take(&mut self.prepared[server]);
        let database = self.servers[server].clone();
        let mut draft = Draft::new(&database, None);
        let mut expected = self.versions[generation as usize].1.clone();
        let set = large.map(|(key, value)| Command::Set { key, value, condition: None, get: false });
        // The large value may come before others of its key.
        for command in set.iter().chain(&batch) {
            draft.execute(command);
            match command {
                Command::Set { key, value, .. } => drop(expected.insert(key.clone(), value.clone())),
                Command::MultiSet { pairs } => expected.extend(pairs.iter().cloned()),
                Command::Delete { keys } => keys.iter().for_each(|key| drop(expected.remove(key))),
                Command::Flush => expected.clear(),
                other => panic!("{other:?} is not drawn"),
            }
        }
        if let Some((name, layer)) = large_run {
            let run = World::run(name, draft.covered(), draft.generation(), &layer);
            tally.large += u64::from(draft.add(&Added { run, layer, counted: None }));
        }
        let mut sweeps = false;
        for prepared in prepared.drain(..) {
            match prepared {
                Prepared::Fold(added) => match draft.add(&added) {
                    true => tally.folds += 1,
                    false => tally.late_folds += 1,
                },
                Prepared::Merge(merged) => match draft.merge(&merged) {
                    true => {
                        tally.merges += 1;
                        tally.whole_merges += u64::from(merged.run.from == database.root.header.base);
                    }
                    false => tally.late_merges += 1,
                },
                Prepared::Sweep => {
                    draft.sweep();
                    sweeps = true;
                }
            }
        }
        let lost = self.rng.random_bool(0.1);
        if draft.made() == 0 || lost {
            return;
        }
        let finished = draft.finish(Id::random(&mut self.rng));
        self.versions.push((finished.bytes, expected));
        let named: Vec<Name> = finished.changes.runs().iter().map(|run| run.name).collect();
        if sweeps {
            let swept = finished.header.generation;
            self.garbage.extend(self.runs.keys().filter(|name| name.generation < swept && !named.contains(name)));
        }
        self.servers[server].apply(finished.header, finished.changes);
        self.check(server);
        assert_eq!(self.read(&Runs::none(u64::MAX, SALT)).entries(), self.servers[server].entries());
    }

    fn prepare_fold(&mut self, server: usize) {
        let database = self.servers[server].clone();
        let root = &database.root;
        let (from, to) = (root.covered(), root.header.generation);
        if from < to {
            let layer = layer(root.recent.iter().map(|(key, value)| (key.clone(), value.clone())));
            let run = World::run(self.store(to, &layer), from, to, &layer);
            let counted = Some((root.keys, database.size()));
            self.prepared[server].push(Prepared::Fold(Added { run, layer, counted }));
        }
    }

    fn prepare_merge(&mut self, server: usize) {
        let database = self.servers[server].clone();
        let runs = &database.root.runs;
        if runs.len() < 2 {
            return;
        }
        let first = self.rng.random_range(0..runs.len() - 1);
        let last = self.rng.random_range(first + 1..runs.len());
        let (from, to) = (runs[first].from, runs[last].to);
        let layers = database.runs.stretch(from, to).expect("a layer begins and ends where a run does");
        let layers = layers.iter().map(|stretch| Arc::clone(&stretch.layer)).collect();
        let layer = Arc::new(Merger::new(layers, from == database.root.header.base, SALT).finish());
        let run = World::run(self.store(database.root.header.generation, &layer), from, to, &layer);
        let replaced = runs[first..=last].iter().map(|run| run.name).collect();
        self.prepared[server].push(Prepared::Merge(Merged { replaced, run, layer }));
    }

    /// Makes one layer of those of a run, where a server has several.
    fn tidy(&mut self, server: usize) {
        let database = &mut self.servers[server];
        let Some(&Run { from, to, .. }) = database.root.runs.choose(&mut self.rng) else { return };
        let layers = database.runs.stretch(from, to).expect("a layer begins and ends where a run does");
        let layers = layers.iter().map(|stretch| Arc::clone(&stretch.layer)).collect();
        let layer = Arc::new(Merger::new(layers, from == database.root.header.base, SALT).finish());
        database.runs.replace(Stretch { from, to, layer });
        self.check(server);
    }

    fn step(&mut self, tally: &mut Tally) {
        let server = self.rng.random_range(0..SERVERS);
        match self.rng.random_range(0..100) {
            0..45 => self.commit(server, tally),
            45..60 => self.prepare_fold(server),
            60..75 => self.prepare_merge(server),
            75..80 => self.wake(server, tally),
            80..88 => self.tidy(server),
            88..93 => self.prepared[server].push(Prepared::Sweep),
            93..97 => {
                let some = self.garbage.iter().copied().enumerate().choose(&mut self.rng);
                if let Some((at, name)) = some {
                    self.garbage.swap_remove(at);
                    tally.deleted += u64::from(self.runs.remove(&name).is_some());
                }
            }
            // It begins a new life.
            _ if self.newest() > 0 => {
                self.prepared[server].clear();
                self.servers[server] = self.read(&Runs::none(u64::MAX, SALT));
            }
            _ => {}
        }
    }
}

/// Says which seed it was.
struct Playing(u64);

impl Drop for Playing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("while playing seed {}", self.0);
        }
    }
}

#[test]
fn no_schedule_of_folds_merges_and_sweeps_changes_a_value() {
    let mut tally = Tally::default();
    for seed in 0..SEEDS {
        let _playing = Playing(seed);
        let mut world = World::new(seed);
        (0..STEPS).for_each(|_| world.step(&mut tally));
    }
    let Tally { folds, late_folds, merges, whole_merges, late_merges, large, flushes, deleted, restarts } = tally;
    let all = [folds, late_folds, merges, whole_merges, late_merges, large, flushes, deleted, restarts];
    assert!(all.iter().all(|times| *times > 20), "something hardly ever happened: {tally:?}");
}
