//! The judge: can what clients observed be explained by one order of their operations?

mod assumptions;
mod claim;
mod claims;
mod configuration;
mod evidence;
mod frontier;
mod parts;
mod plan;
mod shrink;

use self::claims::{Claims, Impossible, NEVER};
use self::frontier::{Counting, Found, search};
use self::parts::{Part, Partition};
use self::plan::{NONE, Seat};
pub use self::shrink::shrink;
use crate::history::{History, Operation};

/// What a history is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order of its operations that respects real time and explains every reply.
    Serializable,
    /// There is none.
    Violation(Box<Violation>),
    /// The budget ran out before that was clear, here in words: never a violation, and never a pass.
    Undecided(String),
    /// It is no history of the kind that can be judged, for this reason: who wrote it down made a mistake.
    Malformed(String),
}

/// Evidence that a history cannot be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The operation that no order explains, as a place in the history.
    pub operation: usize,
    /// Why not, in a sentence for people.
    pub why: String,
    /// The longest beginning that can be explained: operations of the history, as places in it, in an order in which
    /// they can have taken effect.
    pub prefix: Vec<usize>,
}

/// How much a check may cost: steps, not seconds, so that a verdict is the same on every machine.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Configurations that may be looked at.
    pub steps: u64,
}

impl Default for Budget {
    /// Far more than a round needs, and some seconds at most.
    fn default() -> Budget {
        Budget { steps: 4_000_000 }
    }
}

/// Judges a history.
pub fn check(history: &History, mut budget: Budget) -> Verdict {
    if let Some(why) = assumptions::broken(history) {
        return Verdict::Malformed(why);
    }
    let allowed = budget.steps;
    match judge_history(history, &mut budget, None) {
        Judged::Serializable => Verdict::Serializable,
        Judged::Undecided => Verdict::Undecided(format!("no verdict within {allowed} configurations")),
        Judged::Violation(violation) => {
            // Looking for the first reply that cannot be explained may cost as much again.
            let mut more = Budget { steps: allowed };
            Verdict::Violation(Box::new(evidence::first(history, violation, &mut more)))
        }
    }
}

enum Judged {
    Serializable,
    Violation(Violation),
    Undecided,
}

/// Judges a history without looking at its assumptions. If it is serializable and the orders are wanted, they are an order for
/// each of its parts, as places in the history.
fn judge_history(history: &History, budget: &mut Budget, mut orders: Option<&mut Vec<Vec<usize>>>) -> Judged {
    let claims = match Claims::of(history) {
        Ok(claims) => claims,
        Err(Impossible { place, why }) => {
            let Operation { client, id, command, .. } = &history.operations[place];
            let why = format!("client {client}'s {command} (operation {id}) {why}");
            return Judged::Violation(Violation { operation: place, why, prefix: Vec::new() });
        }
    };
    let mut seats = vec![Seat { number: 0, before: NONE, next_call: NEVER }; claims.acts.len()];
    let mut doubtful = doubtful(&claims, &mut seats, budget, orders.as_deref_mut());
    if !doubtful.contains(&true) {
        return Judged::Serializable;
    }
    let whole = Partition::of(&claims, |_| true);
    for part in &whole.parts {
        if claims.keys_of(part).any(|key| doubtful[key as usize]) {
            claims.keys_of(part).for_each(|key| doubtful[key as usize] = true);
        }
    }
    if let Some(orders) = &mut orders {
        let doubted = |place: &usize| {
            claims.acts.iter().any(|act| act.place == *place && act.claim.keys().any(|key| doubtful[key as usize]))
        };
        orders.retain(|order| !order.iter().any(doubted));
    }
    let mut undecided = false;
    for part in whole.parts.iter().filter(|part| claims.keys_of(part).any(|key| doubtful[key as usize])) {
        match judge_part(&claims, &whole.local, part, &mut seats, budget, orders.as_deref_mut()) {
            Found::Order => {}
            Found::Exhausted => undecided = true,
            Found::Stuck { act, prefix } => {
                let act = &claims.acts[act as usize];
                let why = evidence::explain(history, &claims, act);
                return Judged::Violation(Violation { operation: act.place, why, prefix });
            }
        }
    }
    if undecided { Judged::Undecided } else { Judged::Serializable }
}

/// The keys about which there is doubt if nothing happened that is open and that nobody has seen. Where there is none,
/// the verdict is clear: what is open need not have happened. And without it fewer keys have to be judged together.
fn doubtful(
    claims: &Claims,
    seats: &mut [Seat],
    budget: &Budget,
    mut orders: Option<&mut Vec<Vec<usize>>>,
) -> Vec<bool> {
    let mut doubtful = vec![false; claims.keys];
    let certain = Partition::of(claims, |act| !act.is_open() || act.writes_a_named_value());
    for part in &certain.parts {
        let mut some = Budget { steps: budget.steps / 4 };
        if !matches!(
            search(claims, &certain.local, part, seats, Counting::Frugal, &mut some, orders.as_deref_mut()),
            Found::Order
        ) {
            claims.keys_of(part).for_each(|key| doubtful[key as usize] = true);
        }
    }
    doubtful
}

/// Judges a part, the cheap ways first.
fn judge_part(
    claims: &Claims,
    local: &[u32],
    part: &Part,
    seats: &mut [Seat],
    budget: &mut Budget,
    mut orders: Option<&mut Vec<Vec<usize>>>,
) -> Found {
    let open = part.acts.iter().any(|act| claims.acts[*act as usize].is_open());
    // An order that has an open operation happen more often than it was called is none to show.
    let mut run = |counting| {
        let orders = orders.as_deref_mut().filter(|_| counting != Counting::Lavish);
        search(claims, local, part, seats, counting, budget, orders)
    };
    if !open {
        return run(Counting::Exact);
    }
    let frugal = run(Counting::Frugal);
    let Found::Stuck { act: reached, prefix } = frugal else { return frugal };
    let Found::Stuck { act, .. } = run(Counting::Lavish) else { return run(Counting::Exact) };
    if act == reached {
        return Found::Stuck { act, prefix };
    }
    match run(Counting::Exact) {
        Found::Exhausted => Found::Stuck { act, prefix },
        found => found,
    }
}
