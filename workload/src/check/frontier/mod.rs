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

mod relevant;
mod riders;
mod rules;

use super::Budget;
use super::claim::{ABSENT, Claim, Demand, FIRST_NAMED, UNNAMED, Value};
use super::claims::{Act, Claims};
use super::configuration::{Ahead, Configuration, Gathered, dominating};
use super::parts::Part;
use super::plan::{Kind, NONE, Plan, Seat, What};

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
    /// What has been called once can be had for ever. If even so there is no order, there is none.
    Lavish,
    /// Every difference counts.
    Exact,
}

/// What became of a part.
pub(super) enum Found {
    /// An order.
    Order,
    /// No order reaches beyond this act; the longest that reaches it, as places in the history.
    Stuck { act: u32, prefix: Vec<usize> },
    /// Neither, within the budget.
    Exhausted,
}

/// Whether it makes a difference which of two comes first.
fn conflict(one: &Claim, other: &Claim) -> bool {
    let touches = |claim: &Claim, key: u32| claim.keys().any(|touched| touched == key);
    one.writes.iter().any(|(key, _)| touches(other, *key)) || other.writes.iter().any(|(key, _)| touches(one, *key))
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
    seats: &'a [Seat],
    keys: usize,
    opens: usize,
    counting: Counting,
    kinds: Vec<Kind>,
    /// Kinds of which some operation has been called, and which are not settled.
    live: Vec<usize>,
    /// The answered acts that are pending, in the order of their calls.
    pending: Vec<u32>,
    steps: Vec<Step>,
    now: u64,
    spent: u64,
    seen: Gathered,
    reached: Gathered,
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
    seats: &mut [Seat],
    counting: Counting,
    budget: &mut Budget,
    orders: Option<&mut Vec<Vec<usize>>>,
) -> Found {
    let plan = Plan::of(claims, part, seats);
    let mut search = Search {
        claims,
        local,
        seats,
        keys: plan.keys,
        opens: plan.opens,
        counting,
        kinds: plan.kinds,
        live: Vec::new(),
        pending: Vec::new(),
        steps: Vec::new(),
        now: 0,
        spent: 0,
        seen: Gathered::default(),
        reached: Gathered::default(),
        relevant: vec![0; plan.keys],
        round: 0,
        marked: 0,
    };
    let empty = vec![ABSENT; plan.words].into_boxed_slice();
    let mut frontier = vec![Configuration { words: empty, newest: NONE, since: NONE }];
    for event in plan.events {
        search.now = event.moment;
        match event.what {
            What::Open => search.open(event.act),
            What::Call => search.call(event.act, &mut frontier),
            What::End => {
                let Some(next) = search.end(event.act, &mut frontier, budget.steps) else {
                    budget.steps = 0;
                    return Found::Exhausted;
                };
                if next.is_empty() {
                    let orders = frontier.iter().map(|configuration| search.order(configuration.newest));
                    let prefix = orders.max_by_key(Vec::len).unwrap_or_default();
                    return Found::Stuck { act: event.act, prefix };
                }
                frontier = next;
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

    fn seat(&self, act: u32) -> Seat {
        self.seats[act as usize]
    }

    fn open(&mut self, act: u32) {
        let kind = self.seat(act).number as usize;
        if self.kinds[kind].called == 0 {
            self.live.push(kind);
        }
        self.kinds[kind].called += 1;
    }

    fn call(&mut self, act: u32, frontier: &mut [Configuration]) {
        self.pending.push(act);
        if self.act(act).rides || self.is_passive(&self.act(act).claim) {
            for configuration in frontier {
                if self.can_happen(configuration, act) {
                    self.absorb(configuration);
                }
            }
        }
    }

    /// The configurations in which this act has taken effect, without its bit. `None` if that costs too much. If there
    /// are none, the frontier is left as it was.
    fn end(&mut self, act: u32, frontier: &mut Vec<Configuration>, budget: u64) -> Option<Vec<Configuration>> {
        let mut next: Vec<Configuration> = Vec::new();
        let mut ahead = Ahead::default();
        if frontier.iter().all(|configuration| self.has_happened(configuration, act)) {
            next = std::mem::take(frontier);
            next.iter_mut().for_each(|configuration| self.set(configuration, act, false));
            self.spent += 1;
        } else {
            self.seen.clear();
            self.reached.clear();
            self.find_relevant(act);
            for configuration in frontier.iter() {
                ahead.push(Configuration { since: configuration.newest, ..configuration.clone() }, self.opens);
            }
        }
        while let Some(mut configuration) = ahead.pop() {
            self.spent += 1;
            if self.spent > budget || self.seen.len() > WIDEST {
                return None;
            }
            if !self.has_happened(&configuration, act) {
                self.extend(&configuration, act, &mut ahead);
            } else if self.is_needed(&configuration, act) {
                self.set(&mut configuration, act, false);
                if self.reached.is_new(&configuration, self.compared()) {
                    next.push(configuration);
                }
            }
        }
        let mut next = dominating(next, self.opens);
        if !next.is_empty() {
            self.pending.retain(|other| *other != act);
            self.settle(&mut next);
        }
        Some(next)
    }

    /// How many words of a configuration tell it from others.
    fn compared(&self) -> Option<usize> {
        (self.counting == Counting::Frugal).then_some(self.opens)
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
                self.carry(&mut after, other);
                self.take(&mut after, other);
                self.set(&mut after, other, true);
                self.absorb(&mut after);
                if self.seen.is_new(&after, self.compared()) {
                    ahead.push(after, self.opens);
                }
            }
        }
        for index in 0..self.live.len() {
            let kind = self.live[index];
            let Kind { ref acts, word, called, .. } = self.kinds[kind];
            let lavish = self.counting == Counting::Lavish && word >= self.opens;
            let used = configuration.words[word];
            if used == called {
                continue;
            }
            let other = acts[used as usize];
            let claim = &self.act(other).claim;
            if self.is_relevant(claim)
                && self.changes(configuration, claim)
                && self.is_wanted(configuration, claim)
                && self.holds(configuration, claim, other)
                && self.is_in_order(&opened, other)
                && !self.has_a_better(configuration, other)
            {
                let mut after = configuration.clone();
                self.carry(&mut after, other);
                self.take(&mut after, other);
                after.words[word] += u32::from(!lavish);
                self.absorb(&mut after);
                if self.seen.is_new(&after, self.compared()) {
                    ahead.push(after, self.opens);
                }
            }
        }
    }

    fn has_happened(&self, configuration: &Configuration, act: u32) -> bool {
        let bit = self.seat(act).number as usize;
        configuration.words[self.keys + bit / 32] >> (bit % 32) & 1 == 1
    }

    fn set(&self, configuration: &mut Configuration, act: u32, happened: bool) {
        let bit = self.seat(act).number as usize;
        let word = &mut configuration.words[self.keys + bit / 32];
        *word = *word & !(1 << (bit % 32)) | u32::from(happened) << (bit % 32);
    }

    /// Whether a pending act may take effect now.
    fn can_happen(&self, configuration: &Configuration, act: u32) -> bool {
        !self.has_happened(configuration, act)
            && self.is_next(configuration, act)
            && self.holds(configuration, &self.act(act).claim, act)
    }

    /// Whether all that its client called before has taken effect.
    fn is_next(&self, configuration: &Configuration, act: u32) -> bool {
        let before = self.seat(act).before;
        before == NONE || self.act(before).end < self.now || self.has_happened(configuration, before)
    }

    fn value(&self, configuration: &Configuration, key: u32) -> Value {
        configuration.words[self.local[key as usize] as usize]
    }

    /// Whether a claim is true here, and takes away no value that somebody else has still to see.
    fn holds(&self, configuration: &Configuration, claim: &Claim, act: u32) -> bool {
        let demands = claim.demands.iter().all(|(key, demand)| match demand {
            Demand::Is(value) => self.value(configuration, *key) == *value,
            Demand::Present => self.value(configuration, *key) != ABSENT,
        });
        let counts = claim.count.as_ref().is_none_or(|count| {
            let present = count.keys.iter().filter(|(key, _)| self.value(configuration, *key) != ABSENT);
            present.map(|(_, weight)| weight).sum::<u32>() == count.sum
        });
        demands && counts && claim.writes.iter().all(|(key, value)| self.may_leave(configuration, *key, *value, act))
    }

    fn changes(&self, configuration: &Configuration, claim: &Claim) -> bool {
        claim.writes.iter().any(|(key, value)| self.value(configuration, *key) != self.written(*key, *value))
    }

    /// Never leave a value that somebody has still to see: only one operation writes it, so it never comes back.
    fn may_leave(&self, configuration: &Configuration, key: u32, new: Value, act: u32) -> bool {
        let value = self.value(configuration, key);
        if value < FIRST_NAMED || value == new {
            return true;
        }
        self.claims.named(value).writers > 1 || !self.is_awaited(configuration, key, value, act)
    }

    /// Whether an operation other than this one has still to see this value.
    fn is_awaited(&self, configuration: &Configuration, key: u32, value: Value, act: u32) -> bool {
        let named = self.claims.named(value);
        if named.last_call > self.now {
            return true;
        }
        named.last_end >= self.now
            && self.pending.iter().any(|other| {
                *other != act
                    && self.act(*other).claim.demands.contains(&(key, Demand::Is(value)))
                    && !self.has_happened(configuration, *other)
            })
    }

    /// What a key holds once this was written: where nobody asks any more whether the key exists, a value that no reply
    /// names is as good as none.
    fn written(&self, key: u32, value: Value) -> Value {
        if value == UNNAMED && self.is_indifferent(key) { ABSENT } else { value }
    }

    fn is_indifferent(&self, key: u32) -> bool {
        self.now > self.claims.indifferent_after(key)
    }

    /// Lets an act take effect on the keys.
    fn take(&mut self, configuration: &mut Configuration, act: u32) {
        for (key, value) in &self.act(act).claim.writes {
            configuration.words[self.local[*key as usize] as usize] = self.written(*key, *value);
        }
        self.steps.push(Step { act, before: configuration.newest });
        configuration.newest = (self.steps.len() - 1) as u32;
    }

    /// Whether an operation has no effect wherever it may happen: a read, or a write of what nobody will ever ask for.
    fn is_passive(&self, claim: &Claim) -> bool {
        let unseen = |(key, value): &(u32, Value)| *value < FIRST_NAMED && self.is_indifferent(*key);
        claim.writes.is_empty() || claim.demands.is_empty() && claim.count.is_none() && claim.writes.iter().all(unseen)
    }

    /// Lets everything happen at once that changes nothing.
    ///
    /// An operation that is pending, is next in its client's order, is right about the state and has no effect wherever
    /// it is right, may as well happen now: take any order that goes on from here and move it to the front. It is right
    /// there, nothing that comes after it misses it, and what it overtakes has not ended yet.
    fn absorb(&mut self, configuration: &mut Configuration) {
        loop {
            self.forget(configuration);
            let found = self.pending.iter().copied().find(|act| {
                let claim = &self.act(*act).claim;
                (self.is_idle(configuration, *act) || self.is_passive(claim) && !self.changes(configuration, claim))
                    && self.can_happen(configuration, *act)
            });
            let Some(act) = found else { break };
            self.take(configuration, act);
            self.set(configuration, act, true);
        }
    }

    /// A value that nobody has still to see is like any other value, or like none if nobody asks.
    fn forget(&self, configuration: &mut Configuration) {
        for act in &self.pending {
            for key in self.act(*act).claim.keys() {
                let value = self.value(configuration, key);
                if value >= FIRST_NAMED && !self.is_awaited(configuration, key, value, NONE) {
                    configuration.words[self.local[key as usize] as usize] = self.written(key, UNNAMED);
                }
            }
        }
    }

    fn order(&self, newest: u32) -> Vec<usize> {
        let mut order = Vec::new();
        let mut next = newest;
        while let Some(step) = self.steps.get(next as usize) {
            order.push(self.act(step.act).place);
            next = step.before;
        }
        order.reverse();
        order
    }
}
