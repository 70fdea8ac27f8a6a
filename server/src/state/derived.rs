//! What a database has derived from its rows, and can do without.

use super::database::Database;
use super::order::Discard;
use super::orders::Orders;

impl Database {
    /// The work to free large orders that nobody wants any more, if there are any.
    pub fn discard(&mut self) -> Option<Discard> {
        self.orders.get_mut().discard()
    }

    /// Forgets the orders, which can be built again. For tests that compare.
    pub fn drop_orders(&self) {
        self.orders.replace(Orders::default());
    }
}
