//! Cuts a history into parts that can be judged one by one.
//!
//! Two operations belong to one part if they share a key, or if they overlap in one client's pipeline: there the order
//! of the calls binds them, which no order of the two keys by themselves would show. FLUSHALL and DBSIZE concern all
//! keys that are named anywhere. Everything else that orders operations is real time, and orders that respect real time
//! in each part can always be merged into one that does so in all (linearizability is local).

use super::claims::{Act, Claims, Map};

/// Acts that have to be judged together, in the order of their calls.
#[derive(Default)]
pub(super) struct Part {
    pub(super) acts: Vec<u32>,
    /// How many keys they speak of.
    pub(super) keys: usize,
}

/// A history in parts.
pub(super) struct Partition {
    pub(super) parts: Vec<Part>,
    /// For each key its number in its part.
    pub(super) local: Vec<u32>,
}

impl Partition {
    /// Cuts up those acts that are chosen.
    pub(super) fn of(claims: &Claims, chosen: impl Fn(&Act) -> bool) -> Partition {
        let mut union = Union((0..claims.keys as u32).collect());
        let mut newest: Map<u64, (u32, u64)> = Map::default();
        for act in claims.acts.iter().filter(|act| chosen(act)) {
            let mut keys = act.claim.keys();
            let Some(first) = keys.next() else { continue };
            keys.for_each(|key| union.join(first, key));
            if act.is_open() {
                continue;
            }
            if let Some((key, end)) = newest.insert(act.client, (first, act.end))
                && act.call < end
            {
                union.join(key, first);
            }
        }
        let mut partition = Partition { parts: Vec::new(), local: vec![0; claims.keys] };
        let mut numbers: Vec<Option<usize>> = vec![None; claims.keys];
        for key in 0..claims.keys {
            let root = union.root(key as u32) as usize;
            let number = *numbers[root].get_or_insert(partition.parts.len());
            if number == partition.parts.len() {
                partition.parts.push(Part::default());
            }
            let part = &mut partition.parts[number];
            partition.local[key] = part.keys as u32;
            part.keys += 1;
        }
        for (number, act) in claims.acts.iter().enumerate().filter(|(_, act)| chosen(act)) {
            if let Some(key) = act.claim.keys().next()
                && let Some(part) = numbers[union.root(key) as usize]
            {
                partition.parts[part].acts.push(number as u32);
            }
        }
        partition.parts.retain(|part| !part.acts.is_empty());
        partition
    }
}

/// Union-find: for each key, a key of the same part.
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
