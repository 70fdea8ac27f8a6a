//! Commits, with what they adopt; and what is prepared for them.

use std::sync::Arc;

use bytes::Bytes;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use valthree::root::{OfferAnswer, OfferAnswers, Run, Said, SaidKind};
use valthree::row::{Row, Table};
use valthree::run::{Building, Layer, Merger, Name, Work as _};
use valthree::state::{Added, Database, Draft, Finished, Folded, Merged, Proposal, Stretch};

use super::act;
use super::deed::{Act, Deed};
use super::model::Meaning;
use super::world::{SALT, Stored, World};

type Rows = Vec<(Table, Bytes, Option<Row>)>;

fn layer(rows: &Rows) -> Arc<Layer> {
    let mut building = Building::new(SALT, 0, 0);
    rows.iter().for_each(|(table, name, row)| building.push(*table, name, row.as_ref()));
    Arc::new(building.done())
}

fn run(name: Name, from: u64, to: u64, layer: &Layer) -> Run {
    Run { name, from, to, rows: layer.count().rows, bytes: layer.packed_len() + 100 }
}

/// Executes a batch. Says what the database means then.
fn execute(draft: &mut Draft<'_>, batch: &[Deed], before: &Meaning) -> Meaning {
    let mut meaning = before.at(draft.now());
    for deed in batch {
        let told = act::perform(draft, deed);
        match deed {
            Deed::On(number, key, Act::Look) => {
                assert_eq!(told, format!("{:?}", meaning.numbers[*number].get(key)), "{deed:?} in {batch:?}");
            }
            deed => assert_eq!(told, meaning.step(deed), "{deed:?} in {batch:?}"),
        }
    }
    draft.move_time();
    meaning
}

/// The rows that a batch changes.
fn effects(database: &Database, batch: &[Deed], before: &Meaning, estimate: u64) -> Rows {
    let mut draft = Draft::new(database, None, estimate);
    execute(&mut draft, batch, before);
    let finished = draft.finish(valthree::id::Id::default());
    finished.root.recent.last().map(|entry| entry.parts().rows.clone()).unwrap_or_default()
}

impl World {
    fn meaning(&self, server: usize) -> Meaning {
        self.versions[self.servers[server].database.root.header.generation as usize].meaning.clone()
    }

    /// Uploads some of the rows of a batch before it is committed.
    fn upload(&mut self, database: &Database, mut rows: Rows) -> Added {
        if self.chance(30) {
            rows.retain(|_| self.rng.random_ratio(1, 2));
        }
        let layer = layer(&rows);
        let name = self.store(database.root.header.generation, &layer);
        Added { run: run(name, 0, 0, &layer), layer }
    }

    /// A SET whose value is stored before anything is executed.
    fn large_set(&mut self, database: &Database) -> (Deed, Rows) {
        let mut drawing = self.drawing();
        let (number, key, value) = (drawing.number(), drawing.key(), drawing.value());
        let table = Table::Keys(database.root.header.databases[number].id);
        let rows = vec![(table, key.clone(), Some(Row::Value(value.clone())))];
        (Deed::On(number, key, Act::Set(value, None)), rows)
    }

    /// A commit of a batch, and of all that this server has prepared. Perhaps another server is faster, and the batch is
    /// executed again.
    pub fn commit(&mut self, server: usize) {
        let mut batch = self.drawing().batch();
        let mut uploaded = None;
        let stale = self.servers[server].database.clone();
        if self.chance(15) && stale.root.header.generation > 0 {
            let (set, rows) = self.large_set(&stale);
            batch.insert(0, set);
            uploaded = Some(self.upload(&stale, rows));
        }
        if self.chance(30) {
            self.note("lost");
            let (meaning, estimate) = (self.meaning(server), self.estimate(server));
            let rows = effects(&stale, &batch, &meaning, estimate);
            // A committer does not use it again. If it did, no row of it would count.
            if uploaded.is_none() && stale.root.header.generation > 0 && self.chance(50) {
                self.note("stale uploads");
                uploaded = Some(self.upload(&stale, rows));
            }
            self.check(server);
        }
        self.follow(server, self.newest());
        let (meaning, estimate) = (self.meaning(server), self.estimate(server));
        let database = self.servers[server].database.clone();
        if uploaded.is_none() && self.chance(15) && database.root.header.generation > 0 {
            let rows = effects(&database, &batch, &meaning, estimate);
            uploaded = Some(self.upload(&database, rows));
        }
        let mut draft = Draft::new(&database, None, estimate);
        let after = execute(&mut draft, &batch, &meaning);
        if draft.made() > 0 && uploaded.is_some_and(|uploaded| draft.attach(&uploaded)) {
            self.note("uploads");
        }
        let mut sweeps = false;
        for proposal in std::mem::take(&mut self.servers[server].prepared) {
            let adopted = draft.adopt(&proposal);
            if matches!(proposal, Proposal::Squash(_)) && self.chance(30) {
                self.servers[server].prepared.push(proposal.clone()); // it comes twice
            }
            sweeps |= matches!(proposal, Proposal::Sweep);
            self.note(match (proposal, adopted) {
                (Proposal::Fold(Folded { added: None, .. }), true) => "empty folds",
                (Proposal::Fold(_), true) => "folds",
                (Proposal::Fold(_), false) => "late folds",
                (Proposal::Squash(_), true) if database.root.recent[0].is_joint() => "squashes of squashes",
                (Proposal::Squash(_), true) => "squashes",
                (Proposal::Squash(_), false) => "late squashes",
                (Proposal::Merge(merged), true) if merged.run.from == database.root.header.base => "whole merges",
                (Proposal::Merge(_), true) => "merges",
                (Proposal::Merge(_), false) => "late merges",
                (Proposal::Sweep, _) => "sweeps",
            });
        }
        if draft.made() == 0 {
            return;
        }
        let mut finished = draft.finish(self.servers[server].id);
        if self.chance(20) {
            self.tell(&mut finished);
        }
        let names = finished.root.names().collect();
        if sweeps {
            let swept = finished.root.header.swept;
            let old = self.runs.keys().filter(|name| name.generation < swept);
            self.garbage.extend(old.filter(|name| !finished.root.names().any(|named| named == **name)));
        }
        self.versions.push(Stored { bytes: finished.bytes.clone(), meaning: after, names });
        self.note("commits");
        if finished.change.has_dropped() {
            self.note("dropped runs");
        }
        if self.chance(15) {
            self.note("forgotten answers");
            self.follow(server, self.newest());
        } else {
            self.servers[server].database.apply(&finished);
            let figures = self.servers[server].database.figures();
            assert_eq!(figures.databases, finished.figures.databases);
            assert!(figures.size <= finished.figures.size, "what ended with this version does not count any more");
            assert_eq!(self.servers[server].database.root, finished.root);
            self.check(server);
        }
        self.compare(server);
    }

    /// Makes a commit one of a later server, which also publishes messages and commits the offers of others.
    fn tell(&mut self, finished: &mut Finished) {
        let root = &mut finished.root;
        let newest = root.recent.pop().expect("each commit has an entry");
        let origin = self.servers[self.rng.random_range(0..self.servers.len())].id;
        let writer = root.header.writers.entry(origin).or_default();
        writer.offers += 1;
        writer.included = newest.generation();
        writer.had = self.rng.random_range(writer.had..writer.offers);
        let answer = OfferAnswer::Here(Bytes::from(newest.generation().to_string()));
        let of = OfferAnswers::from([(origin, [(writer.offers, vec![answer])].into())]);
        let message = Bytes::from(newest.generation().to_string());
        let said = vec![Said { kind: SaidKind::Message, channel: Bytes::from("news"), message }];
        self.told.insert(newest.generation(), (of.clone(), said.clone()));
        root.recent.push(Arc::new(newest.as_ref().clone().telling(of, said)));
        finished.bytes = root.encode();
        self.note("told");
    }

    /// Begins a fold of what this server knows.
    pub fn prepare_fold(&mut self, server: usize) {
        let database = self.servers[server].database.clone();
        let (from, to) = (database.root.covered(), database.root.header.generation);
        if from == to {
            return;
        }
        let (rows, says): (Vec<_>, Vec<_>) = database.newest().into_iter().unzip();
        let below = database.runs.below(says);
        let added = (!rows.is_empty()).then(|| {
            let layer = layer(&rows);
            Added { run: run(self.store(to, &layer), from, to, &layer), layer }
        });
        self.servers[server].prepared.push(Proposal::Fold(Folded { from, to, added, below }));
    }

    /// Begins a squash of what this server knows. Upkeep would leave out entries that name runs, but they may be squashed as well.
    pub fn prepare_squash(&mut self, server: usize) {
        let database = &self.servers[server].database;
        if database.root.recent.len() > 1 {
            let entry = database.squash(database.newest()).entry();
            self.servers[server].prepared.push(Proposal::Squash(entry));
        }
    }

    /// Merges the layers of a range.
    fn merged(database: &Database, from: u64, to: u64) -> Arc<Layer> {
        let layers = database.runs.stretch(from, to).expect("a layer begins and ends where a run does");
        let layers = layers.iter().map(|stretch| Arc::clone(&stretch.layer)).collect();
        let whole = from == database.root.header.base;
        Arc::new(Merger::new(layers, whole, database.reach(), SALT).finish())
    }

    /// Begins a merge of runs that this server knows.
    pub fn prepare_merge(&mut self, server: usize) {
        let database = self.servers[server].database.clone();
        let runs = &database.root.runs;
        if runs.is_empty() {
            return;
        }
        // Above the first run more has to stay.
        let least = usize::from(runs.len() > 1 && (self.is_calm || self.chance(50)));
        let first = self.rng.random_range(least..runs.len());
        let last = self.rng.random_range(first..runs.len());
        let (from, to) = (runs[first].from, runs[last].to);
        let layer = World::merged(&database, from, to);
        let run = run(self.store(database.root.header.generation, &layer), from, to, &layer);
        let replaced = runs[first..=last].to_vec();
        self.servers[server].prepared.push(Proposal::Merge(Merged { replaced, run, layer, now: database.reach().now }));
    }

    /// Makes one layer of those of a run, where a server has several; or puts one in their place that it made before.
    pub fn tidy(&mut self, server: usize) {
        if let Some(stretch) = self.servers[server].tidied.pop() {
            self.servers[server].database.tidy(stretch);
            self.note("tidied");
            return self.check(server);
        }
        let database = &self.servers[server].database;
        let Some(&Run { from, to, .. }) = database.root.runs.choose(&mut self.rng) else { return };
        let (layer, now) = (World::merged(database, from, to), database.reach().now);
        self.servers[server].tidied.push(Stretch { from, to, layer, now });
    }
}
