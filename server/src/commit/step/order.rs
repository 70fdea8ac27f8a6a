//! Large orders that units wait for.
//!
//! Nobody knows which orders a unit needs before it is executed. So the core executes it on a draft that does not build large
//! orders. If the unit asks for one, it is undone and set aside ([`crate::commit::aside`]), and the core has the order built
//! beside the loop. Then the unit goes back to its place in the queue, and is executed like any other, on the version that is
//! in memory by then. The order has followed all versions up to that one. So nothing that is proven of units, or of their
//! places in the serial order, depends on the wait.
//!
//! The wait ends. The work may turn out to be in vain: the collection may be deleted, or memory may move to a version that
//! does not follow the one that the order is built of. Then the unit is executed all the same, and asks for the order again if
//! it still needs it. After some such waits the order is built at once.

use crate::commit::core::{Core, Effect};
use crate::state::{Derived, Installed, OrderKey};

/// How many orders are built at the same time. They share a processor, so more of them would only be slower, and each takes
/// memory of its own.
const AT_THE_SAME_TIME: usize = 4;

impl Core {
    /// Begins to build orders that units lack.
    pub(super) fn begin_orders(&mut self) {
        if !self.waiting.has_aside() || self.deriving.under_way >= AT_THE_SAME_TIME {
            return;
        }
        for key in self.waiting.lacking() {
            if self.deriving.under_way >= AT_THE_SAME_TIME {
                return;
            }
            if self.deriving.tickets.contains_key(&key) {
                continue;
            }
            if !self.known.database.wants_order(key) {
                self.conclude(key);
                continue;
            }
            self.deriving.newest += 1;
            self.deriving.under_way += 1;
            let ticket = self.deriving.newest;
            self.deriving.tickets.insert(key, ticket);
            let work = self.known.database.derive(key, ticket);
            self.effects.push(Effect::Derive(Box::new(work)));
        }
    }

    /// Lets the units go on whose orders are built in vain.
    pub(super) fn forgo_orders(&mut self) {
        let database = &self.known.database;
        let in_vain = self.deriving.tickets.extract_if(.., |key, ticket| !database.awaits(*key, *ticket));
        let in_vain: Vec<OrderKey> = in_vain.map(|(key, _)| key).collect();
        for key in in_vain {
            self.conclude(key);
        }
    }

    /// An order was built.
    pub(super) fn derived(&mut self, derived: Derived) {
        let key = derived.key;
        match self.known.database.install(derived) {
            Installed::Now => {
                self.deriving.under_way -= 1;
                self.deriving.tickets.remove(&key);
                self.conclude(key);
            }
            // Whoever waited for it goes on with `forgo_orders`.
            Installed::InVain => self.deriving.under_way -= 1,
            Installed::Behind(work) => self.effects.push(Effect::Derive(work)),
        }
    }

    fn conclude(&mut self, key: OrderKey) {
        self.waiting.conclude(key);
        self.stirred = true;
    }
}
