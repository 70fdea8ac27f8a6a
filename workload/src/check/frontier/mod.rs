//! The search for an order, event by event.
//!
//! The frontier is the set of configurations that the events so far leave possible: what the keys hold, which of the
//! pending operations have taken effect, and how many of the open ones. A call adds a pending operation. At a return,
//! each configuration is extended by pending and open operations until the returning one has taken effect; a
//! configuration where it cannot is dropped. If none is left, nothing explains that operation.
//!
//! An operation takes effect in this search only when the return of some operation makes it necessary (just in time).
//! That loses nothing: cut any order that explains the history after each operation at whose return it is last of what
//! has not taken effect yet, and you have the steps of the search.

mod effect;
mod relevant;
mod riders;
mod rules;

use super::Budget;
use super::claim::ABSENT;
use super::claims::{Act, Claims, NONE, What};
use super::configuration::{Ahead, Configuration, dominating, spent};
use super::parts::Part;
use super::plan::{Kind, Plan};

/// How many configurations a frontier may hold: what bounds the memory.
const WIDEST: usize = 1 << 18;

/// How open operations are counted.
///
/// Telling apart every number of every kind that may have been used up is exact and can be dear. Two cheaper ways come
/// first, each of which can be trusted in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counting {
    /// Of configurations that differ only in what they have used up, only one is kept that has used little. An order
    /// that is found is an order.
    Frugal,
    /// Likewise, but what has been called once can be had for ever. If even so there is no order, there is none.
    Lavish,
    /// Every difference counts.
    Exact,
}

/// What became of a part.
pub(super) enum Found {
    /// An order.
    Order,
    /// No order reaches beyond this act.
    Stuck { act: u32 },
    /// Neither, within the budget.
    Exhausted,
}

/// A step of an order: an act, and the step before.
#[derive(Clone, Copy)]
struct Step {
    act: u32,
    before: u32,
}

pub(super) struct Search<'a> {
    claims: &'a Claims,
    /// For each key its number in its part, which is its word in a configuration.
    local: &'a [u32],
    /// For each act its bit in a configuration, or its kind.
    seats: &'a [u32],
    keys: usize,
    opens: usize,
    /// How many words of a configuration tell it from others.
    compared: usize,
    counting: Counting,
    kinds: Vec<Kind>,
    /// Kinds of which some operation has been called, and which are not settled.
    live: Vec<usize>,
    /// The answered acts that are pending, in the order of their calls.
    pending: Vec<u32>,
    steps: Vec<Step>,
    now: u64,
    spent: u64,
    ahead: Ahead,
    /// For each key the event at which it was last found relevant.
    relevant: Vec<u64>,
    round: u64,
    marked: u64,
}

/// Looks for an order of a part, at the cost of the budget. Adds it to the orders if they are wanted.
pub(super) fn search(
    claims: &Claims,
    local: &[u32],
    part: &Part,
    seats: &mut [u32],
    counting: Counting,
    budget: &mut Budget,
    orders: Option<&mut Vec<Vec<usize>>>,
) -> Found {
    let plan = Plan::of(claims, part, seats);
    let mut search = Search {
        claims,
        local,
        seats,
        keys: part.keys,
        opens: plan.opens,
        compared: if counting == Counting::Exact { plan.words } else { plan.opens },
        counting,
        kinds: plan.kinds,
        live: Vec::new(),
        pending: Vec::new(),
        steps: Vec::with_capacity(part.events.len() / 2),
        now: 0,
        spent: 0,
        ahead: Ahead::default(),
        relevant: vec![0; part.keys],
        round: 0,
        marked: 0,
    };
    let empty = std::iter::repeat_n(ABSENT, plan.words).collect();
    let mut frontier = vec![Configuration { words: empty, newest: NONE, since: NONE }];
    for event in &part.events {
        search.now = event.moment(claims);
        match event.what {
            What::Open => search.open(event.act),
            What::Call => search.call(event.act, &mut frontier),
            What::End => {
                let Some(next) = search.end(event.act, frontier, budget.steps) else {
                    budget.steps = 0;
                    return Found::Exhausted;
                };
                frontier = next;
                if frontier.is_empty() {
                    budget.steps = budget.steps.saturating_sub(search.spent);
                    return Found::Stuck { act: event.act };
                }
            }
        }
    }
    budget.steps = budget.steps.saturating_sub(search.spent);
    if let (Some(orders), Some(configuration)) = (orders, frontier.first()) {
        orders.push(search.order(configuration.newest));
    }
    Found::Order
}

impl<'a> Search<'a> {
    fn act(&self, act: u32) -> &'a Act {
        &self.claims.acts[act as usize]
    }

    fn seat(&self, act: u32) -> u32 {
        self.seats[act as usize]
    }

    fn open(&mut self, act: u32) {
        let kind = self.seat(act) as usize;
        if self.kinds[kind].called == 0 {
            self.live.push(kind);
        }
        self.kinds[kind].called += 1;
    }

    fn call(&mut self, act: u32, frontier: &mut [Configuration]) {
        self.pending.push(act);
        for configuration in frontier {
            if self.is_free(configuration, act) {
                self.happen(configuration, act, false);
            }
        }
    }

    /// The configurations in which this act has taken effect, without its bit. `None` if that costs too much.
    fn end(&mut self, act: u32, frontier: Vec<Configuration>, budget: u64) -> Option<Vec<Configuration>> {
        let mut next: Vec<Configuration> = Vec::new();
        if frontier.iter().all(|configuration| self.has_happened(configuration, act)) {
            next = frontier;
            next.iter_mut().for_each(|configuration| self.set(configuration, act, false));
            self.spent += 1;
        } else {
            self.find_relevant(act);
            let mut ahead = std::mem::take(&mut self.ahead);
            ahead.clear();
            let least = frontier.iter().map(|configuration| spent(configuration, self.opens)).min().unwrap_or_default();
            for configuration in frontier {
                let more = spent(&configuration, self.opens) - least;
                let from_here = Configuration { since: configuration.newest, ..configuration };
                ahead.push(from_here, more, self.compared);
            }
            while let Some(mut configuration) = ahead.pop(self.compared) {
                self.spent += 1;
                if self.spent > budget || ahead.len() > WIDEST {
                    return None;
                }
                if !self.has_happened(&configuration, act) {
                    self.extend(&configuration, act, &mut ahead);
                } else if self.is_needed(&configuration, act) {
                    // All that come here are unlike each other, and all have the bit.
                    self.set(&mut configuration, act, false);
                    next.push(configuration);
                }
            }
            self.ahead = ahead;
            next = dominating(next, self.opens);
        }
        self.pending.retain(|other| *other != act);
        self.settle(&mut next);
        Some(next)
    }

    /// What is known to have happened need not be counted any more.
    fn settle(&mut self, frontier: &mut [Configuration]) {
        let (kinds, now) = (&self.kinds, self.now);
        self.live.retain(|kind| {
            let Kind { settled, word, .. } = kinds[*kind];
            if settled == now {
                frontier.iter_mut().for_each(|configuration| configuration.words[word] = 0);
            }
            settled != now
        });
    }

    /// Every configuration that is one operation further, on the way to this act.
    fn extend(&mut self, configuration: &Configuration, act: u32, ahead: &mut Ahead) {
        if self.is_barred(configuration, act) {
            return;
        }
        let opened = self.newly_opened(configuration);
        for index in 0..self.pending.len() {
            let other = self.pending[index];
            if self.is_relevant(&self.act(other).claim)
                && self.can_happen(configuration, other)
                && self.has_use_for(&opened, other)
                && !self.has_a_better(configuration, other)
            {
                let mut after = configuration.clone();
                let carried = self.carry(&mut after, other);
                self.happen(&mut after, other, carried);
                ahead.push(after, 0, self.compared);
            }
        }
        for index in 0..self.live.len() {
            let kind = self.live[index];
            let Kind { ref acts, word, called, .. } = self.kinds[kind];
            let used = configuration.words[word];
            let is_lavish = self.counting == Counting::Lavish && word >= self.opens;
            if used >= called && !is_lavish {
                continue;
            }
            let other = acts[used.min(called - 1) as usize];
            let claim = &self.act(other).claim;
            if self.is_relevant(claim)
                && self.changes(configuration, claim)
                && self.is_wanted(configuration, claim)
                && self.holds(configuration, claim, other)
                && self.is_in_order(&opened, other)
                && !self.has_a_better(configuration, other)
            {
                let mut after = configuration.clone();
                let carried = self.carry(&mut after, other);
                after.words[word] += 1;
                self.happen(&mut after, other, carried);
                ahead.push(after, usize::from(word >= self.opens), self.compared);
            }
        }
    }

    fn order(&self, newest: u32) -> Vec<usize> {
        let steps = std::iter::successors(self.steps.get(newest as usize), |step| self.steps.get(step.before as usize));
        let mut order: Vec<usize> = steps.map(|step| self.act(step.act).place as usize).collect();
        order.reverse();
        order
    }
}
