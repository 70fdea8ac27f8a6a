//! A version of the database, with all its rows in memory.

mod burial;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::draft::Beneath;
use super::finished::Finished;
use super::newest::Newest;
use super::orders::Orders;
use super::runs::{Runs, RunsContent, Stretch};
use super::tally::{Figures, Tallies, is_mapped};
use super::touched::Touched;
use crate::id::Id;
use crate::root::{Damage, Entry, Numbered, Placed, Root};
use crate::row::{Made, Mention, Row, Table};
use crate::run::{self, Reach, Salt};
use crate::zoo::planted;

/// The newest known version: `db.json`, and the runs that it names.
///
/// - A row is what the newest entry of `recent` says that has one of its name, or else what the runs say.
/// - The index, the tallies and the derived orders follow from the rows. They are updated entry by entry, in the same way
///   for this server's own commits and for those of others.
/// - All of it can be read again from the store, so a crash costs a reload and nothing else.
#[derive(Clone, Debug)]
pub struct Database {
    /// The content of `db.json`.
    pub root: Root,
    /// The content of the runs that it names.
    pub runs: Runs,
    pub(super) newest: Newest,
    /// What counts at the time of the version.
    tallies: Tallies,
    /// Keys that have ended and whose rows may still be stored, the first to be removed first. It is no part of the version: a
    /// server may know more of them than another.
    graves: VecDeque<(Made, Bytes)>,
    /// How many keys have ended since somebody asked. It is no part of the version either.
    expired: u64,
    touched: Touched,
    /// Built when a command asks for them, which may only look at the version.
    pub(crate) orders: RefCell<Orders>,
}

impl Database {
    /// The database before its first version, to be called `id` if this server creates it.
    pub fn unborn(id: Id, salt: Salt) -> Database {
        Database::over(Root::unborn(id), Runs::none(0, salt))
    }

    fn over(root: Root, runs: Runs) -> Database {
        let (newest, tallies) = (Newest::default(), runs.tallies().clone());
        let touched = Touched::after(root.covered(), runs.salt());
        let graves = VecDeque::new();
        Database { root, runs, newest, tallies, graves, expired: 0, touched, orders: RefCell::default() }
    }

    /// A version that was read, with the layers of its runs.
    pub fn new(root: Root, runs: Runs) -> Result<Database, Damage> {
        let (entries, numbers) = (root.recent.clone(), root.header.databases);
        let mut database = Database::over(root, runs);
        entries.iter().for_each(|entry| database.absorb(entry, &numbers));
        database.bury(database.root.header.now, usize::MAX);
        database.expired = 0;
        database.touched.reach(database.root.header.generation);
        database.settle();
        database.check()?;
        Ok(database)
    }

    /// Becomes a later version that was read. Its entries are laid over this version if none between them is missing, and
    /// over the runs otherwise.
    pub fn follow(&mut self, root: Root, runs: Runs) -> Result<(), Damage> {
        let known = self.root.header.generation;
        // An entry that stands for several generations does not tell what they removed.
        let is_mixed = |entry: &Arc<Entry>| entry.parts().from <= known && known < entry.generation();
        if root.covered() > known || known == 0 || root.recent.iter().any(is_mixed) {
            *self = Database::new(root, runs)?;
            return Ok(());
        }
        let before = (self.root.clone(), self.runs.clone());
        // A fold or a squash of another server may have left out what it has buried.
        self.bury(root.header.now, usize::MAX);
        for entry in root.recent.iter().filter(|entry| entry.generation() > known) {
            planted!("order-not-followed" => {
                crate::zoo::state::absorb_without_orders(self, entry, &root.header.databases);
                continue;
            });
            self.absorb(entry, &root.header.databases);
        }
        let content = self.runs.content().clone();
        self.exchange(root, runs, &content);
        let checked = self.check();
        if checked.is_err() {
            // This version cannot be used, and the one before it still is the newest that can.
            *self = Database::new(before.0, before.1)?;
        }
        checked
    }

    /// Becomes the version that was finished on this one.
    pub fn apply(&mut self, finished: &Finished) {
        debug_assert_eq!(
            finished.root.header.generation,
            self.root.header.generation + 1,
            "a draft belongs to the version it was computed on"
        );
        let Finished { root, change, beneath, .. } = finished;
        self.bury(root.header.now, self.portion(root));
        if let Some(entry) = root.recent.last() {
            self.absorb_over(beneath, entry, &root.header.databases);
        }
        let (nothing, content) = (Runs::none(root.header.base, self.runs.salt()), self.runs.content().clone());
        let runs = change.lay(std::mem::replace(&mut self.runs, nothing), root);
        self.exchange(root.clone(), runs, &content);
    }

    /// Lays the rows of an entry over the others. Databases that no number of the new version maps to are out of reach: an
    /// uploaded run may have rows of them.
    pub(crate) fn absorb(&mut self, entry: &Arc<Entry>, numbers: &[Numbered]) {
        self.absorb_over(&[], entry, numbers);
    }

    /// Version of `absorb` for a commit of this server, which knows something of the names of the last rows of the entry.
    fn absorb_over(&mut self, beneath: &[Beneath], entry: &Arc<Entry>, numbers: &[Numbered]) {
        let is_wanted = |table: Table| match table {
            Table::Keys(database) => is_mapped(database, numbers),
            Table::Elements(_) => true,
        };
        let salt = self.runs.salt();
        let own = entry.parts().rows.len();
        let others = entry.all_rows().count() - own;
        let mut keys = Vec::with_capacity(own);
        for (nth, (table, name, row)) in entry.all_rows().enumerate() {
            let known = nth.checked_sub(others).and_then(|nth| beneath.get(nth));
            let hash = known.map_or_else(|| salt.hash(table, name), |known| known.hash);
            if nth >= others && matches!(table, Table::Keys(_)) {
                keys.push(hash);
            }
            if !is_wanted(table) {
                continue;
            }
            let counts = matches!(table, Table::Keys(_)) || row.is_none_or(names_collections);
            let compares = counts || self.orders.get_mut().compares(table);
            // Laying the row finds the one before it, if `recent` has it: to look for it first would take a second search.
            let (said, under) = self.newest.put(entry.generation(), hash, table, name, row.cloned());
            let old = match (said, known.map_or(&Mention::Nothing, |known| &known.says)) {
                (Mention::Row(old), _) => Some(old),
                (Mention::Removal, _) => None,
                (Mention::Nothing, _) if !compares => None, // nobody asks for it
                (Mention::Nothing, says) => {
                    let found = || self.runs.find(hash, table, name);
                    let says = if *says == Mention::Nothing { found().into() } else { says.clone() };
                    let old = says.clone().into_row();
                    // A merge may have left it out in the meantime, if it has ended.
                    let has_ended = old.as_ref().and_then(Row::end).is_some();
                    debug_assert!(has_ended || found() == old, "the draft has seen {name:?}");
                    if counts {
                        *under = says; // a fold asks for it again
                    }
                    old
                }
            };
            let orders = self.orders.get_mut();
            orders.note(table, name, old.as_ref(), row);
            if counts {
                self.tallies.note(table, name, old.as_ref(), row);
                for collection in old.iter().flat_map(Row::collections).filter(|id| !self.tallies.names(*id)) {
                    orders.forget(Table::Elements(collection));
                }
            }
        }
        self.orders.get_mut().catch_up();
        self.touched.note(entry, keys);
    }

    /// Takes the root of a version whose rows are known by now. The runs had this content before.
    fn exchange(&mut self, root: Root, runs: Runs, content: &RunsContent) {
        let old = std::mem::replace(&mut self.root, root);
        let (before, covered) = (old.covered(), self.root.covered());
        planted!("fold-undoes-newer" => {
            let folded = old.recent.iter().take_while(|entry| entry.generation() <= covered);
            folded.for_each(|entry| self.newest.forget_names(entry));
        });
        if covered > before {
            self.newest.forget(covered);
        }
        if runs.content() != content {
            self.newest.forget_runs();
        }
        self.runs = runs;
        self.note_squash(&old);
        self.clear_graves();
        self.touched.reach(self.root.header.generation);
        // A large value may have been uploaded for a number that maps to another database by now.
        self.tallies.keep(&self.root.header.databases);
        let mapped = |numbers: &[Numbered]| numbers.iter().map(|number| number.id).collect::<BTreeSet<_>>();
        let remapped = mapped(&old.header.databases) != mapped(&self.root.header.databases);
        if remapped || self.tallies.has_grown() || self.runs.tallies().has_grown() {
            self.settle();
        }
    }

    /// Forgets the databases that no number maps to, and the collections that cannot be reached.
    fn settle(&mut self) {
        let numbers = &self.root.header.databases;
        let reachable = self.tallies.reachable(numbers);
        planted!("runs-pruned-by-their-rows" => self.runs.prune(numbers, &self.runs.tallies().reachable(numbers)));
        self.tallies.keep(numbers);
        self.tallies.prune(&reachable);
        self.runs.prune(numbers, &reachable);
        let tallies = &self.tallies;
        self.orders.get_mut().retain(|table| match table {
            Table::Keys(database) => is_mapped(database, numbers),
            Table::Elements(collection) => tallies.reaches(collection, numbers),
        });
    }

    fn check(&self) -> Result<(), Damage> {
        for (number, Numbered { id, keys, .. }) in self.root.header.databases.iter().enumerate() {
            let alive = self.alive(*id, self.root.header.now);
            if alive != *keys {
                let what = format!("it counts {keys} keys in database {number} and holds {alive}");
                return Err(Damage::Contradiction(what));
            }
        }
        Ok(())
    }

    /// The row of a name, dead or alive.
    pub fn row(&self, table: Table, name: &[u8]) -> Option<Row> {
        self.find(self.runs.salt().hash(table, name), table, name)
    }

    /// The row of a name with this hash, dead or alive.
    pub(super) fn find(&self, hash: u64, table: Table, name: &[u8]) -> Option<Row> {
        match self.newest.get(hash, table, name) {
            Mention::Row(row) => Some(row),
            Mention::Removal => None,
            Mention::Nothing => self.runs.find(hash, table, name),
        }
    }

    /// All rows of a table, in the order of their names.
    pub fn rows(&self, table: Table) -> BTreeMap<Bytes, Row> {
        let mut rows = BTreeMap::new();
        self.runs.collect(table, &mut rows);
        for (name, row) in self.newest.rows(table) {
            match row {
                Some(row) => rows.insert(name, row),
                None => rows.remove(&name),
            };
        }
        rows
    }

    /// Shows all rows of a table, in no particular order. That takes less than a look-up for each row, because most rows stand in
    /// the lowest layer, and few layers above it have any of the table.
    pub(super) fn visit(&self, table: Table, see: impl FnMut(&Bytes, &Row)) {
        self.visit_some(table, usize::MAX, see);
    }

    /// Version of `visit` that stops if more than so many rows have to be read. Returns whether it has shown all rows.
    pub(super) fn visit_some(&self, table: Table, most: usize, mut see: impl FnMut(&Bytes, &Row)) -> bool {
        let newest = self.newest.count(table);
        let mut left = most.checked_sub(newest);
        let layers: Vec<_> = self.runs.layers().iter().filter(|stretch| stretch.layer.has(table)).collect();
        for (at, stretch) in layers.iter().enumerate() {
            let above = &layers[at + 1..];
            for (name, row) in stretch.layer.rows(table) {
                left = left.and_then(|left| left.checked_sub(1));
                if left.is_none() {
                    return false;
                }
                let Some(row) = row else { continue };
                let is_newest = |name: &Bytes| {
                    if newest == 0 && above.is_empty() {
                        return true;
                    }
                    let hash = self.runs.salt().hash(table, name);
                    let is_below = || above.iter().any(|other| other.layer.says(hash, table, name));
                    !self.newest.says(hash, table, name) && !is_below()
                };
                if is_newest(&name) {
                    see(&name, &row);
                }
            }
        }
        if left.is_some() {
            self.newest.visit(table, see);
        }
        left.is_some()
    }

    /// How many keys of a database are alive at a moment.
    pub fn alive(&self, database: Made, now: u64) -> u64 {
        self.tallies.of(database).map_or(0, |tally| tally.alive(now))
    }

    /// What the rows count.
    pub fn tallies(&self) -> &Tallies {
        &self.tallies
    }

    /// Which keys the last generations touched.
    pub fn touched(&self) -> &Touched {
        &self.touched
    }

    /// What INFO says of it.
    pub fn figures(&self) -> Figures {
        Figures::new(&self.root.header, self.size(), |id| self.tallies.of(id))
    }

    /// The bytes of all keys and values, and [`crate::row::OVERHEAD`] for each.
    pub fn size(&self) -> u64 {
        self.tallies.size()
    }

    /// How many keys all databases have together.
    pub fn keys(&self) -> u64 {
        self.root.header.databases.iter().map(|number| number.keys).sum()
    }

    /// Puts a layer in the place of those that it was merged from. The stored version stays the same.
    pub fn tidy(&mut self, stretch: Stretch) {
        self.newest.forget_runs();
        self.runs.replace(stretch, &self.root.header.databases);
    }

    /// Everything that `recent` says, in order: what a fold or a squash writes. Rows that cannot be reached are left out. A
    /// removal stands for a key that is buried: below it may be an older row. Fields that have ended stay: the head of their
    /// hash counts their bytes.
    ///
    /// With each row comes what the runs say of its name, as far as that is known.
    pub fn newest(&self) -> Vec<(Placed, Mention)> {
        let numbers = &self.root.header.databases;
        let mut rows = self.newest.all();
        planted!("fold-drops-uploads" => rows.retain(|((table, name, _), _)| {
            !crate::zoo::state::is_uploaded(&self.root, *table, name)
        }));
        let now = self.tallies.buried_to();
        rows.iter_mut()
            .filter(|((table, _, row), _)| {
                matches!(table, Table::Keys(_)) && row.as_ref().is_some_and(|row| row.is_dead(now))
            })
            .for_each(|(place, _)| place.2 = None);
        rows.retain(|((table, name, row), _)| match table {
            Table::Keys(Made::SYSTEM) if planted!("fold-drops-the-system") => false,
            Table::Keys(database) => is_mapped(*database, numbers),
            Table::Elements(_) if row.is_none() && planted!("fold-forgets-removed-elements") => false,
            // A removal stays: below it may be an item that was popped off the grid.
            Table::Elements(collection) => {
                let is_popped = || row.is_some() && run::is_outside(self.tallies.span(*collection), name);
                self.tallies.reaches(*collection, numbers) && !is_popped()
            }
        });
        rows
    }

    /// The collections that can be reached.
    pub fn reachable(&self) -> BTreeSet<Made> {
        self.tallies.reachable(&self.root.header.databases)
    }

    /// What a merge may leave out, judged by this whole version. It leaves out only keys that are buried, since burying a key
    /// takes its row. The runs count for themselves, and bury when the merge is done: few keys, so that it is no long work.
    pub fn reach(&self) -> Reach {
        let numbers = &self.root.header.databases;
        Reach {
            databases: numbers.iter().map(|number| number.id).collect(),
            collections: Arc::new(self.reachable().into_iter().collect()),
            spans: Arc::new(self.tallies.spans().collect()),
            now: self.runs.tallies().soon_buried(self.tallies.buried_to()),
        }
    }

    /// All rows that can be reached and have not ended, in order. Takes as long as there are rows.
    pub fn reachable_rows(&self) -> Vec<(Table, Bytes, Option<Row>)> {
        let ids = self.root.header.databases.iter().map(|number| number.id).chain([Made::SYSTEM]);
        let tables = ids.map(Table::Keys).chain(self.reachable().into_iter().map(Table::Elements));
        let mut tables: Vec<Table> = tables.collect();
        tables.sort_unstable();
        let rows = tables
            .into_iter()
            .flat_map(|table| self.rows(table).into_iter().map(move |(name, row)| (table, name, Some(row))));
        let now = self.root.header.now;
        rows.filter(|(.., row)| row.as_ref().is_some_and(|row: &Row| !row.is_dead(now))).collect()
    }
}

fn names_collections(row: &Row) -> bool {
    row.collections().next().is_some()
}
