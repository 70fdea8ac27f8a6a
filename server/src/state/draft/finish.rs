//! From a draft to the bytes of a version.
//!
//! A finished draft appends one entry to `recent`: every row that the draft has touched. A fold drops the oldest entries,
//! whose rows stand in the run that it names. A squash puts one entry in the place of the oldest ones, with the newest of
//! their rows. Nothing else touches an entry, and no part of an entry is ever edited. So a fold or a squash that was made of a
//! version long past changes no row: what was written since stands in later entries, which stay.
//!
//! Both fit only if an entry of the log ends where they end. Otherwise another squash has put an entry there that also says
//! something of later generations, and nobody can take it apart. A draft adopts one of them at most.

use std::sync::Arc;

use bytes::Bytes;

use super::Draft;
use super::effects::{Beneath, Overlaid};
use crate::id::Id;
use crate::root::{self, Entry, EntryParts, Header, Placed, Root, Run};
use crate::row::{Made, Table};
use crate::state::changes::{Added, Change, Folded, Merged, Proposal};
use crate::state::finished::{Finished, Prepared};
use crate::state::tally::{Figures, Tallies, is_mapped};
use crate::zoo::planted;

/// How many expired keys one commit removes. A removal is about as long as its key, so this is a small part of a commit
/// even if a million keys expire in one second.
const EXPIRED: usize = 1000;

impl Draft<'_> {
    /// The generation up to which the runs have everything.
    pub fn covered(&self) -> u64 {
        root::covered(&self.runs, self.base())
    }

    /// The generation up to which nothing is stored any more, or was stored in runs that are dropped.
    fn base(&self) -> u64 {
        let base = self.database.root.header.base;
        match &self.folded {
            Some(Folded { to, added: None, .. }) if self.runs.is_empty() => *to,
            _ => base,
        }
    }

    /// Makes a proposed change if it still fits. Returns whether it did.
    pub fn adopt(&mut self, proposal: &Proposal) -> bool {
        match proposal {
            Proposal::Fold(folded) => {
                planted!("fold-covers-too-much" => return self.fold(&crate::zoo::state::stretched(folded, self)));
                self.fold(folded)
            }
            Proposal::Squash(entry) => {
                planted!("squash-covers-newer" => return self.squash(&crate::zoo::state::stretched_entry(entry, self)));
                self.squash(entry)
            }
            Proposal::Merge(merged) => self.merge(merged),
            Proposal::Sweep => {
                self.sweep();
                true
            }
        }
    }

    /// Names the run of the oldest entries behind the others, if it still fits there: another fold may have been faster,
    /// or all runs may have been dropped, or runs with such names may be swept.
    fn fold(&mut self, folded: &Folded) -> bool {
        let Folded { from, to, added, .. } = folded;
        let fits = from < to && self.may_take(*to) && (*from == self.covered() || planted!("fold-added-anywhere"));
        let fits = fits && added.as_ref().is_none_or(|added| self.may_name(&added.run));
        if !fits {
            return false;
        }
        self.made += 1;
        match (added, self.runs.last_mut()) {
            (Some(added), _) => self.runs.push(added.run),
            (None, Some(last)) => last.to = *to,
            (None, None) => {}
        }
        self.folded = Some(folded.clone());
        true
    }

    /// Puts one entry in the place of the oldest ones, if their generations still have entries, and more than one: a fold may
    /// have been faster, or another squash.
    fn squash(&mut self, entry: &Arc<Entry>) -> bool {
        let (from, to) = (entry.parts().from, entry.generation());
        let follows = from == self.covered() + 1 || planted!("squash-added-anywhere");
        let is_shorter = self.database.root.recent.first().is_some_and(|oldest| oldest.generation() < to);
        if !(follows && is_shorter && self.may_take(to)) {
            return false;
        }
        self.made += 1;
        self.squashed = Some(Arc::clone(entry));
        true
    }

    /// Whether this draft may take the entries up to this generation out of the log: one of them ends there, and nothing else
    /// has taken them.
    fn may_take(&self, to: u64) -> bool {
        let ends = self.database.root.recent.binary_search_by_key(&to, |entry| entry.generation()).is_ok();
        self.folded.is_none() && self.squashed.is_none() && (ends || planted!("squash-cut-by-a-fold"))
    }

    /// Puts a run in the place of those that it was merged from, if they are still there and it may still be named.
    fn merge(&mut self, merged: &Merged) -> bool {
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

    /// Has the entry name a run that was uploaded for a unit which this draft has executed. Returns whether it can: an
    /// entry names one run, and the run may be swept.
    pub fn attach(&mut self, uploaded: &Added) -> bool {
        let fits = self.upload.is_none() && self.may_name(&uploaded.run);
        if fits {
            self.upload = Some(uploaded.clone());
        }
        fits
    }

    /// The draft as a version, signed by `server`.
    pub fn finish(self, server: Id) -> Finished {
        self.prepare(server).finish()
    }

    /// The draft as a version, signed by `server`, before it is known whether its rows stand in the entry.
    pub fn prepare(mut self, server: Id) -> Prepared {
        planted!("expiry-removes-the-successor" => crate::zoo::state::remove_successors(&mut self));
        let expired = self.expire();
        let generation = self.generation();
        let old = &self.database.root;
        let dropped = self.remapped && self.drops_runs();
        let mut base = self.base();
        if dropped {
            // Every row that the runs hold is out of reach, and the entries behind them stay.
            base = self.covered();
            self.runs.clear();
            self.folded = self.folded.take().map(|folded| Folded { added: None, ..folded });
            self.merged.clear();
        }
        let header = self.header(server, base);
        let figures = self.figures(&header);
        let covered = root::covered(&self.runs, base);
        let gone = self.squashed.as_ref().map_or(covered, |entry| entry.generation());
        let later = old.recent.iter().filter(|entry| entry.generation() > gone).cloned();
        let folds = self.folded.is_some() && !planted!("fold-forgets-what-others-need");
        let squashes = self.squashed.is_some() && !planted!("squash-forgets-what-others-need");
        let recent = self.squashed.take().into_iter().chain(later).collect();
        let (rows, beneath) = self.rows(&expired);
        let parts = EntryParts { rows, expired, ..EntryParts::new(generation, server) };
        let kept = match folds || squashes {
            true => root::remnants(&old.kept, old.recent.iter().filter(|entry| entry.generation() <= gone), &header),
            false => old.kept.clone(),
        };
        let root = Root { header, runs: std::mem::take(&mut self.runs), kept, recent };
        let change = Change { dropped, folded: self.folded, merged: self.merged };
        Prepared { root, parts, beneath, uploaded: self.upload, change, figures }
    }

    fn header(&self, server: Id, base: u64) -> Header {
        let mut header = self.database.root.header.clone();
        header.generation = self.generation();
        header.now = self.now();
        header.base = base;
        header.swept = self.swept;
        header.databases = self.numbers;
        for number in &mut header.databases {
            let tally = self.tallies.get(&number.id).or_else(|| self.database.tallies().of(number.id));
            number.keys = tally.map_or(0, |tally| tally.alive(header.now));
        }
        header.sign(server);
        header
    }

    fn figures(&self, header: &Header) -> Figures {
        let tally = |id: Made| self.tallies.get(&id).or_else(|| self.database.tallies().of(id));
        Figures::new(header, self.size(), tally)
    }

    /// Some of the keys that were dead at the stored time, which nobody can see any more: their rows are removed.
    fn expire(&self) -> Vec<(Made, Bytes)> {
        // A key that this draft has written stands among its rows, which count more. A table that it has dropped needs nothing.
        let is_changed =
            |id: Made, key: &Bytes| self.changed.get(&Table::Keys(id)).is_some_and(|rows| rows.contains_key(key));
        let graves =
            self.database.graves(EXPIRED).filter(|(id, key)| is_mapped(*id, &self.numbers) && !is_changed(*id, key));
        let mut expired: Vec<(Made, Bytes)> = graves.cloned().collect();
        // They have another order than the rows of an entry. A key that expired twice is there twice.
        expired.sort_unstable();
        expired.dedup();
        expired
    }

    /// Whether no row that stands in a run can be reached any more. Only a change of the mapping makes this true.
    fn drops_runs(&self) -> bool {
        if self.runs.is_empty() {
            return false;
        }
        let covered = self.covered();
        let tally = |id: Made| self.tallies.get(&id).or_else(|| self.database.tallies().of(id));
        let ids = self.numbers.iter().map(|number| number.id).chain([Made::SYSTEM]);
        let mut old = ids.filter(|id| *id == Made::SYSTEM || id.generation <= covered);
        // MOVE takes a collection to another database, and its elements stay where they are.
        old.all(|id| tally(id).is_none_or(|tally| tally.rows == 0))
            && (planted!("run-dropped-by-its-database") || !self.reaches_back(covered))
    }

    /// Whether some collection that was made up to this generation can be reached.
    fn reaches_back(&self, generation: u64) -> bool {
        let mut after: Tallies = self.database.tallies().clone();
        for (table, rows) in &self.changed {
            for (name, Overlaid { row, .. }) in rows {
                let old = self.database.row(*table, name);
                after.note(*table, name, old.as_ref(), row.as_ref());
            }
        }
        after.reaches_back(generation, &self.numbers)
    }

    /// The rows of the entry: what was changed, without what nobody can reach and what the uploaded run says. And what is known
    /// of the name of each.
    fn rows(&mut self, expired: &[(Made, Bytes)]) -> (Vec<Placed>, Vec<Beneath>) {
        let mut changed = std::mem::take(&mut self.changed);
        if let Some(Added { layer, .. }) = &self.upload {
            for (table, name, row) in layer.iter() {
                let has_expired =
                    |id: Made| expired.binary_search_by(|(other, key)| (*other, key).cmp(&(id, &name))).is_ok();
                let rows = changed.entry(table).or_default();
                match rows.get(&name) {
                    Some(same) if same.row == row => drop(rows.remove(&name)),
                    Some(_) => {}
                    None if planted!("lost-upload-used-again") => {}
                    // The removal overrides the run.
                    None if matches!(table, Table::Keys(id) if has_expired(id)) => {}
                    // The run was made for a database that the number does not map to any more, or for a unit whose
                    // effect is another one here.
                    None => {
                        let hash = self.database.runs.salt().hash(table, &name);
                        let row = self.database.find(hash, table, &name);
                        let beneath = Beneath { hash, says: row.clone().into() };
                        rows.insert(name, Overlaid { row, beneath });
                    }
                }
            }
        }
        let is_wanted = |table: &Table| match table {
            Table::Keys(id) => is_mapped(*id, &self.numbers),
            Table::Elements(_) => true,
        };
        let rows = changed
            .into_iter()
            .filter(|(table, _)| is_wanted(table))
            .flat_map(|(table, rows)| rows.into_iter().map(move |(name, overlaid)| (table, name, overlaid)));
        rows.map(|(table, name, Overlaid { row, beneath })| ((table, name, row), beneath)).unzip()
    }
}
