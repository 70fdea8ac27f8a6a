//! Finds a short cycle, and says in words what it consists of.

use std::collections::VecDeque;

use super::super::claims::NONE;
use super::finding::Finding;
use super::graph::{Because, Graph};
use super::unit::Units;
use crate::history::History;

/// The search for a short cycle starts from so many units at the most, and follows so many edges in all. Beyond that, it
/// takes the shortest so far.
const MOST_STARTS: usize = 256;
const MOST_EDGES: usize = 20_000_000;

/// The steps of a cycle: each unit, and why it comes before the next one. After the last one comes the first.
pub(super) type Cycle = Vec<(u32, Because)>;

/// A cycle of few units, if there is one.
pub(super) fn shortest(graph: &Graph) -> Option<Cycle> {
    let knot = smallest_knot(graph)?;
    let mut within = vec![false; graph.nodes()];
    knot.iter().for_each(|node| within[*node as usize] = true);
    let mut best: Option<Cycle> = None;
    let mut spent = 0;
    for start in knot.iter().copied().filter(|node| (*node as usize) < graph.units).take(MOST_STARTS) {
        let longest = best.as_ref().map_or(usize::MAX, |best| best.len() - 1);
        if spent > MOST_EDGES && best.is_some() {
            break;
        }
        if let Some(cycle) = around(graph, &within, start, longest, &mut spent) {
            best = Some(cycle);
        }
        if best.as_ref().is_some_and(|best| best.len() == 2) {
            break;
        }
    }
    best
}

/// The shortest cycle through a unit of at most so many units.
fn around(graph: &Graph, within: &[bool], start: u32, longest: usize, spent: &mut usize) -> Option<Cycle> {
    let mut reached: Vec<(u32, u32, Because)> = vec![(NONE, NONE, Because::Ended); within.len()]; // units so far, from, why
    *spent += within.len();
    let mut waiting = VecDeque::from([(start, 1)]);
    reached[start as usize] = (1, NONE, Because::Ended);
    while let Some((node, units)) = waiting.pop_front() {
        if reached[node as usize].0 != units || units as usize > longest {
            continue;
        }
        for (to, because) in graph.edges(node) {
            *spent += 1;
            if *to == start {
                return Some(path(graph, &reached, node, *because));
            }
            if !within[*to as usize] {
                continue;
            }
            let is_unit = (*to as usize) < graph.units;
            let further = units + u32::from(is_unit);
            if further < reached[*to as usize].0 {
                reached[*to as usize] = (further, node, *because);
                if is_unit { waiting.push_back((*to, further)) } else { waiting.push_front((*to, further)) }
            }
        }
    }
    None
}

/// The cycle that ends with a step from a node to the start.
fn path(graph: &Graph, reached: &[(u32, u32, Because)], last: u32, because: Because) -> Cycle {
    let mut cycle = Vec::new();
    let (mut node, mut why) = (last, because);
    loop {
        if (node as usize) < graph.units {
            cycle.push((node, why));
        }
        let (_, from, because) = reached[node as usize];
        if from == NONE {
            break;
        }
        // A step over moments is one step of real time.
        why = if (node as usize) < graph.units { because } else { Because::Ended };
        node = from;
    }
    cycle.reverse();
    cycle
}

/// The nodes of the smallest strongly connected component of more than one node: Tarjan's algorithm, without recursion.
fn smallest_knot(graph: &Graph) -> Option<Vec<u32>> {
    const DONE: u32 = NONE - 1;
    let mut low = vec![NONE; graph.nodes()];
    let mut number = vec![NONE; graph.nodes()];
    let (mut open, mut calls): (Vec<u32>, Vec<(u32, u32)>) = (Vec::new(), Vec::new());
    let mut next = 0;
    let mut smallest: Option<Vec<u32>> = None;
    for root in 0..graph.nodes() as u32 {
        if number[root as usize] != NONE {
            continue;
        }
        calls.push((root, 0));
        while let Some((node, edge)) = calls.last_mut() {
            let node = *node;
            if *edge == 0 {
                (number[node as usize], low[node as usize]) = (next, next);
                next += 1;
                open.push(node);
            }
            if let Some((to, _)) = graph.edges(node).get(*edge as usize) {
                *edge += 1;
                match number[*to as usize] {
                    NONE => calls.push((*to, 0)),
                    DONE => {}
                    seen => low[node as usize] = low[node as usize].min(seen),
                }
                continue;
            }
            calls.pop();
            if let Some((above, _)) = calls.last() {
                low[*above as usize] = low[*above as usize].min(low[node as usize]);
            }
            if low[node as usize] == number[node as usize] {
                let from = open.iter().rposition(|other| *other == node).unwrap_or(0);
                let knot = open.split_off(from);
                knot.iter().for_each(|node| number[*node as usize] = DONE);
                if knot.len() > 1 && smallest.as_ref().is_none_or(|smallest| knot.len() < smallest.len()) {
                    smallest = Some(knot);
                }
            }
        }
    }
    smallest
}

/// The violation that a cycle proves. It is about the operation of the cycle that was answered last.
pub(super) fn violation(history: &History, units: &Units<'_>, cycle: &Cycle) -> Finding {
    let unit = |number: u32| &units.all[number as usize];
    let answered =
        |number: &u32| history.operations[unit(*number).index as usize].end.as_ref().map(|(end, _)| end.event);
    let last = cycle.iter().map(|(number, _)| *number).max_by_key(answered).unwrap_or_default();
    let operation = |number: u32| {
        let operation = &history.operations[unit(number).index as usize];
        format!("client {}'s {} (operation {})", operation.client, operation.command, operation.id)
    };
    let key = |list: u32| units.lists[list as usize].1;
    let step = |place: usize| {
        let ((one, because), (other, _)) = (cycle[place], cycle[(place + 1) % cycle.len()]);
        let (one, other) = (unit(one).id, unit(other).id);
        match because {
            Because::Pushed(list) => format!("{one} pushed to {} before {other}", key(list)),
            Because::Seen(list) => format!("{other} saw what {one} pushed to {}", key(list)),
            Because::Unseen(list) => format!("{one} did not see what {other} pushed to {}", key(list)),
            Because::Ended => format!("{one} ended before {other} was called"),
            Because::Called => format!("the client of {one} called {other} after it"),
        }
    };
    let named: Vec<String> = cycle.iter().map(|(number, _)| operation(*number)).collect();
    let steps: Vec<String> = (0..cycle.len()).map(step).collect();
    let why = format!("no order is possible for {}: {}", named.join(", "), steps.join(", and "));
    Finding::Violation { index: unit(last).index as usize, why }
}
