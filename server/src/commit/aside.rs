//! Units that wait for a large order, and the later units of their clients.
//!
//! An order of many elements is built in slices beside the loop. A unit that needs one stands aside until it is there. It has
//! changed nothing, so its deadline may still pass: then its client hears TRYAGAIN. The later units of its client stand aside
//! behind it, since no unit overtakes an earlier one of its client. All other units stay in the queue, and do not wait.

use std::collections::{BTreeMap, VecDeque};

use tokio::time::Instant;

use super::arrival::Arrival;
use crate::state::OrderKey;

/// The units that stand aside.
#[derive(Default)]
pub struct Aside {
    /// Those of each client, in order. The first one lacks an order. None of them is empty.
    clients: BTreeMap<u64, VecDeque<Arrival>>,
}

impl Aside {
    /// Whether nobody stands aside.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Takes in a unit that lacks an order, or that comes after such a unit of its client. Gives back any other unit.
    pub fn admit(&mut self, arrival: Arrival) -> Option<Arrival> {
        let client = arrival.unit.client;
        let first = self.clients.get(&client).and_then(VecDeque::front);
        if arrival.lacking().is_empty() && first.is_none_or(|first| arrival.number < first.number) {
            return Some(arrival);
        }
        let units = self.clients.entry(client).or_default();
        units.insert(units.partition_point(|other| other.number < arrival.number), arrival);
        None
    }

    /// The orders that units lack, those of the units that came first before the others.
    pub fn lacking(&self) -> Vec<OrderKey> {
        let mut first: Vec<&Arrival> = self.clients.values().filter_map(VecDeque::front).collect();
        first.sort_unstable_by_key(|arrival| arrival.number);
        first.into_iter().flat_map(|arrival| arrival.lacking().iter().copied()).collect()
    }

    /// Notes that nobody has to wait for an order any more.
    pub fn conclude(&mut self, key: OrderKey) {
        self.clients.values_mut().flatten().for_each(|arrival| arrival.conclude(key));
    }

    /// Removes the units that need not stand aside any more.
    pub fn rejoin(&mut self) -> Vec<Arrival> {
        let waits = |units: &VecDeque<Arrival>| units.front().is_some_and(|first| !first.lacking().is_empty());
        let free = self.clients.extract_if(.., |_, units| !waits(units));
        let mut free: Vec<Arrival> = free.flat_map(|(_, units)| units).collect();
        free.sort_unstable_by_key(|arrival| arrival.number);
        free
    }

    /// The nearest deadline.
    pub fn deadline(&self) -> Option<Instant> {
        self.clients.values().filter_map(VecDeque::front).map(|arrival| arrival.deadline).min()
    }

    /// Removes a unit whose deadline has passed.
    pub fn expire(&mut self, now: Instant) -> Option<Arrival> {
        let mut clients = self.clients.values_mut();
        clients.find_map(|units| units.pop_front_if(|arrival| arrival.deadline <= now))
    }

    /// The unit with this number.
    pub fn find(&mut self, number: u64) -> Option<&mut Arrival> {
        self.clients.values_mut().flatten().find(|arrival| arrival.number == number)
    }

    /// Removes every unit.
    pub fn drain(&mut self) -> impl Iterator<Item = Arrival> + use<> {
        std::mem::take(&mut self.clients).into_values().flatten()
    }
}
