//! Gives numbers to things, from 0, in the order in which they first come.

use std::borrow::Borrow;
use std::hash::{BuildHasher as _, Hash};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// Things with their numbers. The hash table holds the numbers alone, because most of its cost is memory outside the cache.
pub(super) struct Numbers<T> {
    /// The things, in the order of their numbers.
    pub(super) things: Vec<T>,
    table: HashTable<u32>,
    state: FixedState,
}

impl<T: Hash + Eq> Numbers<T> {
    /// No things yet, with room for so many.
    pub(super) fn with_capacity(things: usize) -> Numbers<T> {
        Numbers {
            things: Vec::with_capacity(things),
            table: HashTable::with_capacity(things),
            state: FixedState::default(),
        }
    }

    /// The number of a thing. If the thing is new, keeps it in the form that `kept` gives.
    pub(super) fn number<Q: Hash + Eq + ?Sized>(&mut self, thing: &Q, kept: impl FnOnce() -> T) -> u32
    where
        T: Borrow<Q>,
    {
        let Numbers { things, table, state } = self;
        let is_it = |number: &u32| things[*number as usize].borrow() == thing;
        match table.entry(state.hash_one(thing), is_it, |number| state.hash_one(things[*number as usize].borrow())) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(free) => {
                let number = things.len() as u32;
                free.insert(number);
                things.push(kept());
                number
            }
        }
    }
}
