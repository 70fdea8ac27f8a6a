//! What need not be looked at, because something else that is looked at does as well.

use super::super::claim::{ABSENT, Claim, Demand, FIRST_NAMED, Value};
use super::super::claims::NONE;
use super::super::configuration::Configuration;
use super::Search;

/// Whether it makes a difference which of two comes first.
fn conflict(one: &Claim, other: &Claim) -> bool {
    let touches = |claim: &Claim, key: u32| claim.keys().any(|touched| touched == key);
    one.writes.iter().any(|(key, _)| touches(other, *key)) || other.writes.iter().any(|(key, _)| touches(one, *key))
}

impl Search<'_> {
    /// The open operations that happened last, newest first, without anything answered after them.
    ///
    /// What is open has no end, so in an order that explains the history each open operation can be put off until just
    /// before the first operation that has to come after it: one that looks at what it wrote, or that writes a part of
    /// it over. Between open operations that have nothing to do with each other the order is free, and one will do.
    pub(super) fn newly_opened(&self, configuration: &Configuration) -> Vec<u32> {
        let mut opened = Vec::new();
        let mut newest = configuration.newest;
        while newest != configuration.since && newest != NONE && self.act(self.steps[newest as usize].act).is_open() {
            opened.push(self.steps[newest as usize].act);
            newest = self.steps[newest as usize].before;
        }
        opened
    }

    /// Whether each of the newly opened had to come before this act, which is answered.
    pub(super) fn has_use_for(&self, opened: &[u32], act: u32) -> bool {
        if opened.is_empty() {
            return true;
        }
        let mut after = vec![act];
        opened.iter().all(|open| {
            let claim = &self.act(*open).claim;
            let comes_before = after.iter().any(|other| conflict(claim, &self.act(*other).claim));
            let seen = self.is_seen(claim, after.iter().rev());
            after.push(*open);
            comes_before && seen
        })
    }

    /// Whether one more open operation keeps to the one order.
    pub(super) fn is_in_order(&self, opened: &[u32], act: u32) -> bool {
        opened.first().is_none_or(|last| {
            let (claim, before) = (&self.act(act).claim, &self.act(*last).claim);
            if conflict(claim, before) { self.is_seen(before, [act].iter()) } else { self.seat(act) > self.seat(*last) }
        })
    }

    /// Whether some operation that has not happened could do with what an open one would write: because it asks for it,
    /// or because it writes over a part of it.
    pub(super) fn is_wanted(&self, configuration: &Configuration, claim: &Claim) -> bool {
        let wants = |other: &Claim, key: u32, value: Value| {
            let demanded = other.demands.iter().any(|(demanded, demand)| {
                *demanded == key
                    && match demand {
                        Demand::Is(wanted) => *wanted == value,
                        Demand::Present => value != ABSENT && self.value(configuration, key) == ABSENT,
                    }
            });
            demanded
                || other.count.as_ref().is_some_and(|count| count.keys.iter().any(|(counted, _)| *counted == key))
                || claim.writes.len() > 1 && other.writes.iter().any(|(written, _)| *written == key)
        };
        let wanted_by = |other: &Claim| claim.writes.iter().any(|(key, value)| wants(other, *key, *value));
        self.pending.iter().any(|other| !self.has_happened(configuration, *other) && wanted_by(&self.act(*other).claim))
            || self.live.iter().any(|kind| {
                let other = &self.act(self.kinds[*kind].acts[0]).claim;
                other != claim && wanted_by(other)
            })
    }

    /// Whether an act can't happen at this event, whatever else does.
    ///
    /// A value that somebody who has not even called will see is there to stay, if only one operation writes it: an act
    /// that wants another value there, or writes one, comes too late. A value that is not there has still to be
    /// written by an operation that has been called and has not happened.
    pub(super) fn is_barred(&self, configuration: &Configuration, act: u32) -> bool {
        let claim = &self.act(act).claim;
        let stays = |key: u32| {
            let value = self.value(configuration, key);
            value >= FIRST_NAMED
                && self.claims.named(value).writers == 1
                && self.claims.named(value).last_call > self.now
        };
        let demanded = claim.demands.iter().any(|(key, demand)| match demand {
            Demand::Is(value) if self.value(configuration, *key) != *value => {
                stays(*key) || *value >= FIRST_NAMED && self.is_over(configuration, *value)
            }
            _ => false,
        });
        let written = |(key, value): &(u32, Value)| stays(*key) && self.value(configuration, *key) != *value;
        let before = self.act(act).before;
        demanded
            || claim.writes.iter().any(written)
            || !self.is_next(configuration, act) && self.is_barred(configuration, before)
    }

    /// Whether nothing that can happen at this event writes a value.
    pub(super) fn is_over(&self, configuration: &Configuration, value: Value) -> bool {
        let named = self.claims.named(value);
        if named.writers != 1 {
            return false;
        }
        if named.writer == NONE {
            return true; // it was called when all who name the value had their replies, and is left out
        }
        let writer = self.act(named.writer);
        if writer.call > self.now {
            return true;
        }
        if writer.is_open() {
            let kind = &self.kinds[self.seat(named.writer) as usize];
            return kind.settled < self.now || configuration.words[kind.word] == 1;
        }
        writer.end < self.now || self.has_happened(configuration, named.writer)
    }

    /// Whether another pending operation does the same and has to end sooner: then that one may happen now, in the place
    /// of this one. In any order that goes on with this one, swap the two. The other one is right here, as it claims
    /// the same; this one is right later, for the same reason, and not too late, as the other one ended sooner still.
    /// Nothing of this one's client is overtaken, because it calls nothing more before the other one ends.
    ///
    /// What is open has no end and no client that goes on; and it is never too demanding to stand where an answered
    /// operation stood that writes the same, if it makes no demands.
    pub(super) fn has_a_better(&self, configuration: &Configuration, act: u32) -> bool {
        let this = self.act(act);
        let is_in_time = |end: u64| this.after == NONE || self.act(this.after).call > end;
        self.pending.iter().any(|other| {
            let that = self.act(*other);
            *other != act
                && that.end < this.end
                && is_in_time(that.end)
                && that.claim.writes == this.claim.writes
                && (that.claim == this.claim
                    || this.is_open() && this.claim.demands.is_empty() && this.claim.count.is_none())
                && self.can_happen(configuration, *other)
        })
    }

    /// Whether every step on the way from the last event to this act was needed for it: each has to have a key in common
    /// with a later one that is needed, where one of the two writes, or be called earlier by the same client. A step
    /// that is not can be put off until after the act, so this configuration can be reached from one that is in the
    /// frontier too, and whatever can be explained from here can be explained from there. An open operation is needed
    /// only if somebody sees what it wrote, or still may.
    pub(super) fn is_needed(&self, configuration: &Configuration, act: u32) -> bool {
        let is_newest = |newest: u32| newest != NONE && self.steps[newest as usize].act == act;
        if is_newest(configuration.newest) && self.steps[configuration.newest as usize].before == configuration.since {
            return true;
        }
        let mut path = Vec::new();
        let mut newest = configuration.newest;
        while newest != configuration.since && newest != NONE {
            path.push(self.steps[newest as usize].act);
            newest = self.steps[newest as usize].before;
        }
        let Some(start) = path.iter().position(|step| *step == act) else { return true };
        let mut needed = vec![act];
        for (place, step) in path.iter().enumerate().skip(start + 1) {
            let claim = &self.act(*step).claim;
            let orders = |other: &u32| self.act(*other).before == *step || conflict(claim, &self.act(*other).claim);
            if needed.iter().any(orders) {
                if self.act(*step).is_open() && !self.is_seen(claim, path[..place].iter().rev()) {
                    return false;
                }
                needed.push(*step);
            } else if !self.is_passive(claim) && !self.act(*step).rides {
                return false;
            }
        }
        true
    }

    /// Whether what a claim wrote is looked at by one of the steps after it, or is still there after all of them.
    pub(super) fn is_seen<'s>(&self, claim: &Claim, after: impl Iterator<Item = &'s u32> + Clone) -> bool {
        claim.writes.iter().any(|(key, _)| {
            let next = after.clone().map(|step| &self.act(*step).claim).find(|next| next.keys().any(|k| k == *key));
            next.is_none_or(|next| next.looks_at(*key))
        })
    }
}
