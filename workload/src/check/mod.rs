//! The judge: can what clients observed be explained by one order of their operations?

mod assumptions;
mod claim;
mod claims;
mod configuration;
mod evidence;
mod frontier;
mod numbers;
mod parts;
mod plan;
mod shrink;
mod simplify;
mod words;

use self::claims::{Claims, Impossible, NEVER};
use self::frontier::{Counting, Found, search};
use self::parts::{Part, Partition};
pub use self::shrink::shrink;
use crate::history::History;

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

/// Judges a history, and finds the evidence if it cannot be explained.
pub fn check(history: &History, budget: Budget) -> Verdict {
    if let Some(why) = assumptions::broken(history) {
        return Verdict::Malformed(why);
    }
    match judge(history, NEVER, &mut budget.clone(), None) {
        Judged::Serializable => Verdict::Serializable,
        Judged::Undecided => Verdict::Undecided(format!("no verdict within {} configurations", budget.steps)),
        // Looking for the first reply that cannot be explained may cost as much again.
        Judged::Violation { place } => {
            Verdict::Violation(Box::new(evidence::first(history, place, &mut budget.clone())))
        }
    }
}

/// The verdict alone, without evidence: whether there is an order that explains a history. `None` if that is undecided, or
/// if the history is malformed.
pub fn is_serializable(history: &History, mut budget: Budget) -> Option<bool> {
    if assumptions::broken(history).is_some() {
        return None;
    }
    match judge(history, NEVER, &mut budget, None) {
        Judged::Serializable => Some(true),
        Judged::Violation { .. } => Some(false),
        Judged::Undecided => None,
    }
}

enum Judged {
    Serializable,
    /// Nothing explains the reply to the operation at this place, or one that came later.
    Violation {
        place: usize,
    },
    Undecided,
}

/// Judges what is known of a history at an event, without looking at its assumptions. If it is serializable and the orders
/// are wanted, they are an order for each of its parts, as places in the history.
fn judge(history: &History, until: u64, budget: &mut Budget, mut orders: Option<&mut Vec<Vec<usize>>>) -> Judged {
    let claims = match Claims::of(history, until) {
        Ok(claims) => claims,
        Err(Impossible { place, .. }) => return Judged::Violation { place },
    };
    let mut seats = vec![0; claims.acts.len()];
    let whole = Partition::of(&claims, |_| true);
    let certain = Certain::of(&claims, &whole);
    let mut undecided = false;
    for (number, part) in whole.parts.iter().enumerate() {
        if certain.explain(number, &claims, &mut seats, budget, orders.as_deref_mut()) {
            continue;
        }
        match judge_part(&claims, &whole.local, part, &mut seats, budget, orders.as_deref_mut()) {
            Found::Order => {}
            Found::Exhausted => undecided = true,
            Found::Stuck { act } => return Judged::Violation { place: claims.acts[act as usize].place as usize },
        }
    }
    if undecided { Judged::Undecided } else { Judged::Serializable }
}

/// The parts of what is left if nothing happened that is open and that nobody has seen. Where that can be explained, so
/// can the whole, as what is open need not have happened; and without it fewer keys have to be judged together.
#[derive(Default)]
struct Certain {
    partition: Partition,
    /// For each part of the whole, the smaller ones that it falls into.
    pieces: Vec<Vec<usize>>,
}

impl Certain {
    fn of(claims: &Claims, whole: &Partition) -> Certain {
        if whole.parts.iter().all(|part| part.keys == 1) {
            return Certain::default();
        }
        let partition = Partition::of(claims, |act| !act.is_open() || act.writes_a_named_value());
        let mut pieces = vec![Vec::new(); whole.parts.len()];
        for (number, part) in partition.parts.iter().enumerate() {
            if let Some(key) = claims.keys_of(part).next() {
                pieces[whole.number[key as usize] as usize].push(number);
            }
        }
        Certain { partition, pieces }
    }

    /// Whether a part of the whole falls into pieces, and each of them has an order.
    fn explain(
        &self,
        number: usize,
        claims: &Claims,
        seats: &mut [u32],
        budget: &Budget,
        orders: Option<&mut Vec<Vec<usize>>>,
    ) -> bool {
        let Some(pieces) = self.pieces.get(number).filter(|pieces| pieces.len() > 1) else { return false };
        let mut found = Vec::new();
        let explained = pieces.iter().all(|piece| {
            let part = &self.partition.parts[*piece];
            let mut some = Budget { steps: budget.steps / 4 };
            let local = &self.partition.local;
            matches!(search(claims, local, part, seats, Counting::Frugal, &mut some, Some(&mut found)), Found::Order)
        });
        if let Some(orders) = orders.filter(|_| explained) {
            orders.append(&mut found);
        }
        explained
    }
}

/// Judges a part, the cheap ways first.
fn judge_part(
    claims: &Claims,
    local: &[u32],
    part: &Part,
    seats: &mut [u32],
    budget: &mut Budget,
    mut orders: Option<&mut Vec<Vec<usize>>>,
) -> Found {
    let mut run =
        |counting, orders: Option<&mut Vec<Vec<usize>>>| search(claims, local, part, seats, counting, budget, orders);
    if part.acts().any(|act| claims.acts[act as usize].is_open()) {
        // An order that has an open operation happen more often than it was called is none to show.
        if let Found::Order = run(Counting::Frugal, orders.as_deref_mut()) {
            return Found::Order;
        }
        if let Found::Stuck { act } = run(Counting::Lavish, None) {
            return Found::Stuck { act };
        }
    }
    run(Counting::Exact, orders)
}
