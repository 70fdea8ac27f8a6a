//! The search for an order of one group, event by event.

use std::collections::HashSet;

use foldhash::fast::FixedState;

use super::super::claims::{NEVER, NONE};
use super::super::verdict::{Budget, Excess};
use super::atlas::{Atlas, Values, places_of};
use super::deed::{Deed, Deeds};
use super::doing::Place;
use super::goal::Goal;
use super::group::Group;
use super::lead::{Lead, Seating, Words};
use super::shown::Shown;

/// The most states of one event. This bounds the memory.
const WIDEST: usize = 1 << 17;

/// How much the search tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// The fewest open operations that explain each reply, and so many more. If this finds an order, there is one.
    Frugal(u32),
    /// Everything.
    Exact,
}

/// The result of a search.
pub(super) enum Conclusion {
    Order,
    /// No order explains the reply to the operation at this index.
    Stuck {
        index: usize,
    },
    /// There was more than it could try.
    Exhausted(Excess),
}

/// A deed of an order, and the number of the step before. Many orders share their first steps.
#[derive(Clone, Copy)]
struct Step {
    deed: u32,
    before: u32,
    /// Whether it changed nothing.
    idle: bool,
}

/// What happens to a deed at an event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum DeedEvent {
    Call,
    End,
}

/// A search of one group.
struct GroupSearch<'a> {
    deeds: &'a Deeds<'a>,
    atlas: Atlas<'a>,
    shown: Shown<'a>,
    seating: Seating,
    effort: Effort,
    /// The answered deeds between their call and their end.
    waiting: Vec<u32>,
    /// The open deeds that have been called.
    open: Vec<u32>,
    /// The moment of the end that the search is at.
    now: u64,
    steps: Vec<Step>,
    spent: u64,
}

/// Looks for an order of a group, and takes the cost from the budget. Adds the order to `orders`.
pub(super) fn search(
    deeds: &Deeds<'_>,
    group: &Group,
    effort: Effort,
    budget: &mut Budget,
    orders: Option<&mut Vec<Vec<usize>>>,
) -> Conclusion {
    let mut search = GroupSearch::new(deeds, group, effort);
    let mut leads = vec![Lead { words: search.seating.empty(), newest: NONE, since: NONE }];
    for (_, what, number) in events(deeds, group) {
        let deed = &deeds.all[number as usize];
        match what {
            DeedEvent::Call if deed.is_open() => search.open.push(number),
            DeedEvent::Call => {
                search.waiting.push(number);
                leads.iter_mut().for_each(|lead| search.settle(lead));
            }
            DeedEvent::End => {
                leads = match search.end(number, leads, budget.steps) {
                    Ok(next) => next,
                    Err(excess) => {
                        budget.steps = 0;
                        return Conclusion::Exhausted(excess);
                    }
                };
                if leads.is_empty() {
                    budget.steps = budget.steps.saturating_sub(search.spent);
                    let stuck = Conclusion::Stuck { index: deed.index as usize };
                    return if search.atlas.is_incomplete { Conclusion::Exhausted(Excess::Choices) } else { stuck };
                }
            }
        }
    }
    budget.steps = budget.steps.saturating_sub(search.spent);
    if let (Some(orders), Some(lead)) = (orders, leads.first()) {
        orders.push(search.order(lead.newest));
    }
    Conclusion::Order
}

/// The calls and ends of a group, in order.
fn events(deeds: &Deeds<'_>, group: &Group) -> Vec<(u64, DeedEvent, u32)> {
    let mut events: Vec<(u64, DeedEvent, u32)> = Vec::new();
    for number in &group.deeds {
        let Deed { call, end, .. } = deeds.all[*number as usize];
        events.push((call, DeedEvent::Call, *number));
        if end != NEVER {
            events.push((end, DeedEvent::End, *number));
        }
    }
    events.sort_unstable();
    events
}

impl<'a> GroupSearch<'a> {
    fn new(deeds: &'a Deeds<'a>, group: &Group, effort: Effort) -> GroupSearch<'a> {
        GroupSearch {
            deeds,
            atlas: Atlas::new(deeds),
            shown: Shown::of(deeds, group),
            seating: Seating::of(deeds, group),
            effort,
            waiting: Vec::new(),
            open: Vec::new(),
            now: 0,
            steps: Vec::new(),
            spent: 0,
        }
    }

    fn deed(&self, number: u32) -> &'a Deed<'a> {
        &self.deeds.all[number as usize]
    }

    /// Whether everything that its client called before has taken effect.
    fn is_next(&self, lead: &Lead, number: u32) -> bool {
        let before = self.deed(number).before;
        before == NONE || !self.waiting.contains(&before) || self.seating.has_happened(lead, before)
    }

    /// The values of the keys that a deed touches.
    fn values(&self, lead: &Lead, number: u32) -> Values {
        places_of(self.deed(number)).iter().map(|place| lead.words[self.seating.local[place]]).collect()
    }

    /// The leads to which a deed may lead.
    fn after(&mut self, lead: &Lead, number: u32) -> Vec<Lead> {
        let before = self.values(lead, number);
        let steps = self.atlas.steps(number, &before);
        // Each choice costs time and memory, whether or not it leads to a new state. Most deeds have one.
        self.spent += steps.len().saturating_sub(1) as u64;
        let mut after = Vec::with_capacity(steps.len());
        for step in steps.iter() {
            let mut next = lead.clone();
            for (place, value) in places_of(self.deed(number)).iter().zip(step) {
                next.words[self.seating.local[place]] = *value;
            }
            self.seating.set(&mut next, number, true);
            self.steps.push(Step { deed: number, before: lead.newest, idle: *step == before });
            next.newest = (self.steps.len() - 1) as u32;
            after.push(next);
        }
        after
    }

    /// Lets every waiting deed happen that has its reply here and never changes anything with it. In any order that
    /// continues from here, such a deed can move to the front without changing another reply. A FLUSHDB of an empty database
    /// is not of this kind, because later it may delete something.
    fn settle(&mut self, lead: &mut Lead) {
        let mut index = 0;
        while index < self.waiting.len() {
            let number = self.waiting[index];
            index += 1;
            if self.seating.has_happened(lead, number) || !self.deed(number).is_harmless || !self.is_next(lead, number)
            {
                continue;
            }
            let before = self.values(lead, number);
            if self.atlas.steps(number, &before).contains(&before) {
                self.seating.set(lead, number, true);
                self.steps.push(Step { deed: number, before: lead.newest, idle: true });
                lead.newest = (self.steps.len() - 1) as u32;
                index = 0; // the next one of its client may have waited for it
            }
        }
    }

    /// The deeds that may have to come before a deed: those in conflict with it, those in conflict with these, and so on.
    fn relevant(&self, number: u32) -> Vec<u32> {
        let candidates: Vec<u32> = self.waiting.iter().chain(&self.open).copied().filter(|c| *c != number).collect();
        let mut relevant = vec![number];
        let mut taken = vec![false; candidates.len()];
        let mut next = 0;
        while next < relevant.len() {
            let one = relevant[next];
            next += 1;
            for (candidate, taken) in candidates.iter().zip(&mut taken) {
                if !*taken && (self.deed(one).before == *candidate || self.deed(one).conflicts(self.deed(*candidate))) {
                    *taken = true;
                    relevant.push(*candidate);
                }
            }
        }
        relevant
    }

    /// The end of a deed: returns the leads in which it has happened. Fails if the search is over its budget.
    fn end(&mut self, number: u32, leads: Vec<Lead>, budget: u64) -> Result<Vec<Lead>, Excess> {
        self.now = self.deed(number).end;
        let relevant = self.relevant(number);
        let goal = Goal::of(self.deed(number));
        let compared = if self.effort == Effort::Exact { usize::MAX } else { self.seating.opens };
        let mut seen: HashSet<Words, FixedState> = HashSet::default();
        let mut reached: Vec<Lead> = Vec::new();
        let mut now: Vec<Lead> = leads.into_iter().map(|lead| Lead { since: lead.newest, ..lead }).collect();
        let mut later: Vec<Lead> = Vec::new();
        let mut slack = match self.effort {
            Effort::Frugal(slack) => slack,
            Effort::Exact => u32::MAX,
        };
        loop {
            let Some(lead) = now.pop() else {
                if later.is_empty() || slack == 0 && !reached.is_empty() {
                    break;
                }
                slack -= u32::from(!reached.is_empty());
                now = std::mem::take(&mut later);
                continue;
            };
            if !seen.insert(lead.words[..compared.min(lead.words.len())].into()) {
                continue;
            }
            self.spent += 1;
            if self.spent > budget {
                return Err(Excess::States);
            }
            if seen.len() + later.len() > WIDEST {
                return Err(Excess::StatesOfOneEvent(WIDEST));
            }
            if self.seating.has_happened(&lead, number) {
                if self.is_needed(&lead, number) {
                    let mut lead = lead;
                    self.seating.set(&mut lead, number, false);
                    reached.push(lead);
                }
                continue;
            }
            if self.is_over(&lead, number) {
                let mut lead = lead;
                self.seating.set(&mut lead, number, true);
                now.push(lead);
                continue;
            }
            if !self.is_promising(&lead, number, goal.as_ref(), &relevant) {
                continue;
            }
            self.extend(&lead, &relevant, &mut now, &mut later);
        }
        self.waiting.retain(|other| *other != number);
        Ok(self.seating.distinct(reached, self.effort == Effort::Exact))
    }

    /// Pushes every lead that is one relevant deed further.
    fn extend(&mut self, lead: &Lead, relevant: &[u32], now: &mut Vec<Lead>, later: &mut Vec<Lead>) {
        for other in relevant.iter().copied() {
            if self.seating.has_happened(lead, other) || !self.is_next(lead, other) {
                continue;
            }
            let open = self.deed(other).is_open();
            let twin = self.seating.twins[other as usize];
            if open && twin != NONE && !self.seating.has_happened(lead, twin) && self.open.contains(&twin) {
                continue;
            }
            let idles = open || self.deed(other).is_death();
            for mut next in self.after(lead, other) {
                if idles && self.steps[next.newest as usize].idle {
                    continue; // an open deed that changes nothing need not happen, and a life that goes on has not ended
                }
                if self.loses_what_is_seen(lead, &next, other) {
                    continue;
                }
                self.settle(&mut next);
                if open { later.push(next) } else { now.push(next) }
            }
        }
    }

    /// Whether a step removes an element that a deed which has not happened yet shows, and that never comes back.
    fn loses_what_is_seen(&self, before: &Lead, after: &Lead, number: u32) -> bool {
        places_of(self.deed(number)).into_iter().any(|place| {
            let local = self.seating.local[&place];
            let (one, other) = (before.words[local], after.words[local]);
            one != other && {
                let shown = self.shown.removed(place, self.atlas.entry(one), self.atlas.entry(other));
                shown.into_iter().any(|deed| deed != number && !self.is_past(after, deed))
            }
        })
    }

    /// Whether an answered deed has happened.
    fn is_past(&self, lead: &Lead, number: u32) -> bool {
        if self.waiting.contains(&number) {
            self.seating.has_happened(lead, number)
        } else {
            self.deed(number).end < self.now
        }
    }

    /// Whether a deed is the end of a life that something else has ended or lifted.
    fn is_over(&mut self, lead: &Lead, number: u32) -> bool {
        let before = self.values(lead, number);
        self.deed(number).is_death() && self.atlas.steps(number, &before).contains(&before)
    }

    /// Whether the value that a reply asks for may still be reached.
    fn is_promising(&self, lead: &Lead, number: u32, goal: Option<&(Goal, Place<'_>)>, relevant: &[u32]) -> bool {
        let Some((goal, key)) = goal else { return true };
        let is_of_key = |place: &u32| self.deeds.places[*place as usize] == *key;
        let Some(place) = places_of(self.deed(number)).into_iter().find(is_of_key) else { return true };
        let entry = self.atlas.entry(lead.words[self.seating.local[&place]]);
        let waits = |other: &&u32| {
            **other != number
                && !self.seating.has_happened(lead, **other)
                && self.deed(**other).touches.iter().any(|touch| touch.place == place)
        };
        goal.is_within_reach(key.1, entry, relevant.iter().filter(waits).map(|other| self.deed(*other)))
    }

    /// Whether every step of this event had to come before the deed: it conflicts with a later one that had to, or its
    /// client called it before one. Another step can be put off, and then another lead explains whatever this one does.
    fn is_needed(&self, lead: &Lead, number: u32) -> bool {
        let mut path = Vec::new();
        let mut newest = lead.newest;
        while newest != lead.since && newest != NONE {
            let step = self.steps[newest as usize];
            path.push(step);
            newest = step.before;
        }
        let mut needed = vec![number];
        for Step { deed, idle, .. } in path {
            if deed == number {
                continue;
            }
            let orders = |other: &u32| self.deed(*other).before == deed || self.deed(*other).conflicts(self.deed(deed));
            if needed.iter().any(orders) {
                needed.push(deed);
            } else if !idle {
                return false;
            }
        }
        true
    }

    /// The order that ends with a step, as indexes of operations.
    fn order(&self, newest: u32) -> Vec<usize> {
        let steps = std::iter::successors(self.steps.get(newest as usize), |step| self.steps.get(step.before as usize));
        let commands = steps.map(|step| self.deed(step.deed)).filter(|deed| !deed.is_death());
        let mut order: Vec<usize> = commands.map(|deed| deed.index as usize).collect();
        order.reverse();
        order
    }
}
