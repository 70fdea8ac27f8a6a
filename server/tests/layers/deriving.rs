//! Orders that are built in slices, while versions come.

use rand::RngExt as _;
use rand::seq::IteratorRandom as _;
use valthree::run::Work as _;
use valthree::state::{Deriving, Installed};

use super::orders;
use super::world::World;

/// The work on an order.
pub struct OrderWork {
    server: usize,
    work: Box<Deriving>,
}

impl World {
    /// A server begins to build some order.
    pub fn derive(&mut self, server: usize) {
        let database = &mut self.servers[server].database;
        let Some(key) = orders::keys(database).into_iter().choose(&mut self.rng) else { return };
        self.tickets += 1;
        let work = Box::new(database.derive(key, self.tickets));
        self.order_works.push(OrderWork { server, work });
    }

    /// Some work goes on, or ends. What comes of it is compared with the rows.
    pub fn work_on_an_order(&mut self) {
        let Some(at) = (0..self.order_works.len()).choose(&mut self.rng) else { return };
        let OrderWork { server, mut work } = self.order_works.swap_remove(at);
        let slices = self.rng.random_range(1..4);
        let Some(derived) = (0..slices).find_map(|_| work.step()) else {
            self.order_works.push(OrderWork { server, work });
            return;
        };
        let database = &mut self.servers[server].database;
        database.drop_orders();
        match database.install(derived) {
            Installed::Now => {
                orders::follow(database);
                self.note("derived");
            }
            Installed::InVain => self.note("derived in vain"),
            Installed::Behind(work) => self.order_works.push(OrderWork { server, work }),
        }
    }
}
