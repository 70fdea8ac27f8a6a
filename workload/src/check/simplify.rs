//! What makes no difference to a verdict, and is left out before the search.

use super::claim::{ABSENT, Claim, Demand, FIRST_NAMED, UNNAMED, Value};
use super::claims::{Claims, Sensitive};

impl Claims {
    /// Forgets what makes no difference.
    ///
    /// - What claims nothing.
    /// - What is open and never wrote what anybody asks for need not have happened: take it out of an order that
    ///   explains the history, and it still does, as every reply was one that it did not help.
    pub(super) fn simplify(&mut self) {
        self.find_sensitive();
        let (sensitive, named) = (&self.sensitive, &self.named);
        self.acts.retain(|act| {
            // An open SET XX that nobody sees turns one present value into another.
            let is_wanted_present = |key: u32| {
                sensitive[key as usize].present > act.call && !act.claim.demands.contains(&(key, Demand::Present))
            };
            let wanted = |(key, value): &(u32, Value)| match *value {
                ABSENT => sensitive[*key as usize].absent > act.call,
                UNNAMED => is_wanted_present(*key),
                // One that is named may come too late to be seen, and still be there when something has to be.
                value => named[(value - FIRST_NAMED) as usize].last_end > act.call || is_wanted_present(*key),
            };
            if act.is_open() { act.claim.writes.iter().any(wanted) } else { !act.claim.is_idle(false) }
        });
        for (number, act) in self.acts.iter().enumerate() {
            for (_, value) in act.claim.writes.iter().filter(|(_, value)| *value >= FIRST_NAMED) {
                self.named[(value - FIRST_NAMED) as usize].writer = number as u32;
            }
        }
        self.find_riders();
    }

    fn find_sensitive(&mut self) {
        for act in &self.acts {
            if act.is_open() && !act.writes_a_named_value() {
                continue; // its condition is no reason to bring anything about: it need not have happened
            }
            for (key, demand) in &act.claim.demands {
                let sensitive = &mut self.sensitive[*key as usize];
                match demand {
                    Demand::Is(ABSENT) => sensitive.absent = sensitive.absent.max(act.end),
                    Demand::Is(_) => {}
                    Demand::Present => sensitive.present = sensitive.present.max(act.end),
                }
            }
            for (key, _) in act.claim.count.iter().flat_map(|count| &count.keys) {
                let sensitive = &mut self.sensitive[*key as usize];
                sensitive.absent = sensitive.absent.max(act.end);
                sensitive.present = sensitive.present.max(act.end);
            }
        }
        self.indifferent_after =
            self.sensitive.iter().map(|Sensitive { absent, present }| *absent.max(present)).collect();
    }

    fn find_riders(&mut self) {
        let mut deletions: Vec<Deletions> = vec![Deletions::default(); self.keys];
        for act in &self.acts {
            for (key, _) in act.claim.writes.iter().filter(|(_, value)| *value == ABSENT) {
                deletions[*key as usize].add(act.call, act.end);
            }
        }
        for act in self.acts.iter_mut().filter(|act| !act.is_open()) {
            let Claim { demands, count, writes } = &act.claim;
            act.rides = !writes.is_empty()
                && count.is_none()
                && writes.iter().all(|(key, value)| {
                    let is_there = demands.iter().any(|(k, demand)| k == key && demand.is_presence());
                    *value == UNNAMED && (is_there || !deletions[*key as usize].overlap(act.call, act.end))
                });
        }
    }
}

/// When a key may have been deleted.
#[derive(Clone, Default)]
struct Deletions {
    /// In the order of their calls: a call, and the last end so far.
    spans: Vec<(u64, u64)>,
}

impl Deletions {
    /// Adds one that was called after all others.
    fn add(&mut self, call: u64, end: u64) {
        let last = self.spans.last().map_or(end, |(_, last)| end.max(*last));
        self.spans.push((call, last));
    }

    /// Whether any was under way between a call and an end.
    fn overlap(&self, call: u64, end: u64) -> bool {
        let called = self.spans.partition_point(|(other, _)| *other < end);
        called > 0 && self.spans[called - 1].1 > call
    }
}
