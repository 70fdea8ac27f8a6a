//! The outcome of a batch whose effects are stored as a run before its commit is sent.

use std::collections::{BTreeMap, VecDeque};

use super::answer::Yield;
use super::arrival::Arrival;
use super::sending::{Adopted, Executed};
use crate::state::Prepared;
use crate::store::Condition;
use crate::upkeep::Uploaded;

/// An outcome that waits for the upload of its rows.
pub struct Held {
    /// The number of the commit that it becomes.
    pub number: u64,
    /// What the units yield, and whether they change something, by their numbers.
    pub results: BTreeMap<u64, (Yield, bool)>,
    /// The number of the oldest unit that changes something. Units leave the queue in their order, so if this one is
    /// there, all are.
    pub oldest: Option<u64>,
    pub proposals: Vec<Adopted>,
    pub prepared: Prepared,
    pub condition: Condition,
    /// The run, once it is stored.
    pub uploaded: Option<Uploaded>,
}

impl Held {
    /// Keeps the outcome of a batch. Gives back its units.
    pub fn new(
        number: u64,
        units: VecDeque<Executed>,
        proposals: Vec<Adopted>,
        prepared: Prepared,
        condition: Condition,
    ) -> (Held, VecDeque<Arrival>) {
        let oldest = units.iter().find(|executed| executed.changed).map(|executed| executed.arrival.number);
        let mut results = BTreeMap::new();
        let keep = |Executed { arrival, result, changed }: Executed| {
            results.insert(arrival.number, (result, changed));
            arrival
        };
        let arrivals = units.into_iter().map(keep).collect();
        (Held { number, results, oldest, proposals, prepared, condition, uploaded: None }, arrivals)
    }
}
