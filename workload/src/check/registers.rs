//! The judge of registers: it judges the parts of a history by their claims, the cheap ways first.

use super::claims::{Claims, Impossible};
use super::frontier::{Counting, Found, search};
use super::parts::{Part, Partition};
use super::translate;
use super::verdict::{Budget, Judgement};
use crate::history::History;

/// Whether the claims cover a history: it is about registers alone.
pub(super) fn is_about_registers(history: &History) -> bool {
    history.operations.iter().all(|operation| operation.command.is_about_registers())
}

/// Judges a history of registers.
pub(super) fn judge(
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
    let mut undecided = None;
    for (number, part) in whole.parts.iter().enumerate() {
        if certain.explain(number, &claims, &mut seats, budget, orders.as_deref_mut()) {
            continue;
        }
        match judge_part(&claims, &whole.local, part, &mut seats, budget, orders.as_deref_mut()) {
            Found::Order => {}
            Found::Exhausted(excess) => drop(undecided.get_or_insert(excess)),
            Found::Stuck { act } => return Judgement::Violation { index: claims.acts[act as usize].index as usize },
        }
    }
    undecided.map_or(Judgement::Serializable, Judgement::Undecided)
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
