//! Servers over one stored history, and clients that watch.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use valthree::id::Id;
use valthree::root::{Root, Run};
use valthree::row::{Head, Row, Shape};
use valthree::run::{Building, Layer, Merger, Name, Salt, Work as _};
use valthree::state::{Added, Database, Draft, Folded, Laying, Merged, Proposal, Runs, Stale, Stretch, Watched};

use super::plain::{Held, KEYS, Moment, NUMBERS, Plain};

const SALT: Salt = Salt(5);
const SERVERS: usize = 3;

/// A stored version.
struct Version {
    bytes: Bytes,
    /// What the plain history has at its end.
    plain: Plain,
}

struct Server {
    id: Id,
    database: Database,
    prepared: Vec<Proposal>,
}

/// A note that a client holds, and what is true of it.
#[derive(Clone, Debug)]
struct Note {
    watched: Watched,
    key: &'static str,
    /// The version that the client has seen when it gets the answer. No server takes it back behind that.
    seen: u64,
    /// Whatever happens from this moment on must be noticed.
    since: Moment,
    /// What happens from this moment on may be noticed.
    base: Moment,
    /// When the key changes by itself.
    end: Option<u64>,
}

pub struct World {
    rng: StdRng,
    versions: Vec<Version>,
    runs: BTreeMap<Name, Arc<Layer>>,
    servers: Vec<Server>,
    notes: Vec<Note>,
    /// Up to which generation the version below the present batch has no entries of their own, because of a squash.
    squashed: u64,
    clock: u64,
    pub happened: BTreeMap<&'static str, u64>,
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut rng = StdRng::seed_from_u64(seed);
        let unborn = Database::unborn(Id::random(&mut rng), SALT);
        let versions = vec![Version { bytes: unborn.root.encode(), plain: Plain::new() }];
        let server = |_| Server { id: Id::random(&mut rng), database: unborn.clone(), prepared: Vec::new() };
        let servers = (0..SERVERS).map(server).collect();
        let (runs, notes, happened) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        World { rng, versions, runs, servers, notes, squashed: 0, clock: 1_000_000, happened }
    }

    fn count(&mut self, what: &'static str) {
        *self.happened.entry(what).or_default() += 1;
    }

    fn newest(&self) -> u64 {
        self.versions.len() as u64 - 1
    }

    pub fn step(&mut self) {
        let server = self.rng.random_range(0..SERVERS);
        self.clock += self.rng.random_range(0..3);
        match self.rng.random_range(0..100) {
            0..45 => self.commit(server),
            45..60 => self.watch_stored(server),
            60..70 => self.ask_stored(server),
            70..80 => {
                let known = self.servers[server].database.root.header.generation;
                let at = self.rng.random_range(known..=self.newest());
                self.follow(server, at);
            }
            80..83 => self.restart(server),
            83..88 => self.prepare_fold(server),
            88..93 => self.prepare_squash(server),
            93..98 => self.prepare_merge(server),
            _ => self.clock += 20,
        }
    }

    // Versions.

    fn fetch(&self, at: u64, known: Option<&Database>) -> (Root, Runs) {
        let entries = known.map_or(&[][..], |known| &known.root.recent);
        let root = Root::decode(&self.versions[at as usize].bytes, entries).expect("it can be read");
        let (mut runs, missing) = known.map_or(Runs::none(0, SALT), |known| known.runs.clone()).missing(&root);
        for run in missing {
            let layer = Arc::clone(&self.runs[&run.name]);
            runs = Laying::new(runs, Stretch { from: run.from, to: run.to, layer, now: 0 }).finish();
        }
        (root, runs)
    }

    fn follow(&mut self, server: usize, at: u64) {
        let known = self.servers[server].database.root.header.generation;
        if known >= at {
            return;
        }
        let (root, runs) = self.fetch(at, Some(&self.servers[server].database));
        if known > 0 && root.covered() > known {
            self.count("followed over a gap");
        }
        if root.recent.iter().any(|entry| entry.parts().from <= known && known < entry.generation()) {
            self.count("followed into a squash");
        }
        self.servers[server].database.follow(root, runs).expect("it does not contradict itself");
    }

    fn restart(&mut self, server: usize) {
        if self.newest() > 0 {
            self.count("restarts");
            let (root, runs) = self.fetch(self.newest(), None);
            self.servers[server].database = Database::new(root, runs).expect("it does not contradict itself");
            self.servers[server].prepared.clear();
        }
    }

    fn added(&mut self, from: u64, to: u64, layer: Layer) -> Added {
        let (name, layer) = (Name { generation: to, id: Id::random(&mut self.rng) }, Arc::new(layer));
        self.runs.insert(name, Arc::clone(&layer));
        Added { run: Run { name, from, to, rows: layer.count().rows, bytes: 1 }, layer }
    }

    fn prepare_fold(&mut self, server: usize) {
        let database = &self.servers[server].database;
        let (from, to) = (database.root.covered(), database.root.header.generation);
        if from == to {
            return;
        }
        let (rows, says): (Vec<_>, Vec<_>) = database.newest().into_iter().unzip();
        let below = database.runs.below(says);
        let mut building = Building::new(SALT, 0, rows.len());
        rows.iter().for_each(|(table, name, row)| building.push(*table, name, row.as_ref()));
        let added = (!rows.is_empty()).then(|| self.added(from, to, building.done()));
        self.servers[server].prepared.push(Proposal::Fold(Folded { from, to, added, below }));
    }

    fn prepare_squash(&mut self, server: usize) {
        let database = &self.servers[server].database;
        if database.root.recent.len() > 1 {
            let entry = database.squash(database.newest()).entry();
            self.servers[server].prepared.push(Proposal::Squash(entry));
        }
    }

    fn prepare_merge(&mut self, server: usize) {
        let database = &self.servers[server].database;
        let replaced = database.root.runs.clone();
        let [first, .., last] = &replaced[..] else { return };
        let (from, to) = (first.from, last.to);
        let layers = database.runs.stretch(from, to).expect("a layer begins and ends where a run does");
        let layers = layers.iter().map(|stretch| Arc::clone(&stretch.layer)).collect();
        let whole = from == database.root.header.base;
        let merger = Merger::new(layers, whole, database.reach(), SALT);
        let (now, layer) = (merger.now(), merger.finish());
        let Added { run, layer } = self.added(from, to, layer);
        self.servers[server].prepared.push(Proposal::Merge(Merged { replaced, run, layer, now }));
    }

    // Clients.

    /// A client watches a key in the version that a server has. It may be an old one.
    fn watch_stored(&mut self, server: usize) {
        let (number, key) = (self.rng.random_range(0..NUMBERS), KEYS[self.rng.random_range(0..KEYS.len())]);
        let database = self.servers[server].database.clone();
        let generation = database.root.header.generation;
        let plain = &self.versions[generation as usize].plain;
        let mut draft = Draft::stored(&database, None, self.clock);
        draft.select(number);
        let watched = draft.watch(&Bytes::from(key));
        draft.move_time();
        // What it looks at depends on a time that is not stored yet: the unit would wait for a commit.
        if draft.made() > 0 {
            return;
        }
        let (since, end) = (plain.moment, plain.first_end(number, key));
        self.notes.push(Note { watched, key, seen: generation, since, base: since, end });
        if generation < self.newest() {
            self.count("watched an old version");
        }
    }

    /// A transaction that only reads, on the version that a server has.
    fn ask_stored(&mut self, server: usize) {
        let Some(notes) = self.some_notes() else { return };
        let database = self.servers[server].database.clone();
        let plain = self.versions[database.root.header.generation as usize].plain.clone();
        if notes.iter().any(|note| note.seen > database.root.header.generation) {
            return;
        }
        self.count("asked a stored version");
        let draft = Draft::stored(&database, None, self.clock);
        self.judge(&draft, &notes, &plain);
    }

    fn some_notes(&mut self) -> Option<Vec<Note>> {
        let count = self.rng.random_range(1..3);
        // Old notes are as good as any, but most clients do not wait for long.
        let recent = &self.notes[self.notes.len().saturating_sub(12)..];
        let from = if self.rng.random_ratio(1, 4) { &self.notes[..] } else { recent };
        let notes: Vec<Note> = from.sample(&mut self.rng, count).cloned().collect();
        (!notes.is_empty()).then_some(notes)
    }

    /// Compares the verdict of the server with the plain history. Returns whether the transaction may go on.
    fn judge(&mut self, draft: &Draft<'_>, notes: &[Note], plain: &Plain) -> bool {
        let mut goes_on = true;
        for note in notes {
            let (number, key) = (note.watched.database, note.key);
            let has_ended = note.end.is_some_and(|end| end <= plain.now);
            let has_changed = plain.is_touched(number, key, note.since) || has_ended;
            let why = draft.stale(&note.watched);
            assert!(!has_changed || why.is_some(), "{note:?} goes on over a change");
            let may = match why {
                None => true,
                Some(Stale::Touched) => plain.is_touched(number, key, note.base),
                Some(Stale::Ended) => has_ended,
                Some(Stale::Remapped) => plain.is_remapped(number, note.base),
                Some(Stale::Forgotten) => !draft.remembers(note.watched.generation),
            };
            assert!(may, "{note:?} is refused without a cause: {why:?}");
            self.count(match why {
                None => "went on",
                Some(Stale::Touched) => "touched",
                Some(Stale::Ended) => "ended",
                Some(Stale::Remapped) => "remapped",
                Some(Stale::Forgotten) => "forgotten",
            });
            goes_on &= why.is_none();
        }
        goes_on
    }

    // Batches.

    fn commit(&mut self, server: usize) {
        let is_lost = self.rng.random_ratio(1, 5);
        if !is_lost {
            self.follow(server, self.newest());
        }
        let database = self.servers[server].database.clone();
        let oldest = database.root.recent.first().filter(|entry| entry.is_joint());
        self.squashed = oldest.map_or(0, |entry| entry.generation());
        let mut draft = Draft::new(&database, None, self.clock);
        let mut plain = self.versions[database.root.header.generation as usize].plain.clone();
        let begin = plain.moment;
        plain.now = draft.now();
        let mut notes = Vec::new();
        for _ in 0..self.rng.random_range(1..6) {
            plain.moment += 1;
            self.unit(&mut draft, &mut plain, begin, &mut notes);
        }
        plain.moment += 1;
        for proposal in std::mem::take(&mut self.servers[server].prepared) {
            if draft.adopt(&proposal) {
                self.count(match proposal {
                    Proposal::Merge(_) => "merges",
                    Proposal::Squash(_) => "squashes",
                    Proposal::Fold(_) | Proposal::Sweep => "folds",
                });
            }
        }
        draft.move_time();
        if draft.made() == 0 || is_lost {
            self.count("lost batches");
            return;
        }
        let finished = draft.finish(self.servers[server].id);
        self.servers[server].database.apply(&finished);
        self.versions.push(Version { bytes: finished.bytes, plain });
        self.notes.extend(notes);
    }

    fn unit(&mut self, draft: &mut Draft<'_>, plain: &mut Plain, begin: Moment, notes: &mut Vec<Note>) {
        let (number, key) = (self.rng.random_range(0..NUMBERS), KEYS[self.rng.random_range(0..KEYS.len())]);
        draft.select(number);
        match self.rng.random_range(0..100) {
            0..30 => self.set(draft, plain, number, key),
            30..45 => delete(draft, plain, number, key),
            45..50 => {
                self.count("came and went");
                self.set(draft, plain, number, key);
                delete(draft, plain, number, key);
            }
            50..53 => {
                let other = (number + 1) % NUMBERS;
                draft.swap(number, other);
                plain.swap(number, other);
            }
            53..55 => {
                draft.flush(number);
                plain.flush(number);
            }
            55 => (0..NUMBERS).for_each(|number| {
                draft.flush(number);
                plain.flush(number);
            }),
            // A WATCH that waits for a commit which moves the time.
            56..66 => {
                let watched = draft.watch(&Bytes::from(key));
                let end = plain.first_end(number, key);
                notes.push(Note { watched, key, seen: draft.generation(), since: plain.moment, base: begin, end });
                self.count("watched in a batch");
            }
            _ => self.transaction(draft, plain, number, key),
        }
    }

    fn transaction(&mut self, draft: &mut Draft<'_>, plain: &mut Plain, number: usize, key: &'static str) {
        let Some(notes) = self.some_notes() else { return };
        if notes.iter().any(|note| note.seen >= draft.generation()) {
            return;
        }
        let goes_on = self.judge(draft, &notes, plain);
        let begin = self.versions[draft.generation() as usize - 1].plain.moment;
        if notes.iter().any(|note| plain.is_touched(note.watched.database, note.key, begin + 1)) {
            self.count("refused by its own batch");
        }
        let covered = draft.covered();
        if goes_on && notes.iter().any(|note| note.watched.generation < covered) {
            self.count("went on over a fold");
        }
        if goes_on && notes.iter().any(|note| note.watched.generation < self.squashed) {
            self.count("went on over a squash");
        }
        if goes_on {
            self.set(draft, plain, number, key);
        }
    }

    /// Often sets what was there before.
    fn set(&mut self, draft: &mut Draft<'_>, plain: &mut Plain, number: usize, key: &'static str) {
        draft.select(number);
        let mut end =
            |one_in: u32| self.rng.random_ratio(1, one_in).then(|| self.rng.random_range(1..20) + draft.now());
        let (until, field_end) = (end(3), end(4));
        let row = match (field_end, until) {
            (Some(last), until) => {
                let collection = draft.new_id();
                draft.set_element(collection, "field".into(), Some(Row::Expiring("x".into(), last)));
                draft.set_element(collection, "other".into(), Some(Row::Value("y".into())));
                Head { collection, until, size: 0, shape: Shape::Hash { fields: 1, last } }.into()
            }
            (None, Some(until)) => Row::Expiring("value".into(), until),
            (None, None) => Row::Value("value".into()),
        };
        draft.put(key.into(), row);
        plain.set(number, key, Held { end: until, field_end });
    }
}

fn delete(draft: &mut Draft<'_>, plain: &mut Plain, number: usize, key: &'static str) {
    draft.select(number);
    draft.delete(&key.into());
    plain.delete(number, key);
}
