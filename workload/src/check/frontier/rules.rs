//! Rules that prune the search. Each skips a branch, because the search visits another branch that explains as much.

use super::super::claim::{ABSENT, Claim, Demand, FIRST_NAMED, Value};
use super::super::claims::NONE;
use super::search::Search;
use super::search_state::SearchState;

/// Whether the order of two acts matters.
fn conflict(one: &Claim, other: &Claim) -> bool {
    let touches = |claim: &Claim, key: u32| claim.keys().any(|touched| touched == key);
    one.writes.iter().any(|(key, _)| touches(other, *key)) || other.writes.iter().any(|(key, _)| touches(one, *key))
}

impl Search<'_> {
    /// The open acts at the end of the order so far, newest first.
    ///
    /// An open act has no end. So in an order that explains the history, it can be put off until just before the first
    /// operation that must come after it: one that looks at its writes or overwrites a part of them. Open acts without a
    /// conflict may come in any order, so one order of them suffices.
    pub(super) fn newly_opened(&self, state: &SearchState) -> Vec<u32> {
        let mut opened = Vec::new();
        let mut newest = state.newest;
        while newest != state.since && newest != NONE && self.act(self.steps[newest as usize].act).is_open() {
            opened.push(self.steps[newest as usize].act);
            newest = self.steps[newest as usize].before;
        }
        opened
    }

    /// Whether each of the newly opened acts has to come before this answered act.
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

    /// Whether one more open act keeps to the one order of open acts.
    pub(super) fn is_in_order(&self, opened: &[u32], act: u32) -> bool {
        opened.first().is_none_or(|last| {
            let (claim, before) = (&self.act(act).claim, &self.act(*last).claim);
            if conflict(claim, before) { self.is_seen(before, [act].iter()) } else { self.seat(act) > self.seat(*last) }
        })
    }

    /// Whether an operation that has not happened can use the writes of an open act: because it demands them, or because
    /// it overwrites a part of them.
    pub(super) fn is_wanted(&self, state: &SearchState, claim: &Claim) -> bool {
        let wants = |other: &Claim, key: u32, value: Value| {
            let demanded = other.demands.iter().any(|(demanded, demand)| {
                *demanded == key
                    && match demand {
                        Demand::Is(wanted) => *wanted == value,
                        Demand::Present => value != ABSENT && self.value(state, key) == ABSENT,
                    }
            });
            demanded
                || other.count.as_ref().is_some_and(|count| count.keys.iter().any(|(counted, _)| *counted == key))
                || claim.writes.len() > 1 && other.writes.iter().any(|(written, _)| *written == key)
        };
        let wanted_by = |other: &Claim| claim.writes.iter().any(|(key, value)| wants(other, *key, *value));
        self.pending.iter().any(|other| !self.has_happened(state, *other) && wanted_by(&self.act(*other).claim))
            || self.live.iter().any(|kind| {
                let other = &self.act(self.kinds[*kind].acts[0]).claim;
                other != claim && wanted_by(other)
            })
    }

    /// Whether an act cannot happen at this event, whatever else does.
    ///
    /// A value stays if only one operation writes it and an operation that has not been called yet will see it. An act that
    /// demands or writes another value for that key comes too late. And a value that the key does not hold must still be
    /// written by an operation that has been called and has not happened.
    pub(super) fn is_barred(&self, state: &SearchState, act: u32) -> bool {
        let claim = &self.act(act).claim;
        let stays = |key: u32| {
            let value = self.value(state, key);
            value >= FIRST_NAMED
                && self.claims.named(value).writers == 1
                && self.claims.named(value).last_call > self.now
        };
        let demanded = claim.demands.iter().any(|(key, demand)| match demand {
            Demand::Is(value) if self.value(state, *key) != *value => {
                stays(*key) || *value >= FIRST_NAMED && self.is_over(state, *value)
            }
            _ => false,
        });
        let written = |(key, value): &(u32, Value)| stays(*key) && self.value(state, *key) != *value;
        let before = self.act(act).before;
        demanded || claim.writes.iter().any(written) || !self.is_next(state, act) && self.is_barred(state, before)
    }

    /// Whether no operation that can happen at this event writes a value.
    pub(super) fn is_over(&self, state: &SearchState, value: Value) -> bool {
        let named = self.claims.named(value);
        if named.writers != 1 {
            return false;
        }
        if named.writer == NONE {
            return true; // its writer was called after the last reply that names the value, so it was dropped
        }
        let writer = self.act(named.writer);
        if writer.call > self.now {
            return true;
        }
        if writer.is_open() {
            let kind = &self.kinds[self.seat(named.writer) as usize];
            return kind.settled < self.now || state.words[kind.word] == 1;
        }
        writer.end < self.now || self.has_happened(state, named.writer)
    }

    /// Whether another pending act has the same effect and ends sooner. Then that act may happen now instead of this one.
    ///
    /// Proof: swap the two in any order that continues with this one. The demands of both hold in both places, because
    /// their claims are equal. This act is not too late, because the other one ends sooner. And it overtakes nothing of its
    /// own client, which calls nothing more before the other act ends.
    ///
    /// An open act has no end, and its client calls nothing more. If it makes no demands, it can also stand in for an
    /// answered act with the same writes.
    pub(super) fn has_a_better(&self, state: &SearchState, act: u32) -> bool {
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
                && self.can_happen(state, *other)
        })
    }

    /// Whether every step since the last event was needed for this act.
    ///
    /// A step is needed if it conflicts with a later needed step, or if the same client called it before one. An open act
    /// is needed only if its writes are seen, or still can be. A step that is not needed can be put off until after the act.
    /// Then another state of the frontier leads here too, and explains whatever this one does.
    pub(super) fn is_needed(&self, state: &SearchState, act: u32) -> bool {
        let is_newest = |newest: u32| newest != NONE && self.steps[newest as usize].act == act;
        if is_newest(state.newest) && self.steps[state.newest as usize].before == state.since {
            return true;
        }
        let mut path = Vec::new();
        let mut newest = state.newest;
        while newest != state.since && newest != NONE {
            path.push(self.steps[newest as usize].act);
            newest = self.steps[newest as usize].before;
        }
        let Some(start) = path.iter().position(|step| *step == act) else { return true };
        let mut needed = vec![act];
        for (index, step) in path.iter().enumerate().skip(start + 1) {
            let claim = &self.act(*step).claim;
            let orders = |other: &u32| self.act(*other).before == *step || conflict(claim, &self.act(*other).claim);
            if needed.iter().any(orders) {
                if self.act(*step).is_open() && !self.is_seen(claim, path[..index].iter().rev()) {
                    return false;
                }
                needed.push(*step);
            } else if !self.is_passive(claim) && !self.act(*step).rides {
                return false;
            }
        }
        true
    }

    /// Whether a later step looks at the writes of a claim, or some of them outlast all steps.
    pub(super) fn is_seen<'s>(&self, claim: &Claim, after: impl Iterator<Item = &'s u32> + Clone) -> bool {
        claim.writes.iter().any(|(key, _)| {
            let next = after.clone().map(|step| &self.act(*step).claim).find(|next| next.keys().any(|k| k == *key));
            next.is_none_or(|next| next.looks_at(*key))
        })
    }
}
