//! A draft that is finished, as a value.

use std::sync::Arc;

use bytes::Bytes;

use super::changes::{Added, Change};
use super::draft::Beneath;
use super::tally::Figures;
use crate::root::{Entry, EntryParts, Placed, Root, Upload};
use crate::row::Table;
use crate::zoo::planted;

/// A draft that is ready to be stored.
#[derive(Debug)]
pub struct Finished {
    /// The version.
    pub root: Root,
    /// What it does to the layers.
    pub change: Change,
    /// What is known of the name of each row of the newest entry. It may be empty.
    pub(super) beneath: Vec<Beneath>,
    /// Its bytes.
    pub bytes: Bytes,
    /// What INFO says of it. Its size still counts the keys that end with this version: they are found when it lands.
    pub figures: Figures,
}

/// A draft that can be stored once it is known where its rows stand.
#[derive(Debug)]
pub struct Prepared {
    /// The version without its newest entry.
    pub(super) root: Root,
    pub(super) parts: EntryParts,
    /// What is known of the name of each of its rows.
    pub(super) beneath: Vec<Beneath>,
    /// A run that was uploaded before the batch was executed.
    pub(super) uploaded: Option<Added>,
    pub(super) change: Change,
    pub(super) figures: Figures,
}

impl Prepared {
    /// The generation that it will be.
    pub fn generation(&self) -> u64 {
        self.root.header.generation
    }

    /// The same version at another time, for a repair. The caller has removed everything that had ended.
    pub fn at(mut self, now: u64) -> Prepared {
        self.root.header.now = now;
        self
    }

    /// Every row that it changes, as the content of a run. The keys that have expired stay in the entry.
    pub fn rows(&self) -> Vec<Placed> {
        let Prepared { parts, uploaded, .. } = self;
        let mut rows = parts.rows.clone();
        let Some(Added { layer, .. }) = uploaded else { return rows };
        let overrides = |table: Table, name: &Bytes| {
            let expired = match table {
                Table::Keys(id) => {
                    parts.expired.binary_search_by(|(other, key)| (*other, key).cmp(&(id, name))).is_ok()
                }
                Table::Elements(_) => false,
            };
            expired || parts.rows.binary_search_by(|(other, row, _)| (*other, row).cmp(&(table, name))).is_ok()
        };
        rows.extend(layer.iter().filter(|(table, name, _)| !overrides(*table, name)));
        rows.sort_unstable_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        rows
    }

    /// The version, with its rows in the entry.
    pub fn finish(mut self) -> Finished {
        let added = self.uploaded.take();
        let uploaded = added.as_ref().map(|added| added.layer.iter().collect());
        self.with(added.as_ref(), uploaded)
    }

    /// The version, with its rows in a run that was made of [`Prepared::rows`].
    pub fn finish_with(mut self, added: &Added) -> Finished {
        let rows = match self.uploaded.is_some() {
            true => self.rows(),
            false => std::mem::take(&mut self.parts.rows),
        };
        self.parts.rows.clear();
        self.beneath.clear();
        planted!("lost-effects-used-again" => {
            let rows = added.layer.iter().collect();
            return self.with(Some(added), Some(rows));
        });
        self.with(Some(added), Some(rows))
    }

    fn with(self, added: Option<&Added>, uploaded: Option<Vec<Placed>>) -> Finished {
        let Prepared { mut root, mut parts, beneath, change, figures, .. } = self;
        parts.run = added.map(|Added { run, .. }| Upload { name: run.name, rows: run.rows, bytes: run.bytes });
        let entry = Entry::new(parts);
        root.recent.push(Arc::new(match uploaded {
            Some(rows) => entry.with_uploaded(rows),
            None => entry,
        }));
        let bytes = root.encode();
        Finished { root, change, beneath, bytes, figures }
    }
}
