//! A version while it is being computed.
//!
//! A draft has one primitive for changes, [`Draft::set`]: a row takes the place of another. Everything else is made of it.
//! What a command looks at passes through [`Draft::look`], which knows the time: a row that has ended is not there.
//!
//! | module | what it does |
//! |---|---|
//! | here | rows, time and size |
//! | `change` | puts rows in the place of others |
//! | `mapping` | the databases that SELECT knows |
//! | `unit`, `effects` | units, and how large their changes may be |
//! | `labour` | how long scripts have worked |
//! | `lookups` | how often keys were found |
//! | `undo`, `savepoint` | takes changes back |
//! | `watch` | notes watched keys, and judges the notes |
//! | `finish` | from a draft to the bytes of a version |

mod change;
mod effects;
mod finish;
mod labour;
mod lookups;
mod mapping;
mod savepoint;
mod undo;
mod unit;
mod watch;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

pub(super) use self::effects::Beneath;
pub use self::effects::MOST_EFFECTS;
use self::effects::{Changed, Effects, Overlaid, Undoes};
pub use self::labour::Labour;
use self::labour::Labours;
use self::lookups::LookupCount;
pub use self::lookups::Lookups;
use self::savepoint::Savepoint;
use super::changes::{Added, Folded, Merged};
use super::database::Database;
use super::order::Order;
use super::orders::{self, By, OrderKey};
use super::tally::Tally;
use super::watched::Watched;
use crate::knobs::Packings;
use crate::root::{DATABASES, Entry, Numbered, Run};
use crate::row::{Made, Row, Table};
use crate::zoo::planted;

/// The time of a draft.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// What the commands see, in milliseconds since 1970. It stands still within a draft.
    pub now: u64,
    /// The server's estimate. If a row ends between the time of the stored version and this, whoever looks at it needs a
    /// commit that moves the time.
    pub estimate: u64,
}

/// The version after `database`, while it is being computed.
pub struct Draft<'a> {
    pub(crate) database: &'a Database,
    /// Once the database is larger than this, it may not grow.
    limit: Option<u64>,
    /// What `OBJECT ENCODING` takes for small.
    packings: Packings,
    moment: Moment,
    /// How many changes were made, undone ones included.
    pub(super) made: u64,
    /// A command has looked at a row that ends between the stored time and the estimate.
    crossed: Cell<bool>,
    /// The number that commands work on.
    selected: usize,
    /// What each number maps to. The counts of keys are those of the version below.
    pub(crate) numbers: [Numbered; DATABASES],
    pub(crate) changed: Changed,
    /// The tallies of the databases that this draft has changed.
    pub(crate) tallies: BTreeMap<Made, Tally>,
    /// What [`Draft::size`] has found, brought up to date by [`Draft::set`]. Every command that may let the database grow
    /// asks for the size. None after any other change of a tally or of the mapping.
    pub(super) measured: Cell<Option<u64>>,
    /// The orders that a command has asked for, with the changes of this draft.
    orders: RefCell<BTreeMap<(Table, By), Order>>,
    /// Orders of more rows than this are not built at once.
    at_once: usize,
    /// Whether the present unit may wait for those.
    is_patient: bool,
    /// Those that the present unit has asked for.
    missing: RefCell<BTreeSet<OrderKey>>,
    /// What has to be undone if the present unit fails.
    undoes: Undoes,
    /// The ordinal of the next id.
    ordinal: u32,
    /// How many random choices were made.
    chances: Cell<u64>,
    /// The keys that the present unit watches.
    pub(super) watched: Vec<Watched>,
    /// A row of the system that is there: see [`Draft::has_system`].
    seen_system: Option<Bytes>,
    /// What a script or a unit that exceeds its bounds returns to. They nest: a script is a part of a unit.
    savepoints: Vec<Savepoint>,
    /// How large the changes are.
    effects: Effects,
    labours: Labours,
    counting: Cell<LookupCount>,
    /// Databases were emptied or exchanged.
    pub(super) remapped: bool,
    /// The runs as they will be named, and which of them are new.
    pub(super) runs: Vec<Run>,
    pub(super) folded: Option<Folded>,
    /// The entry that takes the place of the oldest ones.
    pub(super) squashed: Option<Arc<Entry>>,
    pub(super) merged: Vec<Merged>,
    /// The large values of this commit, stored before it.
    pub(super) upload: Option<Added>,
    /// Runs uploaded below this generation may not be named any more.
    pub(super) swept: u64,
}

impl<'a> Draft<'a> {
    /// A version that so far changes nothing. Once it is larger than `limit`, commands that may let it grow are refused.
    ///
    /// The limit is a server's own, not the database's: servers of different limits refuse at different sizes.
    pub fn new(database: &'a Database, limit: Option<u64>, estimate: u64) -> Draft<'a> {
        let header = &database.root.header;
        Draft {
            database,
            limit,
            packings: Packings::default(),
            moment: Moment {
                now: if planted!("time-goes-back") { estimate } else { header.now.max(estimate) },
                estimate,
            },
            made: 0,
            crossed: Cell::new(false),
            selected: 0,
            numbers: header.databases,
            changed: Changed::new(),
            tallies: BTreeMap::new(),
            measured: Cell::new(None),
            orders: RefCell::default(),
            at_once: usize::MAX,
            is_patient: true,
            missing: RefCell::default(),
            undoes: Undoes::default(),
            ordinal: 0,
            chances: Cell::new(0),
            watched: Vec::new(),
            seen_system: None,
            savepoints: Vec::new(),
            effects: Effects::default(),
            labours: Labours::default(),
            counting: Cell::default(),
            remapped: false,
            runs: database.root.runs.clone(),
            folded: None,
            squashed: None,
            merged: Vec::new(),
            upload: None,
            swept: header.swept,
        }
    }

    /// The stored version itself, for commands that only read. Their time is that of the version.
    pub fn stored(database: &'a Database, limit: Option<u64>, estimate: u64) -> Draft<'a> {
        let mut draft = Draft::new(database, limit, estimate);
        draft.moment.now = database.root.header.now;
        draft
    }

    /// With other thresholds of encodings than those of a Valkey that nobody has configured.
    pub fn with_packings(self, packings: Packings) -> Draft<'a> {
        Draft { packings, ..self }
    }

    /// Has units wait for orders of more rows than this: whoever asks for one finds it empty, and is undone when the unit
    /// ends. [`Draft::take_missing`] tells which orders have to be built before the unit can be executed.
    pub fn with_orders_at_once(self, most: usize) -> Self {
        Draft { at_once: most, ..self }
    }

    /// What `OBJECT ENCODING` takes for small.
    pub fn packings(&self) -> Packings {
        self.packings
    }

    /// The time that commands see, in milliseconds since 1970.
    pub fn now(&self) -> u64 {
        self.moment.now
    }

    /// The time from which a remaining time is counted: TTL must go on between commits.
    pub fn present(&self) -> u64 {
        self.moment.now.max(self.moment.estimate)
    }

    /// `time-moves-inside-multi`: it is later for the next command.
    #[cfg(feature = "bug-zoo")]
    pub(crate) fn let_time_pass(&mut self) {
        self.moment.now += 1;
    }

    /// The generation that this will be.
    pub fn generation(&self) -> u64 {
        // A commit every nanosecond would take five centuries to get there.
        self.database.root.header.generation.checked_add(1).expect("generations do not run out")
    }

    /// How many changes were made so far. A command that leaves it as it was changed nothing.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// Makes the time of this draft a change, if a command has looked at a row that ends between the stored time and the
    /// estimate: the command's reply is true only of a version that has this time.
    pub fn move_time(&mut self) {
        self.made += u64::from(self.crossed.take());
    }

    /// The bytes of all keys and values, and [`crate::row::OVERHEAD`] for each.
    pub fn size(&self) -> u64 {
        if let Some(size) = self.measured.get() {
            return size;
        }
        let tally = |id: Made| self.tallies.get(&id).or_else(|| self.database.tallies().of(id));
        let ids = self.numbers.iter().map(|number| number.id).chain([Made::SYSTEM]);
        let size = ids.filter_map(tally).map(|tally| tally.size).sum();
        self.measured.set(Some(size));
        size
    }

    /// How many users, libraries and scripts there are, and how large they are together.
    pub fn system(&self) -> (u64, u64) {
        let tally = self.tally(Made::SYSTEM);
        (tally.rows, tally.size)
    }

    /// The row of a user, a library or a script.
    pub fn find_system(&self, name: &[u8]) -> Option<Row> {
        self.look(Table::Keys(Made::SYSTEM), name)
    }

    /// Whether the system has a row of this name. Most units of a batch ask for the same one, so the draft remembers it.
    pub fn has_system(&mut self, name: Bytes) -> bool {
        if self.seen_system.as_ref() == Some(&name) {
            return true;
        }
        let is_there = self.find_system(&name).is_some();
        if is_there {
            self.seen_system = Some(name);
        }
        is_there
    }

    /// Whether the database is larger than the limit.
    pub fn is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.size() > limit)
    }

    /// An id for a database or a collection that nobody has had before.
    pub fn new_id(&mut self) -> Made {
        let ordinal = self.ordinal;
        self.ordinal += 1;
        planted!("id-comes-back" => return Made { generation: self.generation() & !3, ordinal });
        Made { generation: self.generation(), ordinal }
    }

    /// The seed of the next random choice: another one each time, and on each version.
    pub fn seed(&self) -> u64 {
        self.chances.set(self.chances.get() + 1);
        let salt = self.database.runs.salt().hash(self.keys_table(), &self.generation().to_le_bytes());
        salt ^ self.present().wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.chances.get().rotate_left(32)
    }

    fn tally(&self, id: Made) -> Tally {
        let of_version = || self.database.tallies().of(id).cloned().unwrap_or_default();
        self.tallies.get(&id).cloned().unwrap_or_else(of_version)
    }

    // Rows.

    /// The row of a name, dead or alive.
    pub(crate) fn row(&self, table: Table, name: &[u8]) -> Option<Row> {
        match self.changed.get(&table).and_then(|rows| rows.get(name)) {
            Some(overlaid) => overlaid.row.clone(),
            None if self.owns(table) => None,
            None => self.database.row(table, name),
        }
    }

    /// Whether a table is this draft's own, and has no older rows.
    fn owns(&self, table: Table) -> bool {
        table.id().generation == self.generation()
    }

    /// The row of a name, if it is alive.
    pub fn look(&self, table: Table, name: &[u8]) -> Option<Row> {
        self.row(table, name).filter(|row| self.lives(row))
    }

    /// Whether a row is alive. Notes if that depends on a time which is not stored yet.
    pub fn lives(&self, row: &Row) -> bool {
        row.end().is_none_or(|end| !self.has_ended(end))
    }

    /// Whether this moment has come. Notes if that depends on a time which is not stored yet.
    pub(super) fn has_ended(&self, end: u64) -> bool {
        planted!("expiry-by-own-clock" => return end <= self.present());
        let stored = self.database.root.header.now;
        if stored < end && end <= self.present() {
            self.crossed.set(true);
        }
        end <= self.moment.now && !planted!("dead-until-removed")
    }

    /// How many places of an order by [`By::End`] are alive. Notes if that depends on a time which is not stored yet.
    pub fn living(&self, ends: &Order) -> usize {
        let dead = |moment: u64| ends.below(moment.saturating_add(1));
        if dead(self.database.root.header.now) != dead(self.present()) {
            self.crossed.set(true);
        }
        planted!("hlen-counts-the-ended" => return ends.len());
        ends.len() - dead(self.moment.now)
    }

    /// The rows of a table in some order, those that have ended included. The order is empty if the unit has to wait for it:
    /// see [`Draft::with_orders_at_once`].
    pub fn order(&self, table: Table, by: By) -> Order {
        if let (Table::Keys(id), By::End) = (table, by) {
            return self.tally(id).ends;
        }
        if let Some(order) = self.orders.borrow().get(&(table, by)) {
            return order.clone();
        }
        let is_own = self.owns(table);
        let most = if self.is_patient { self.at_once } else { usize::MAX };
        let found = if is_own { Some(Order::default()) } else { self.database.order_within(table, by, most) };
        let Some(mut order) = found else {
            self.missing.borrow_mut().insert((table, by));
            return Order::default();
        };
        for (name, Overlaid { row, .. }) in self.changed.get(&table).into_iter().flatten() {
            planted!("order-misses-its-batch" => continue);
            let old = if is_own || by.follows_name() { None } else { self.database.row(table, name) };
            orders::change(&mut order, by, name, old.as_ref(), row.as_ref());
        }
        planted!("lost-draft-leaves-an-order" => crate::zoo::state::leave_order(self, table, by, &order));
        self.orders.borrow_mut().insert((table, by), order.clone());
        order
    }

    // Keys of the selected database.

    /// The row of a living key.
    pub fn find(&self, key: &[u8]) -> Option<Row> {
        let found = self.look(self.keys_table(), key);
        self.counting.set(self.counting.get().note(found.is_some()));
        found
    }

    /// Sets a key, whatever it was before.
    pub fn put(&mut self, key: Bytes, row: Row) {
        self.set(self.keys_table(), key, Some(row));
    }

    /// Deletes a key and returns whether it existed.
    pub fn delete(&mut self, key: &Bytes) -> bool {
        let exists =
            self.find(key).is_some() || planted!("del-counts-the-dead") && self.row(self.keys_table(), key).is_some();
        if exists {
            self.set(self.keys_table(), key.clone(), None);
        }
        exists
    }

    /// Puts a user or a library in the place of another. None removes it.
    pub fn set_system(&mut self, name: Bytes, row: Option<Row>) {
        self.seen_system = None;
        self.set(Table::Keys(Made::SYSTEM), name, row);
    }

    // Elements of collections.

    /// An element that is alive.
    pub fn element(&self, collection: Made, name: &[u8]) -> Option<Row> {
        self.look(Table::Elements(collection), name)
    }

    /// Puts an element in the place of another. None removes it.
    pub fn set_element(&mut self, collection: Made, name: Bytes, row: Option<Row>) {
        self.set(Table::Elements(collection), name, row);
    }
}
