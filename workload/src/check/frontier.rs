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

use std::collections::{HashMap, HashSet};

use super::Budget;
use super::claim::{Claim, Demand, FIRST_NAMED, UNNAMED, Value};
use super::parts::{Act, Claims, NEVER};

/// How many configurations a frontier may hold: what bounds the memory.
const WIDEST: usize = 1 << 18;

/// What became of a part.
pub(super) enum Found {
    /// An order.
    Order,
    /// No order reaches beyond this act; the longest that reaches it.
    Stuck { act: usize, prefix: Vec<usize> },
    /// Neither, within the budget.
    Exhausted(String),
}

/// A step of an order: an act, and the step before.
#[derive(Clone, Copy)]
struct Step {
    act: u32,
    before: u32,
}

/// Before the first step.
const BEGINNING: u32 = u32::MAX;

/// One way in which things can stand: the value of each key, a bit for each slot whose operation has taken effect, and
/// for each kind of open operation how many have.
#[derive(Clone)]
struct Configuration {
    words: Vec<u32>,
    newest: u32,
}

/// Open operations that do the same, in the order of their calls.
struct Kind {
    acts: Vec<usize>,
    called: u32,
}

struct Search<'a> {
    claims: &'a Claims,
    /// For each key of the history its number in this part.
    local: HashMap<u32, usize>,
    keys: usize,
    /// Where the counts of open operations begin in a configuration.
    opens: usize,
    /// By act: its slot while it is pending.
    slots: HashMap<usize, usize>,
    /// The answered acts that are pending, in the order of their calls.
    pending: Vec<usize>,
    kinds: Vec<Kind>,
    steps: Vec<Step>,
    now: u64,
    spent: u64,
}

/// Looks for an order of these acts.
pub(super) fn search(claims: &Claims, part: &[usize], budget: &mut Budget) -> Found {
    let mut search = Search::new(claims, part);
    let mut events: Vec<(u64, usize)> = Vec::with_capacity(2 * part.len());
    for act in part {
        events.push((claims.acts[*act].call, *act));
        if !claims.acts[*act].is_open() {
            events.push((claims.acts[*act].end, *act));
        }
    }
    events.sort_unstable();
    let words = vec![0; search.opens + search.kinds.len()];
    let mut frontier = vec![Configuration { words, newest: BEGINNING }];
    for (event, act) in events {
        search.now = event;
        if event == claims.acts[act].call {
            search.call(act, &mut frontier);
            continue;
        }
        let next = match search.end(act, &frontier, budget.steps) {
            Some(next) => next,
            None => return Found::Exhausted(format!("gave up after {} configurations", search.spent)),
        };
        if next.is_empty() {
            let prefix = frontier.iter().map(|configuration| search.order(configuration.newest)).max_by_key(Vec::len);
            return Found::Stuck { act, prefix: prefix.unwrap_or_default() };
        }
        frontier = next;
    }
    budget.steps -= search.spent;
    Found::Order
}

impl<'a> Search<'a> {
    fn new(claims: &'a Claims, part: &[usize]) -> Search<'a> {
        let mut local = HashMap::new();
        let mut kinds: Vec<Kind> = Vec::new();
        let mut by_claim: HashMap<&Claim, usize> = HashMap::new();
        let mut most = 0;
        let mut ends: Vec<u64> = Vec::new();
        for number in part {
            let act = &claims.acts[*number];
            for key in act.claim.keys() {
                let next = local.len();
                local.entry(key).or_insert(next);
            }
            if act.is_open() {
                let kind = *by_claim.entry(&act.claim).or_insert(kinds.len());
                if kind == kinds.len() {
                    kinds.push(Kind { acts: Vec::new(), called: 0 });
                }
                kinds[kind].acts.push(*number);
            } else {
                ends.retain(|end| *end > act.call);
                ends.push(act.end);
                most = most.max(ends.len());
            }
        }
        let keys = local.len();
        let opens = keys + most.div_ceil(32);
        Search {
            claims,
            local,
            keys,
            opens,
            slots: HashMap::new(),
            pending: Vec::new(),
            kinds,
            steps: Vec::new(),
            now: 0,
            spent: 0,
        }
    }

    fn act(&self, act: usize) -> &'a Act {
        &self.claims.acts[act]
    }

    fn call(&mut self, act: usize, frontier: &mut [Configuration]) {
        if self.act(act).is_open() {
            let claim = &self.act(act).claim;
            for kind in &mut self.kinds {
                kind.called += u32::from(self.claims.acts[kind.acts[0]].claim == *claim);
            }
            return;
        }
        let taken: Vec<usize> = self.pending.iter().map(|act| self.slots[act]).collect();
        let slot = (0..).find(|slot| !taken.contains(slot)).unwrap_or_default();
        self.slots.insert(act, slot);
        self.pending.push(act);
        for configuration in frontier {
            self.absorb(configuration);
        }
    }

    /// The configurations in which this act has taken effect, without its slot. `None` if that costs too much.
    fn end(&mut self, act: usize, frontier: &[Configuration], budget: u64) -> Option<Vec<Configuration>> {
        let mut next: Vec<Configuration> = Vec::new();
        let mut reached: HashSet<Vec<u32>> = HashSet::new();
        let mut seen: HashSet<Vec<u32>> = HashSet::new();
        let mut stack: Vec<Configuration> = Vec::new();
        for configuration in frontier {
            stack.push(configuration.clone());
        }
        while let Some(configuration) = stack.pop() {
            self.spent += 1;
            if self.spent > budget || seen.len() > WIDEST {
                return None;
            }
            if self.has_happened(&configuration, act) {
                let mut configuration = configuration;
                self.set(&mut configuration, act, false);
                if reached.insert(configuration.words.clone()) {
                    next.push(configuration);
                }
                continue;
            }
            for index in 0..self.pending.len() {
                let other = self.pending[index];
                if self.can_happen(&configuration, other) {
                    let mut after = configuration.clone();
                    self.take(&mut after, other);
                    self.set(&mut after, other, true);
                    self.absorb(&mut after);
                    if seen.insert(after.words.clone()) {
                        stack.push(after);
                    }
                }
            }
            for kind in 0..self.kinds.len() {
                let used = configuration.words[self.opens + kind];
                let claim = &self.act(self.kinds[kind].acts[0]).claim;
                if used < self.kinds[kind].called
                    && self.changes(&configuration, claim)
                    && self.holds(&configuration, claim, usize::MAX)
                {
                    let mut after = configuration.clone();
                    self.take(&mut after, self.kinds[kind].acts[used as usize]);
                    after.words[self.opens + kind] += 1;
                    self.absorb(&mut after);
                    if seen.insert(after.words.clone()) {
                        stack.push(after);
                    }
                }
            }
        }
        self.pending.retain(|other| *other != act);
        self.slots.remove(&act);
        Some(next)
    }

    fn has_happened(&self, configuration: &Configuration, act: usize) -> bool {
        let slot = self.slots[&act];
        configuration.words[self.keys + slot / 32] >> (slot % 32) & 1 == 1
    }

    fn set(&self, configuration: &mut Configuration, act: usize, happened: bool) {
        let slot = self.slots[&act];
        let word = &mut configuration.words[self.keys + slot / 32];
        *word = *word & !(1 << (slot % 32)) | u32::from(happened) << (slot % 32);
    }

    /// Whether a pending act may take effect now.
    fn can_happen(&self, configuration: &Configuration, act: usize) -> bool {
        !self.has_happened(configuration, act)
            && self.is_next(configuration, act)
            && self.holds(configuration, &self.act(act).claim, act)
    }

    /// Whether all that its client called before has taken effect.
    fn is_next(&self, configuration: &Configuration, act: usize) -> bool {
        let client = self.act(act).client;
        let earlier = self.pending.iter().take_while(|other| **other != act);
        earlier.filter(|other| self.act(**other).client == client).all(|other| self.has_happened(configuration, *other))
    }

    fn value(&self, configuration: &Configuration, key: u32) -> Value {
        configuration.words[self.local[&key]]
    }

    /// Whether a claim is true here, and takes away no value that somebody else has still to see.
    fn holds(&self, configuration: &Configuration, claim: &Claim, act: usize) -> bool {
        let demands = claim.demands.iter().all(|(key, demand)| match demand {
            Demand::Is(value) => self.value(configuration, *key) == *value,
            Demand::Present => self.value(configuration, *key) > 0,
        });
        let counts = claim.count.as_ref().is_none_or(|count| {
            let present = count.keys.iter().filter(|(key, _)| self.value(configuration, *key) > 0);
            present.map(|(_, weight)| weight).sum::<u32>() == count.sum
        });
        demands && counts && claim.writes.iter().all(|(key, value)| self.may_leave(configuration, *key, *value, act))
    }

    fn changes(&self, configuration: &Configuration, claim: &Claim) -> bool {
        claim.writes.iter().any(|(key, value)| self.value(configuration, *key) != *value)
    }

    /// Never leave a value that somebody has still to see: only one operation writes it, so it never comes back.
    fn may_leave(&self, configuration: &Configuration, key: u32, new: Value, act: usize) -> bool {
        let value = self.value(configuration, key);
        if value < FIRST_NAMED || value == new {
            return true;
        }
        self.claims.named[(value - FIRST_NAMED) as usize].writers > 1
            || !self.is_awaited(configuration, key, value, act)
    }

    /// Whether an operation other than this one has still to see this value.
    fn is_awaited(&self, configuration: &Configuration, key: u32, value: Value, act: usize) -> bool {
        let named = &self.claims.named[(value - FIRST_NAMED) as usize];
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

    /// Lets an act take effect on the keys.
    fn take(&mut self, configuration: &mut Configuration, act: usize) {
        for (key, value) in &self.act(act).claim.writes {
            configuration.words[self.local[key]] = *value;
        }
        self.steps.push(Step { act: act as u32, before: configuration.newest });
        configuration.newest = (self.steps.len() - 1) as u32;
    }

    /// Lets everything happen at once that changes nothing.
    ///
    /// An operation that is pending, is next in its client's order, is right about the state and has no effect wherever
    /// it is right, may as well happen now: take any order that goes on from here and move it to the front. It is right
    /// there, nothing that comes after it misses it, and what it overtakes has not ended yet.
    fn absorb(&mut self, configuration: &mut Configuration) {
        loop {
            let found = self.pending.iter().copied().find(|act| {
                let claim = &self.act(*act).claim;
                claim.writes.is_empty() && self.can_happen(configuration, *act)
            });
            let Some(act) = found else { break };
            self.take(configuration, act);
            self.set(configuration, act, true);
        }
        self.forget(configuration);
    }

    /// A value that nobody has still to see is like any other value, or like none if nobody asks.
    fn forget(&self, configuration: &mut Configuration) {
        for (key, local) in self.local_keys() {
            let value = configuration.words[local];
            if value >= FIRST_NAMED && !self.is_awaited(configuration, key, value, usize::MAX) {
                configuration.words[local] = self.claims.unnamed(key);
            }
        }
        debug_assert!(UNNAMED < FIRST_NAMED && self.now < NEVER);
    }

    fn local_keys(&self) -> Vec<(u32, usize)> {
        let mut keys: Vec<(u32, usize)> = Vec::new();
        let claims = self.pending.iter().map(|act| &self.act(*act).claim);
        for key in claims.flat_map(Claim::keys) {
            keys.push((key, self.local[&key]));
        }
        keys
    }

    fn order(&self, newest: u32) -> Vec<usize> {
        let mut order = Vec::new();
        let mut next = newest;
        while let Some(step) = self.steps.get(next as usize) {
            order.push(self.act(step.act as usize).place);
            next = step.before;
        }
        order.reverse();
        order
    }
}
