//! The judge of appends: it finds cycles in histories of lists that only grow.
//!
//! The operations are transactions of RPUSH and LRANGE from 0 to -1, or single commands, and no element is pushed twice. A
//! look at a list then shows the order of all pushes before it, and the reply to an RPUSH shows its place. So almost every
//! order between two operations is known, and the question is whether these orders form a cycle (Kingsbury and Alvaro,
//! *Elle*, 2020). That takes linear time, however many clients and keys there are.
//!
//! | one operation comes before another because | name in the literature |
//! |---|---|
//! | it pushed to a list earlier | write-write |
//! | the other one saw what it pushed | write-read |
//! | it did not see what the other one pushed | read-write |
//! | it ended before the other one was called | real time |
//! | its client called it before the other one | session |
//!
//! Some mistakes need no cycle: an element that nobody pushed, or whose push failed; a look in which another look's elements
//! are missing or in another order; half of a transaction; a length that the pushes do not add up to.
//!
//! A WATCH is a look at the list as the EXEC after it found it. Operations of unknown outcome count as soon as somebody saw
//! one of their elements.
//!
//! # When it decides
//!
//! If every place of every list has its element, all facts are orders between operations: without a cycle, an order
//! exists, and the judge returns it. If a place is empty, because an operation of unknown outcome may have filled it and
//! nobody looked, the judge still finds cycles, and else leaves the history to the other judge. It also leaves to that
//! judge a violation for which an open FLUSHALL or another such command could be to blame.
//!
//! | file | holds |
//! |---|---|
//! | `unit` | operations, and what each shows of each list |
//! | `place` | which element stands where in each list |
//! | `graph` | which operation comes before which |
//! | `cycle` | the search for a short cycle |
//! | `finding` | what the judge finds |

mod cycle;
mod finding;
mod graph;
mod place;
mod unit;

pub(super) use self::finding::Finding;
use self::graph::Graph;
use self::place::Lists;
use self::unit::{NoUnits, Units};
use crate::history::History;

/// Judges what is known of a history at an event.
pub(super) fn judge(history: &History, until: u64) -> Finding {
    let mut units = match Units::of(history, until) {
        Ok(units) => units,
        Err(NoUnits::Foreign) => return Finding::Unsure,
        Err(NoUnits::Wrong(wrong)) => return Finding::wrong(history, wrong, false),
    };
    let disturbed = units.disturbed;
    let lists = match Lists::of(&mut units) {
        Ok(lists) => lists,
        Err(wrong) => return Finding::wrong(history, wrong, disturbed),
    };
    let graph = Graph::of(&units, &lists);
    match cycle::shortest(&graph) {
        Some(_) if disturbed => Finding::Unsure,
        Some(cycle) => cycle::violation(history, &units, &cycle),
        None if lists.has_gaps || units.inexact => Finding::Unsure,
        None => Finding::Order(graph.order(&units)),
    }
}
