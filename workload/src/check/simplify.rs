//! Drops acts that cannot change the verdict, before the search.

use super::claim::{ABSENT, Claim, Demand, FIRST_NAMED, UNNAMED, Value};
use super::claims::{Claims, Sensitive};

impl Claims {
    /// Drops two kinds of acts:
    ///
    /// - An answered act with an empty claim.
    /// - An open act that writes nothing that a later operation depends on. It need not have happened: take it out of an
    ///   order that explains the history, and the order still explains every reply.
    pub(super) fn simplify(&mut self) {
        self.find_sensitive();
        let (sensitive, named) = (&self.sensitive, &self.named);
        self.acts.retain(|act| {
            // An open SET XX that nobody sees only turns one present value into another.
            let is_wanted_present = |key: u32| {
                sensitive[key as usize].present > act.call && !act.claim.demands.contains(&(key, Demand::Present))
            };
            let wanted = |(key, value): &(u32, Value)| match *value {
                ABSENT => sensitive[*key as usize].absent > act.call,
                UNNAMED => is_wanted_present(*key),
                // A named value may come too late to be seen, and still be what makes the key present.
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

    /// Finds, for each key, until when some act depends on its absence or presence.
    fn find_sensitive(&mut self) {
        for act in &self.acts {
            if act.is_open() && !act.writes_a_named_value() {
                continue; // it need not have happened, so nothing has to make its condition true
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

    /// Finds the riders (`frontier/riders.rs`).
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
                    let demands_presence = demands.iter().any(|(k, demand)| k == key && demand.is_presence());
                    *value == UNNAMED && (demands_presence || !deletions[*key as usize].overlap(act.call, act.end))
                });
        }
    }
}

/// The deletions of one key.
#[derive(Clone, Default)]
struct Deletions {
    /// For each deletion, in the order of their calls: its call, and the last end up to here.
    spans: Vec<(u64, u64)>,
}

impl Deletions {
    /// Adds a deletion that was called after all others.
    fn add(&mut self, call: u64, end: u64) {
        let last = self.spans.last().map_or(end, |(_, last)| end.max(*last));
        self.spans.push((call, last));
    }

    /// Whether any deletion was under way between a call and an end.
    fn overlap(&self, call: u64, end: u64) -> bool {
        let called = self.spans.partition_point(|(other, _)| *other < end);
        called > 0 && self.spans[called - 1].1 > call
    }
}
