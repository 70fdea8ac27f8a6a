//! One version of the database, as a value.

use std::sync::Arc;

use super::entry::Entry;
use super::header::Header;
use super::rows::Placed;
use super::runs::{Run, covered};
use super::told::{Kept, OfferAnswer};
use crate::id::Id;
use crate::run::Name;

/// One version of the database.
#[derive(Clone, Debug, PartialEq)]
pub struct Root {
    /// All that does not grow.
    pub header: Header,
    /// Where its older entries are, in their order.
    pub runs: Vec<Run>,
    /// What somebody may still need of them, in the order of their generations.
    pub kept: Vec<Kept>,
    /// Its newest entries, in the order of their generations.
    pub recent: Vec<Arc<Entry>>,
}

impl Root {
    /// The database before its first version: empty, not stored, and to be called `id` if this server creates it.
    pub fn unborn(id: Id) -> Root {
        Root { header: Header::unborn(id), runs: Vec::new(), kept: Vec::new(), recent: Vec::new() }
    }

    /// The generation up to which the runs have all entries: `recent` has those after it.
    pub fn covered(&self) -> u64 {
        covered(&self.runs, self.header.base)
    }

    /// The objects that it names: its runs, the uploads of its entries, and long replies.
    pub fn names(&self) -> impl Iterator<Item = Name> {
        let runs = self.runs.iter().map(|run| run.name);
        let uploads = self.recent.iter().filter_map(|entry| Some(entry.parts().run?.name));
        runs.chain(uploads).chain(self.answers())
    }

    /// The long replies to offers, which are objects of their own.
    pub fn answers(&self) -> impl Iterator<Item = Name> {
        let kept = self.kept.iter().map(|kept| &kept.of);
        let answers = self.recent.iter().map(|entry| &entry.parts().of).chain(kept);
        let answers = answers.flat_map(|of| of.values().flat_map(|offers| offers.values().flatten()));
        answers.filter_map(|answer| match answer {
            OfferAnswer::Object(name) => Some(*name),
            OfferAnswer::Here(_) => None,
        })
    }

    /// The bytes of the entries that say something: what a fold would move away. A fold leaves the entry of its own commit,
    /// so if bare entries counted, a small threshold would have folds follow each other for ever.
    pub fn recent_bytes(&self) -> u64 {
        self.recent.iter().filter(|entry| !entry.is_bare()).map(|entry| entry.encoded().len() as u64).sum()
    }

    /// Gives an entry the rows of the run that it names.
    pub fn attach(&mut self, name: Name, rows: &[Placed]) {
        for entry in &mut self.recent {
            if entry.missing().is_some_and(|upload| upload.name == name) {
                *entry = Arc::new(Entry::clone(entry).with_uploaded(rows.to_vec()));
            }
        }
    }
}
