//! When an operation may take effect, and what follows at once.

use super::super::claim::{ABSENT, Claim, Demand, FIRST_NAMED, UNNAMED, Value};
use super::super::claims::NONE;
use super::search::{PathStep, Search};
use super::search_state::SearchState;

impl Search<'_> {
    /// Whether a pending act has taken effect.
    pub(super) fn has_happened(&self, state: &SearchState, act: u32) -> bool {
        let bit = self.seat(act) as usize;
        state.words[self.keys + bit / 32] >> (bit % 32) & 1 == 1
    }

    /// Notes whether a pending act has taken effect.
    pub(super) fn set(&self, state: &mut SearchState, act: u32, happened: bool) {
        let bit = self.seat(act) as usize;
        let word = &mut state.words[self.keys + bit / 32];
        *word = *word & !(1 << (bit % 32)) | u32::from(happened) << (bit % 32);
    }

    /// The value of a key.
    pub(super) fn value(&self, state: &SearchState, key: u32) -> Value {
        state.words[self.local[key as usize] as usize]
    }

    /// Whether a pending act may take effect now.
    pub(super) fn can_happen(&self, state: &SearchState, act: u32) -> bool {
        !self.has_happened(state, act) && self.is_next(state, act) && self.holds(state, &self.act(act).claim, act)
    }

    /// Whether everything that its client called before has taken effect.
    pub(super) fn is_next(&self, state: &SearchState, act: u32) -> bool {
        let before = self.act(act).before;
        before == NONE || self.act(before).end < self.now || self.has_happened(state, before)
    }

    /// Whether the demands of a claim hold, and its writes replace no value that another operation must still see.
    pub(super) fn holds(&self, state: &SearchState, claim: &Claim, act: u32) -> bool {
        let demands = claim.demands.iter().all(|(key, demand)| match demand {
            Demand::Is(value) => self.value(state, *key) == *value,
            Demand::Present => self.value(state, *key) != ABSENT,
        });
        let counts = || {
            claim.count.as_ref().is_none_or(|count| {
                let present = count.keys.iter().filter(|(key, _)| self.value(state, *key) != ABSENT);
                present.map(|(_, weight)| weight).sum::<u32>() == count.sum
            })
        };
        demands && counts() && claim.writes.iter().all(|(key, value)| self.may_leave(state, *key, *value, act))
    }

    /// Whether the writes of a claim change any key.
    pub(super) fn changes(&self, state: &SearchState, claim: &Claim) -> bool {
        claim.writes.iter().any(|(key, value)| self.value(state, *key) != self.written(*key, *value))
    }

    /// Whether a write may replace the value of a key. It may not if another operation must still see the value and only
    /// one operation writes it, because the value would never come back.
    fn may_leave(&self, state: &SearchState, key: u32, new: Value, act: u32) -> bool {
        let value = self.value(state, key);
        if value < FIRST_NAMED || value == new {
            return true;
        }
        self.claims.named(value).writers > 1 || !self.is_awaited(state, key, value, act)
    }

    /// Whether an operation other than this one must still see a value.
    fn is_awaited(&self, state: &SearchState, key: u32, value: Value, act: u32) -> bool {
        let named = self.claims.named(value);
        if named.last_call > self.now {
            return true;
        }
        named.last_end >= self.now
            && self.pending.iter().any(|other| {
                *other != act
                    && self.act(*other).claim.demands.contains(&(key, Demand::Is(value)))
                    && !self.has_happened(state, *other)
            })
    }

    /// What a key holds after a write. If no operation depends on the key's presence any more, an unnamed value is as good
    /// as none.
    pub(super) fn written(&self, key: u32, value: Value) -> Value {
        if value == UNNAMED && self.is_indifferent(key) { ABSENT } else { value }
    }

    /// Whether no operation depends on the presence of a key any more.
    fn is_indifferent(&self, key: u32) -> bool {
        self.now > self.claims.indifferent_after[key as usize]
    }

    /// Whether an operation has no effect at any moment: it is a read, or a write whose value no operation depends on.
    pub(super) fn is_passive(&self, claim: &Claim) -> bool {
        let unseen = |(key, value): &(u32, Value)| *value < FIRST_NAMED && self.is_indifferent(*key);
        claim.writes.is_empty() || claim.demands.is_empty() && claim.count.is_none() && claim.writes.iter().all(unseen)
    }

    /// Whether a pending act may as well happen now, because it changes nothing.
    ///
    /// Take any order that continues from here and move the act to its front. Its demands hold there, no later operation
    /// misses its effect, and no operation that it overtakes has ended yet. So the order still explains every reply.
    pub(super) fn is_free(&self, state: &SearchState, act: u32) -> bool {
        let this = self.act(act);
        let changes_nothing =
            self.is_passive(&this.claim) && !self.changes(state, &this.claim) || this.rides && self.is_idle(state, act);
        changes_nothing && self.can_happen(state, act)
    }

    /// Whether a rider would change nothing now.
    fn is_idle(&self, state: &SearchState, act: u32) -> bool {
        self.act(act).claim.writes.iter().all(|(key, _)| self.value(state, *key) == UNNAMED)
    }

    /// Lets an act take effect, and then every act that is free to happen because of it. If no key has changed, only the
    /// next act of the same client can have become free.
    pub(super) fn happen(&mut self, state: &mut SearchState, act: u32, mut changed: bool) {
        let mut next = Some(act);
        while let Some(act) = next {
            changed |= self.take(state, act);
            next = if changed {
                self.pending.iter().copied().find(|other| self.is_free(state, *other))
            } else {
                Some(self.act(act).after).filter(|after| self.is_called(*after) && self.is_free(state, *after))
            };
        }
    }

    /// Whether a client has called an act by now.
    fn is_called(&self, act: u32) -> bool {
        act != NONE && self.act(act).call <= self.now
    }

    /// Lets an act take effect. Returns whether any key has changed.
    pub(super) fn take(&mut self, state: &mut SearchState, act: u32) -> bool {
        let this = self.act(act);
        let mut changed = false;
        for (key, value) in &this.claim.writes {
            let written = self.written(*key, *value);
            let word = &mut state.words[self.local[*key as usize] as usize];
            changed |= *word != written;
            *word = written;
        }
        if !this.is_open() {
            self.set(state, act, true);
        }
        self.steps.push(PathStep { act, before: state.newest });
        state.newest = (self.steps.len() - 1) as u32;
        for key in this.claim.keys() {
            changed |= self.forget(state, key);
        }
        changed
    }

    /// Replaces a value that no operation must still see by the unnamed value, or by none. Returns whether it did.
    fn forget(&self, state: &mut SearchState, key: u32) -> bool {
        let value = self.value(state, key);
        let forgotten = value >= FIRST_NAMED && !self.is_awaited(state, key, value, NONE);
        if forgotten {
            state.words[self.local[key as usize] as usize] = self.written(key, UNNAMED);
        }
        forgotten
    }
}
