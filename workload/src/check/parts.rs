//! Cuts a history into parts that can be judged one by one.
//!
//! Two operations belong to one part if
//!
//! - they share a key, or
//! - they overlap in one client's pipeline. Then their calls have an order, which has to hold across
//!   the keys.
//!
//! FLUSHALL and DBSIZE concern every key that the history names. Only real time orders operations of different parts, and
//! orders of the parts that respect real time can always be merged into one order of the whole: linearizability is local
//! (Herlihy and Wing, 1990).

use super::claims::{Act, Claims, Event, NONE, What};

/// Acts that must be judged together.
#[derive(Default)]
pub(super) struct Part {
    /// Their calls and ends, in order.
    pub(super) events: Vec<Event>,
    /// The number of keys that they concern.
    pub(super) keys: usize,
}

impl Part {
    /// The acts, in the order of their calls.
    pub(super) fn acts(&self) -> impl Iterator<Item = u32> {
        self.events.iter().filter(|event| event.what != What::End).map(|event| event.act)
    }

    /// The keys of the acts, some more than once.
    pub(super) fn keys_of(&self, claims: &Claims) -> impl Iterator<Item = u32> {
        self.acts().flat_map(|act| claims.acts[act as usize].claim.keys())
    }
}

/// A history in parts.
#[derive(Default)]
pub(super) struct Partition {
    pub(super) parts: Vec<Part>,
    /// The number of each key's part.
    pub(super) number: Vec<u32>,
    /// The number of each key within its part.
    pub(super) local: Vec<u32>,
}

impl Partition {
    /// Cuts up the chosen acts. Every answered act must be chosen.
    pub(super) fn of(claims: &Claims, chosen: impl Fn(&Act) -> bool) -> Partition {
        let first_key = |act: u32| claims.acts[act as usize].claim.keys().next();
        let mut union = Union((0..claims.keys as u32).collect());
        for act in claims.acts.iter().filter(|act| chosen(act)) {
            let mut keys = act.claim.keys();
            let Some(first) = keys.next() else { continue };
            keys.for_each(|key| union.join(first, key));
            if act.before != NONE
                && let Some(key) = first_key(act.before)
            {
                union.join(key, first);
            }
        }
        let mut partition =
            Partition { parts: Vec::new(), number: vec![NONE; claims.keys], local: vec![0; claims.keys] };
        for key in 0..claims.keys {
            let root = union.root(key as u32) as usize; // the root is the first key of its part
            if root == key {
                partition.number[key] = partition.parts.len() as u32;
                partition.parts.push(Part::default());
            }
            partition.number[key] = partition.number[root];
            let part = &mut partition.parts[partition.number[key] as usize];
            partition.local[key] = part.keys as u32;
            part.keys += 1;
        }
        for event in claims.events.iter().filter(|event| chosen(&claims.acts[event.act as usize])) {
            if let Some(key) = first_key(event.act) {
                partition.parts[partition.number[key as usize] as usize].events.push(*event);
            }
        }
        partition
    }
}

/// Union-find: for each key, another key of the same part.
struct Union(Vec<u32>);

impl Union {
    fn root(&mut self, mut key: u32) -> u32 {
        while self.0[key as usize] != key {
            let above = self.0[key as usize];
            self.0[key as usize] = self.0[above as usize];
            key = above;
        }
        key
    }

    fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one.max(other) as usize] = one.min(other);
    }
}
