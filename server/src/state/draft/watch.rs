//! Watched keys: what WATCH notes of a key, and when a transaction is refused because of it.
//!
//! A transaction may go on only if the key has been untouched since WATCH. Nobody compares values: a key that came and went,
//! or that was set to an equal value, was touched. There are four ways in which a key can change, and each has its own trace:
//!
//! | what happened | what shows it |
//! |---|---|
//! | a commit wrote the key | the window of touched keys ([`Touched`](crate::state::Touched)) |
//! | an earlier command of the same batch wrote it | the changes of the draft |
//! | it has ended, or a field of it | the end that the note has, and the time of the draft |
//! | its number maps to another database | the generation since which it does |
//!
//! Where the server cannot tell, it refuses. A client that is refused watches again and repeats its work. A transaction that
//! goes on without right loses an update.

use bytes::Bytes;

use super::Draft;
use crate::row::{Head, Row, Shape, Table};
use crate::state::orders::By;
use crate::state::watched::{Stale, Watched};
use crate::zoo::planted;

impl Draft<'_> {
    /// Notes a key of the selected database, as it is in the stored version.
    ///
    /// If WATCH needs a commit that moves the time, the note has the generation *below* that commit. So everything that the
    /// commit writes counts as a touch, whether it came before WATCH or after it.
    pub fn watch(&self, key: &Bytes) -> Watched {
        let found = self.find(key);
        planted!("watch-trusts-a-value" => crate::zoo::state::remember_value(self, key, found.clone()));
        let until = found.and_then(|row| self.first_end(&row)).filter(|_| !planted!("watch-misses-expiry"));
        let generation = self.database.root.header.generation;
        Watched { database: self.selected(), key: key.clone(), generation, until }
    }

    /// Notes a key for the answer to the present unit.
    pub fn note_watched(&mut self, key: &Bytes) {
        let watched = self.watch(key);
        self.watched.push(watched);
    }

    /// The keys that the present unit watches.
    pub fn take_watched(&mut self) -> Vec<Watched> {
        std::mem::take(&mut self.watched)
    }

    /// The moment at which a living key changes by itself for the first time.
    fn first_end(&self, row: &Row) -> Option<u64> {
        let field = match row.head() {
            Some(Head { collection, shape: Shape::Hash { last, .. }, .. }) if *last > 0 => {
                let ends = self.order(Table::Elements(*collection), By::End);
                let first_after = |now: u64| ends.at(ends.below(now.saturating_add(1))).map(|place| place.rank);
                // A field that has ended since the stored time makes the note true of a later time only.
                let next = first_after(self.database.root.header.now);
                if next.is_some_and(|end| self.has_ended(end)) { first_after(self.now()) } else { next }
            }
            _ => None,
        };
        row.end().into_iter().chain(field).min()
    }

    /// Why a transaction that depends on this note is refused, if it is.
    pub fn stale(&self, watched: &Watched) -> Option<Stale> {
        let Watched { database, ref key, generation, until } = *watched;
        let number = self.numbers[database];
        planted!("watch-trusts-a-value" => return crate::zoo::state::compare_value(self, watched));
        if number.since > generation && !planted!("watch-misses-swapdb") {
            return Some(Stale::Remapped);
        }
        if !self.remembers(generation) {
            return Some(Stale::Forgotten);
        }
        let own = self.changed.get(&Table::Keys(number.id)).is_some_and(|rows| rows.contains_key(key));
        let own = own && !planted!("exec-ignores-its-own-batch");
        if own || self.database.touched().is_touched_after(generation, number.id, key) {
            return Some(Stale::Touched);
        }
        until.is_some_and(|end| self.has_ended(end)).then_some(Stale::Ended)
    }

    /// Whether the server knows every touch after this generation.
    pub fn remembers(&self, generation: u64) -> bool {
        self.database.touched().remembers(generation)
    }
}
