//! From a draft to the bytes of a version: where its entries are kept.
//!
//! A version keeps an entry in `recent` unless its runs say the same. That is all there is to adding a run, or to putting
//! one in the place of several: for each key that a new run has, what the draft says of it is compared with what the run
//! says. So no key's value ever depends on where it is kept. In particular a run may have been made of a version long
//! past: what was set since, or was deleted since without leaving a trace because no run had it, is written over it.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::changes::{Added, Merged};
use super::draft::Draft;
use crate::root::{self, Entries, Header, Id, Places, Run};
use crate::zoo::planted;

/// What a draft changes, detached from the version that it was computed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Everything before was deleted.
    pub(super) flushed: bool,
    /// What `recent` says of these keys now: a value, a deletion, or nothing.
    pub(super) places: Places,
    /// The runs that follow the others.
    pub(super) added: Vec<Added>,
    /// The runs that take the place of others.
    pub(super) merged: Vec<Merged>,
    /// All runs that are named now.
    pub(super) runs: Vec<Run>,
    pub(super) keys: u64,
    pub(super) size: u64,
}

impl Changes {
    /// The runs that the new version names.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// How many keys the new version has, and how large they are together.
    pub fn counted(&self) -> (u64, u64) {
        (self.keys, self.size)
    }

    /// Whether it names one behind the others that the old version did not.
    pub fn has_added(&self) -> bool {
        !self.added.is_empty()
    }
}

/// A draft that is ready to be stored.
pub struct Finished {
    /// Its header.
    pub header: Header,
    /// What it changes.
    pub changes: Changes,
    /// Its bytes.
    pub bytes: Bytes,
}

impl Draft<'_> {
    /// The generation that this will be.
    pub fn generation(&self) -> u64 {
        // A commit every nanosecond would take five centuries to get there.
        self.database.root.header.generation.checked_add(1).expect("generations do not run out")
    }

    fn base(&self) -> u64 {
        // What follows the flush in the same batch lies after `base`.
        if self.flushed { self.database.root.header.generation } else { self.database.root.header.base }
    }

    /// The generation up to which the runs have everything.
    pub fn covered(&self) -> u64 {
        root::covered(&self.runs, self.base())
    }

    /// Adds a run behind the others, if it still fits there: another may have been added since it was made, or all may
    /// have been deleted, or runs with such names may be swept.
    pub fn add(&mut self, added: &Added) -> bool {
        let run = &added.run;
        let fits = run.from == self.covered() && run.from < run.to && run.to <= self.generation();
        let fits = fits && self.may_name(run);
        if fits {
            self.made += 1;
            self.runs.push(*run);
            self.added.push(added.clone());
        }
        fits
    }

    /// Puts a run in the place of those that it was merged from, if they are still there and it may still be named.
    pub fn merge(&mut self, merged: &Merged) -> bool {
        if !self.may_name(&merged.run) {
            return false;
        }
        let Some(range) = merged.fits(&self.runs) else { return false };
        self.made += 1;
        self.runs.splice(range, [merged.run]);
        self.merged.push(merged.clone());
        true
    }

    /// Whether nobody can have deleted this run, or be about to.
    fn may_name(&self, run: &Run) -> bool {
        run.name.generation >= self.swept || planted!("swept-run-added")
    }

    /// Raises `swept` to the generation of this draft: runs uploaded below it may be deleted once it has landed, unless
    /// it names them.
    pub fn sweep(&mut self) {
        self.made += 1;
        self.swept = self.generation();
    }

    /// The draft as bytes, signed by `server`, and the changes to apply once these bytes have been stored.
    pub fn finish(mut self, server: Id) -> Finished {
        let mut header = self.database.root.header.clone();
        header.generation = self.generation();
        header.sign(server);
        header.base = self.base();
        header.swept = self.swept;
        let changed = std::mem::take(&mut self.entries);
        let places = self.places(changed);
        let bytes = root::encode(&header, self.keys, &self.runs, self.recent(&places));
        let Draft { flushed, added, merged, runs, keys, size, .. } = self;
        Finished { header, changes: Changes { flushed, places, added, merged, runs, keys, size }, bytes }
    }

    /// What `recent` says of the keys that were `changed` or that a new run has.
    fn places(&self, changed: BTreeMap<Bytes, Option<Bytes>>) -> Places {
        let mut of_runs = Places::new();
        for (nth, added) in self.added.iter().enumerate() {
            let is_newest = nth + 1 == self.added.len();
            of_runs.extend(added.layer.iter().filter(|(key, _)| !changed.contains_key(key)).map(|(key, entry)| {
                // Most entries are still what they were when the run was made: then nothing else needs to be looked up.
                let same = is_newest && self.find(&key) == entry.as_deref();
                let place = if same { None } else { self.place(&key, self.get(&key)) };
                (key, place)
            }));
        }
        let place = |(key, value): (Bytes, Option<Bytes>)| {
            let place = self.place(&key, value);
            (key, place)
        };
        let mut places: Places = changed.into_iter().map(place).chain(of_runs).collect();
        // Each part is in order already, which makes it easy. A key of two runs has the same place for both.
        places.sort_by(|(one, _), (other, _)| one.cmp(other));
        places.dedup_by(|(one, _), (other, _)| one == other);
        places
    }

    /// What `recent` has to say of a key that has this value.
    fn place(&self, key: &[u8], value: Option<Bytes>) -> Option<Option<Bytes>> {
        if self.added.is_empty() && value.is_some() {
            return Some(value);
        }
        let hash = self.database.runs.salt().hash(key);
        let added = self.added.iter().rev().find_map(|added| added.layer.get(hash, key));
        match (added, value) {
            (Some(entry), value) if entry == value => None,
            (Some(_), Some(_)) if planted!("fold-drops-newer") => None,
            (Some(_), None) if planted!("fold-undoes-deletion") => None,
            (_, Some(value)) => Some(Some(value)),
            // A deletion is noted only where it hides something.
            (Some(_), None) => Some(None),
            (None, None) if self.flushed => None,
            (None, None) => self.database.runs.get(key).map(|_| None),
        }
    }

    /// The newest entries of the new version in ascending order: the old ones, with the changes laid over them.
    fn recent<'a>(&'a self, places: &'a Places) -> impl Iterator<Item = (&'a Bytes, Option<&'a Bytes>)> {
        let old = if self.flushed { Entries::EMPTY } else { &self.database.root.recent };
        let (mut old, mut new) = (old.iter().peekable(), places.iter().peekable());
        std::iter::from_fn(move || {
            loop {
                let old_value = |(key, value): (&'a Bytes, &'a Option<Bytes>)| (key, value.as_ref());
                let Some((key, _)) = new.peek() else { return old.next().map(old_value) };
                if let Some(before) = old.next_if(|(other, _)| *other < key) {
                    return Some(old_value(before));
                }
                old.next_if(|(other, _)| *other == key);
                if let Some((key, Some(value))) = new.next() {
                    return Some((key, value.as_ref()));
                }
            }
        })
    }
}
