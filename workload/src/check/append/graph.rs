//! The graph of which unit must come before which.
//!
//! Its nodes are the units that took effect, and moments: everything that ended before a moment comes before it, and
//! everything that was called after it comes later. So real time needs as many edges as there are units, not their square.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::claims::{Map, NEVER, NONE};
use super::place::Lists;
use super::unit::Units;

/// Why a node comes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Because {
    /// It pushed to the list first.
    Pushed(u32),
    /// The other one saw what it pushed to the list.
    Seen(u32),
    /// It did not see what the other one pushed to the list.
    Unseen(u32),
    /// It ended before the moment, or the moment before it.
    Ended,
    /// Its client called it first.
    Called,
}

/// Nodes with their edges. The first nodes are the units.
pub(super) struct Graph {
    /// The number of units.
    pub(super) units: usize,
    /// For each node, its first edge. One more stands at the end.
    first: Vec<u32>,
    edges: Vec<(u32, Because)>,
}

/// The edges, while they are collected.
struct Edges {
    nodes: u32,
    all: Vec<(u32, u32, Because)>,
}

impl Edges {
    fn add(&mut self, from: u32, to: u32, because: Because) {
        if from != to {
            self.all.push((from, to, because));
        }
    }
}

impl Graph {
    pub(super) fn of(units: &Units<'_>, lists: &Lists) -> Graph {
        let mut edges = Edges { nodes: units.all.len() as u32, all: Vec::with_capacity(4 * units.all.len()) };
        add_pushes(&mut edges, units, lists);
        add_looks(&mut edges, units, lists);
        add_real_time(&mut edges, units);
        add_sessions(&mut edges, units);
        Graph::sorted(units.all.len(), &edges)
    }

    fn sorted(units: usize, Edges { nodes, all }: &Edges) -> Graph {
        let mut first = vec![0_u32; *nodes as usize + 1];
        all.iter().for_each(|(from, ..)| first[*from as usize + 1] += 1);
        (1..first.len()).for_each(|node| first[node] += first[node - 1]);
        let mut next = first.clone();
        let mut edges = vec![(NONE, Because::Ended); all.len()];
        for (from, to, because) in all {
            edges[next[*from as usize] as usize] = (*to, *because);
            next[*from as usize] += 1;
        }
        Graph { units, first, edges }
    }

    /// The number of nodes.
    pub(super) fn nodes(&self) -> usize {
        self.first.len() - 1
    }

    /// The edges from a node.
    pub(super) fn edges(&self, node: u32) -> &[(u32, Because)] {
        &self.edges[self.first[node as usize] as usize..self.first[node as usize + 1] as usize]
    }

    /// An order of the units that took effect, as indexes of operations. There must be no cycle.
    pub(super) fn order(&self, units: &Units<'_>) -> Vec<usize> {
        let mut left = vec![0_u32; self.nodes()];
        self.edges.iter().for_each(|(to, _)| left[*to as usize] += 1);
        let free = (0..self.nodes() as u32).filter(|node| left[*node as usize] == 0).map(Reverse);
        let mut free: BinaryHeap<Reverse<u32>> = free.collect();
        let mut order = Vec::new();
        while let Some(Reverse(node)) = free.pop() {
            if let Some(unit) = units.all.get(node as usize).filter(|unit| unit.happened) {
                order.push(unit.index as usize);
            }
            for (to, _) in self.edges(node) {
                left[*to as usize] -= 1;
                if left[*to as usize] == 0 {
                    free.push(Reverse(*to));
                }
            }
        }
        order
    }
}

/// Pushes to a list come in the order of their places. A unit that took effect, but whose push nobody saw, comes last.
fn add_pushes(edges: &mut Edges, units: &Units<'_>, lists: &Lists) {
    let unit = |access: u32| units.accesses[access as usize].unit;
    for (list, places) in lists.places.iter().enumerate() {
        let mut before = NONE;
        for access in places.iter().copied().filter(|access| *access != NONE) {
            if before != NONE {
                edges.add(unit(before), unit(access), Because::Pushed(list as u32));
            }
            before = access;
        }
    }
    if lists.has_gaps {
        return; // what nobody saw may stand in a gap
    }
    for access in units.accesses.iter().filter(|access| access.base.is_none() && !access.pushed.is_empty()) {
        let last = lists.places[access.list as usize].last();
        if let Some(last) = last.filter(|_| units.all[access.unit as usize].happened) {
            edges.add(unit(*last), access.unit, Because::Pushed(access.list));
        }
    }
}

/// A look comes after the push of the last element that it saw, and before the push of the next one.
fn add_looks(edges: &mut Edges, units: &Units<'_>, lists: &Lists) {
    let unit = |access: &u32| units.accesses[*access as usize].unit;
    let mut unseen: Vec<Vec<u32>> = vec![Vec::new(); lists.places.len()];
    for access in units.accesses.iter().filter(|access| access.base.is_none() && !access.pushed.is_empty()) {
        if units.all[access.unit as usize].happened && !lists.has_gaps {
            unseen[access.list as usize].push(access.unit);
        }
    }
    for access in units.accesses.iter().filter(|access| access.pushed.is_empty()) {
        let Some(base) = access.base else { continue };
        let (before, after) = lists.places[access.list as usize].split_at(base as usize);
        let known = |access: &&u32| **access != NONE;
        if let Some(last) = before.iter().rev().find(known) {
            edges.add(unit(last), access.unit, Because::Seen(access.list));
        }
        match after.iter().find(known) {
            Some(next) => edges.add(access.unit, unit(next), Because::Unseen(access.list)),
            None => {
                let later = &unseen[access.list as usize];
                later.iter().for_each(|later| edges.add(access.unit, *later, Because::Unseen(access.list)));
            }
        }
    }
}

/// What ended before a call comes before it.
fn add_real_time(edges: &mut Edges, units: &Units<'_>) {
    let mut events: Vec<(u64, u32, bool)> = Vec::with_capacity(2 * units.all.len());
    for (number, unit) in units.all.iter().enumerate().filter(|(_, unit)| unit.happened) {
        events.push((unit.call, number as u32, false));
        if unit.end != NEVER {
            events.push((unit.end, number as u32, true));
        }
    }
    events.sort_unstable();
    let mut ended: Vec<u32> = Vec::new();
    let mut moment = NONE;
    for (_, number, ends) in events {
        if ends {
            ended.push(number);
            continue;
        }
        if !ended.is_empty() {
            let next = edges.nodes;
            edges.nodes += 1;
            ended.drain(..).for_each(|number| edges.add(number, next, Because::Ended));
            if moment != NONE {
                edges.add(moment, next, Because::Ended);
            }
            moment = next;
        }
        if moment != NONE {
            edges.add(moment, number, Because::Ended);
        }
    }
}

/// The answered operations of one client come in the order of their calls, also if they overlap.
fn add_sessions(edges: &mut Edges, units: &Units<'_>) {
    let mut newest: Map<u64, u32> = Map::default();
    for (number, unit) in units.all.iter().enumerate().filter(|(_, unit)| unit.end != NEVER) {
        if let Some(before) = newest.insert(unit.client, number as u32)
            && units.all[before as usize].end > unit.call
        {
            edges.add(before, number as u32, Because::Called);
        }
    }
}
