//! Orders that are built in slices, while versions come.

use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use valthree::run::Work as _;
use valthree::state::{Deriving, Installed};

use super::orders;
use super::world::World;

/// The orders that are being built. They change no row, so their draws are their own: the schedule of a seed is the same
/// without them.
pub struct OrderWorks {
    rng: StdRng,
    newest: u64,
    under_way: Vec<OrderWork>,
}

/// The work on an order.
struct OrderWork {
    server: usize,
    work: Box<Deriving>,
}

impl OrderWorks {
    pub fn new(seed: u64) -> OrderWorks {
        OrderWorks { rng: StdRng::seed_from_u64(seed), newest: 0, under_way: Vec::new() }
    }
}

impl World {
    /// Perhaps a server begins to build an order, and perhaps work on one goes on.
    pub fn build_orders(&mut self) {
        if self.order_works.rng.random_ratio(1, 5) {
            self.derive();
        }
        if self.order_works.rng.random_ratio(1, 2) {
            self.work_on_an_order();
        }
    }

    /// A server begins to build some order.
    fn derive(&mut self) {
        let OrderWorks { rng, newest, under_way } = &mut self.order_works;
        let server = rng.random_range(0..self.servers.len());
        let database = &mut self.servers[server].database;
        let Some(key) = orders::keys(database).into_iter().choose(rng) else { return };
        *newest += 1;
        under_way.push(OrderWork { server, work: Box::new(database.derive(key, *newest)) });
    }

    /// Some work goes on, or ends. What comes of it is compared with the rows.
    fn work_on_an_order(&mut self) {
        let OrderWorks { rng, under_way, .. } = &mut self.order_works;
        let Some(at) = (0..under_way.len()).choose(rng) else { return };
        let OrderWork { server, mut work } = under_way.swap_remove(at);
        let slices = rng.random_range(1..4);
        let Some(derived) = (0..slices).find_map(|_| work.step()) else {
            under_way.push(OrderWork { server, work });
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
            Installed::Behind(work) => self.order_works.under_way.push(OrderWork { server, work }),
        }
    }
}
