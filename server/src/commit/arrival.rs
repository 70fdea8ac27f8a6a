//! A unit that has arrived, and what it waits for.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::answer::Yield;
use super::queue::Unit;
use crate::root::PUNCTUATION;
use crate::state::{Draft, OrderKey};
use crate::upkeep::Uploaded;
use crate::zoo::planted;

/// A unit, and when it came.
pub struct Arrival {
    /// Ascends along the queue.
    pub number: u64,
    /// When the client must get an answer of some kind.
    pub deadline: Instant,
    /// The commands, and the client that waits.
    pub unit: Unit,
    /// The bytes of the keys and values that it sets.
    pub written: u64,
    /// Set if that is too much for `recent`: a run of it is stored first.
    pub upload: Option<ValueUpload>,
    /// Whether a commit that held it was lost.
    pub lost: bool,
    /// Whether it looks at a row that ends between the stored time and the present: a commit has to move the time.
    pub moves_time: bool,
    /// Whether its reply is long, and waits for memory.
    pub is_long: bool,
    /// The orders that it waits for, or has waited for. Few units have any, and all units move from queue to batch.
    pub orders: Option<Box<OrderWait>>,
}

/// The orders that a unit waits for.
#[derive(Debug, Default)]
pub struct OrderWait {
    /// Those that have to be built before it can be executed.
    lacking: Vec<OrderKey>,
    /// Those that it has waited for.
    waited: BTreeSet<OrderKey>,
    /// How often it has waited for one of them again.
    again: u32,
}

/// An order may be dropped before the unit that waited for it is executed. Then the unit waits for the same order again. After
/// so many such waits its orders are built at once, so that it is executed in the end.
const MOST_AGAIN: u32 = 8;

/// Why a unit could not be executed. It has changed nothing.
pub enum Lack {
    /// There is no memory for its long reply.
    Memory,
    /// These orders are not there, and too large to be built at once.
    Orders(Vec<OrderKey>),
}

/// The run of a large value.
pub enum ValueUpload {
    /// It is on its way to the store.
    UnderWay,
    /// It is stored, and no version names it yet.
    Ready(Box<Uploaded>),
}

impl Arrival {
    /// Whether it has to be tried as a change of the database.
    pub fn may_change(&self) -> bool {
        self.moves_time || self.unit.may_write()
    }

    /// Executes it. Returns what it yields, and whether the draft changed.
    pub fn execute(&self, draft: &mut Draft<'_>) -> Result<(Yield, bool), Lack> {
        draft.be_patient(self.orders.as_ref().is_none_or(|orders| orders.again < MOST_AGAIN));
        let done = self.unit.execute(draft);
        let missing = draft.take_missing();
        if missing.is_empty() { Ok(done) } else { Err(Lack::Orders(missing)) }
    }

    /// The unit, which has to wait.
    pub fn with(mut self, lack: Lack) -> Arrival {
        match lack {
            Lack::Memory => self.is_long = true,
            Lack::Orders(orders) => self.wait_for(orders),
        }
        self
    }

    /// Notes the orders that it has to wait for.
    pub fn wait_for(&mut self, keys: Vec<OrderKey>) {
        let orders = self.orders.get_or_insert_default();
        orders.again += u32::from(keys.iter().any(|key| orders.waited.contains(key)) || planted!("every-wait-counts"));
        orders.waited.extend(&keys);
        orders.lacking = keys;
    }

    /// The orders that have to be built before it can be executed.
    pub fn lacking(&self) -> &[OrderKey] {
        self.orders.as_ref().map_or(&[], |orders| &orders.lacking)
    }

    /// Notes that it need not wait for an order any more.
    pub fn conclude(&mut self, key: OrderKey) {
        if let Some(orders) = &mut self.orders {
            orders.lacking.retain(|other| *other != key);
        }
    }

    /// Whether it joins no batch, because it is answered from a stored version alone. If a commit has to move the time for
    /// it, it joins that one.
    pub fn stays(&self) -> bool {
        self.unit.watches() && !self.moves_time
    }

    /// About how long the rows that were uploaded for it are in an entry, in bytes.
    pub fn uploaded(&self) -> u64 {
        match &self.upload {
            Some(ValueUpload::Ready(uploaded)) => self.written + PUNCTUATION as u64 * uploaded.layer.count().rows,
            Some(ValueUpload::UnderWay) | None => 0,
        }
    }

    /// The bytes that `recent` has to hold for it.
    pub fn recorded(&self) -> u64 {
        if self.upload.is_some() { 0 } else { self.written }
    }
}
