//! Judges the parts of a history, the cheap ways first.

use super::append::{self, Finding};
use super::claims::{Claims, Impossible, NEVER};
use super::frontier::{Counting, Found, search};
use super::parts::{Part, Partition};
use super::verdict::Budget;
use super::{refusals, translate, typed};
use crate::history::History;

/// A verdict without evidence.
pub(super) enum Judgement {
    Serializable,
    /// No order explains the reply to the operation at this index, or some later reply.
    Violation {
        index: usize,
    },
    Undecided,
}

/// Whether the claims cover a history: it is about registers alone.
pub(super) fn is_about_registers(history: &History) -> bool {
    history.operations.iter().all(|operation| operation.command.is_about_registers())
}

/// Judges what is known of a history at an event. Does not check its assumptions.
///
/// If the history is serializable and the caller wants `orders`, adds one order for each part, as indexes of operations.
pub(super) fn judge(
    history: &History,
    until: u64,
    budget: &mut Budget,
    orders: Option<&mut Vec<Vec<usize>>>,
) -> Judgement {
    if is_about_registers(history) {
        return judge_registers(history, until, budget, orders);
    }
    if let Some(Impossible { index, .. }) = refusals::wrong(history, until) {
        return Judgement::Violation { index };
    }
    match append::judge(history, until) {
        Finding::Order(order) => {
            if let Some(orders) = orders {
                orders.push(order);
            }
            Judgement::Serializable
        }
        Finding::Violation { index, .. } => Judgement::Violation { index },
        Finding::Unsure => typed::judge(history, until, budget, orders),
    }
}

/// Judges a history of lists that only grow by cycles alone. `None` if it is another history, or if cycles do not decide it.
pub(super) fn judge_by_cycles(history: &History) -> Option<bool> {
    match append::judge(history, NEVER) {
        Finding::Order(_) => Some(true),
        Finding::Violation { .. } => Some(false),
        Finding::Unsure => None,
    }
}

/// Judges a history by the search of typed values alone.
pub(super) fn judge_by_search(history: &History, budget: &mut Budget) -> Judgement {
    match refusals::wrong(history, NEVER) {
        Some(Impossible { index, .. }) => Judgement::Violation { index },
        None => typed::judge(history, NEVER, budget, None),
    }
}

/// Judges a history of registers.
pub(super) fn judge_registers(
    history: &History,
    until: u64,
    budget: &mut Budget,
    mut orders: Option<&mut Vec<Vec<usize>>>,
) -> Judgement {
    let claims = match translate::claims(history, until) {
        Ok(claims) => claims,
        Err(Impossible { index, .. }) => return Judgement::Violation { index },
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
            Found::Stuck { act } => return Judgement::Violation { index: claims.acts[act as usize].index as usize },
        }
    }
    if undecided { Judgement::Undecided } else { Judgement::Serializable }
}

/// The parts of a history without the open operations that nobody has seen.
///
/// An open operation need not have happened. So an order of the history without it is an order of the whole history. And
/// without it fewer keys belong together, which makes the search cheaper.
#[derive(Default)]
struct Certain {
    partition: Partition,
    /// For each part of the whole history, the smaller parts that it falls into.
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
            if let Some(key) = part.keys_of(claims).next() {
                pieces[whole.number[key as usize] as usize].push(number);
            }
        }
        Certain { partition, pieces }
    }

    /// Whether a part of the whole history falls into several pieces and each of them has an order.
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
            let mut some = Budget { steps: budget.steps / 4, ..*budget };
            let local = &self.partition.local;
            matches!(search(claims, local, part, seats, Counting::Frugal, &mut some, Some(&mut found)), Found::Order)
        });
        if let Some(orders) = orders.filter(|_| explained) {
            orders.append(&mut found);
        }
        explained
    }
}

/// Judges one part.
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
        if let Found::Order = run(Counting::Frugal, orders.as_deref_mut()) {
            return Found::Order;
        }
        // Lavish counting may use an open operation more often than clients called it. Such an order is not shown.
        if let Found::Stuck { act } = run(Counting::Lavish, None) {
            return Found::Stuck { act };
        }
    }
    run(Counting::Exact, orders)
}
