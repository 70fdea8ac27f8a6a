//! The walk over the events of one part, and what the search does at each.

use super::super::claim::ABSENT;
use super::super::claims::{Claims, NONE, What};
use super::super::parts::Part;
use super::super::plan::{Kind, Plan};
use super::super::verdict::{Budget, Excess};
use super::search::{Counting, Search};
use super::search_state::{SearchState, undominated, used_opens};
use super::worklist::Worklist;

/// The most search states of one event. This bounds the memory.
const WIDEST: usize = 1 << 18;

/// The result of the search of a part.
pub(crate) enum Found {
    /// There is an order.
    Order,
    /// No order explains the answer to this act.
    Stuck { act: u32 },
    /// The search would have been too large.
    Exhausted(Excess),
}

/// Looks for an order of a part, and takes the cost from the budget. Adds the order to `orders` if the caller wants it.
pub(crate) fn search(
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
        ahead: Worklist::default(),
        relevant: vec![0; part.keys],
        round: 0,
        marked: 0,
    };
    let empty = std::iter::repeat_n(ABSENT, plan.words).collect();
    let mut frontier = vec![SearchState { words: empty, newest: NONE, since: NONE }];
    for event in &part.events {
        search.now = event.moment(claims);
        match event.what {
            What::Open => search.open(event.act),
            What::Call => search.call(event.act, &mut frontier),
            What::End => {
                frontier = match search.end(event.act, frontier, budget.steps) {
                    Ok(next) => next,
                    Err(excess) => {
                        budget.steps = 0;
                        return Found::Exhausted(excess);
                    }
                };
                if frontier.is_empty() {
                    budget.steps = budget.steps.saturating_sub(search.spent);
                    return Found::Stuck { act: event.act };
                }
            }
        }
    }
    budget.steps = budget.steps.saturating_sub(search.spent);
    if let (Some(orders), Some(state)) = (orders, frontier.first()) {
        orders.push(search.order(state.newest));
    }
    Found::Order
}

impl Search<'_> {
    /// The call of an open act.
    fn open(&mut self, act: u32) {
        let kind = self.seat(act) as usize;
        if self.kinds[kind].called == 0 {
            self.live.push(kind);
        }
        self.kinds[kind].called += 1;
    }

    /// The call of an answered act. It happens at once in the states where that changes nothing.
    fn call(&mut self, act: u32, frontier: &mut [SearchState]) {
        self.pending.push(act);
        for state in frontier {
            if self.is_free(state, act) {
                self.happen(state, act, false);
            }
        }
    }

    /// The answer to an act: returns the states in which it has taken effect, without its bit. Fails if the search is over
    /// its budget.
    fn end(&mut self, act: u32, frontier: Vec<SearchState>, budget: u64) -> Result<Vec<SearchState>, Excess> {
        let mut next: Vec<SearchState> = Vec::new();
        if frontier.iter().all(|state| self.has_happened(state, act)) {
            next = frontier;
            next.iter_mut().for_each(|state| self.set(state, act, false));
            self.spent += 1;
        } else {
            self.find_relevant(act);
            let mut ahead = std::mem::take(&mut self.ahead);
            ahead.clear();
            let least = frontier.iter().map(|state| used_opens(state, self.opens)).min().unwrap_or_default();
            for state in frontier {
                let more = used_opens(&state, self.opens) - least;
                let from_here = SearchState { since: state.newest, ..state };
                ahead.push(from_here, more, self.compared);
            }
            while let Some(mut state) = ahead.pop(self.compared) {
                self.spent += 1;
                if self.spent > budget {
                    return Err(Excess::States);
                }
                if ahead.len() > WIDEST {
                    return Err(Excess::StatesOfOneEvent(WIDEST));
                }
                if !self.has_happened(&state, act) {
                    self.extend(&state, act, &mut ahead);
                } else if self.is_needed(&state, act) {
                    // The worklist gives out each state once, and all these states have the bit.
                    self.set(&mut state, act, false);
                    next.push(state);
                }
            }
            self.ahead = ahead;
            next = undominated(next, self.opens);
        }
        self.pending.retain(|other| *other != act);
        self.settle(&mut next);
        Ok(next)
    }

    /// Stops counting the kinds that are settled at this event.
    fn settle(&mut self, frontier: &mut [SearchState]) {
        let (kinds, now) = (&self.kinds, self.now);
        self.live.retain(|kind| {
            let Kind { settled, word, .. } = kinds[*kind];
            if settled == now {
                frontier.iter_mut().for_each(|state| state.words[word] = 0);
            }
            settled != now
        });
    }

    /// Pushes every state that is one operation further, on the way to this act.
    fn extend(&mut self, state: &SearchState, act: u32, ahead: &mut Worklist) {
        if self.is_barred(state, act) {
            return;
        }
        let opened = self.newly_opened(state);
        for index in 0..self.pending.len() {
            let other = self.pending[index];
            if self.is_relevant(&self.act(other).claim)
                && self.can_happen(state, other)
                && self.has_use_for(&opened, other)
                && !self.has_a_better(state, other)
            {
                let mut after = state.clone();
                let carried = self.carry(&mut after, other);
                self.happen(&mut after, other, carried);
                ahead.push(after, 0, self.compared);
            }
        }
        for index in 0..self.live.len() {
            let kind = self.live[index];
            let Kind { ref acts, word, called, .. } = self.kinds[kind];
            let used = state.words[word];
            let is_lavish = self.counting == Counting::Lavish && word >= self.opens;
            if used >= called && !is_lavish {
                continue;
            }
            let other = acts[used.min(called - 1) as usize];
            let claim = &self.act(other).claim;
            if self.is_relevant(claim)
                && self.changes(state, claim)
                && self.is_wanted(state, claim)
                && self.holds(state, claim, other)
                && self.is_in_order(&opened, other)
                && !self.has_a_better(state, other)
            {
                let mut after = state.clone();
                let carried = self.carry(&mut after, other);
                after.words[word] += 1;
                self.happen(&mut after, other, carried);
                ahead.push(after, usize::from(word >= self.opens), self.compared);
            }
        }
    }

    /// The order that ends with a step, as indexes of operations.
    fn order(&self, newest: u32) -> Vec<usize> {
        let steps = std::iter::successors(self.steps.get(newest as usize), |step| self.steps.get(step.before as usize));
        let mut order: Vec<usize> = steps.map(|step| self.act(step.act).index as usize).collect();
        order.reverse();
        order
    }
}
