//! What it takes for an operation to take effect, and what follows at once.

use super::super::claim::{ABSENT, Claim, Demand, FIRST_NAMED, UNNAMED, Value};
use super::super::claims::NONE;
use super::super::configuration::Configuration;
use super::{Search, Step};

impl Search<'_> {
    pub(super) fn has_happened(&self, configuration: &Configuration, act: u32) -> bool {
        let bit = self.seat(act) as usize;
        configuration.words[self.keys + bit / 32] >> (bit % 32) & 1 == 1
    }

    pub(super) fn set(&self, configuration: &mut Configuration, act: u32, happened: bool) {
        let bit = self.seat(act) as usize;
        let word = &mut configuration.words[self.keys + bit / 32];
        *word = *word & !(1 << (bit % 32)) | u32::from(happened) << (bit % 32);
    }

    pub(super) fn value(&self, configuration: &Configuration, key: u32) -> Value {
        configuration.words[self.local[key as usize] as usize]
    }

    /// Whether a pending act may take effect now.
    pub(super) fn can_happen(&self, configuration: &Configuration, act: u32) -> bool {
        !self.has_happened(configuration, act)
            && self.is_next(configuration, act)
            && self.holds(configuration, &self.act(act).claim, act)
    }

    /// Whether all that its client called before has taken effect.
    pub(super) fn is_next(&self, configuration: &Configuration, act: u32) -> bool {
        let before = self.act(act).before;
        before == NONE || self.act(before).end < self.now || self.has_happened(configuration, before)
    }

    /// Whether a claim is true here, and takes away no value that somebody else has still to see.
    pub(super) fn holds(&self, configuration: &Configuration, claim: &Claim, act: u32) -> bool {
        let demands = claim.demands.iter().all(|(key, demand)| match demand {
            Demand::Is(value) => self.value(configuration, *key) == *value,
            Demand::Present => self.value(configuration, *key) != ABSENT,
        });
        let counts = || {
            claim.count.as_ref().is_none_or(|count| {
                let present = count.keys.iter().filter(|(key, _)| self.value(configuration, *key) != ABSENT);
                present.map(|(_, weight)| weight).sum::<u32>() == count.sum
            })
        };
        demands && counts() && claim.writes.iter().all(|(key, value)| self.may_leave(configuration, *key, *value, act))
    }

    pub(super) fn changes(&self, configuration: &Configuration, claim: &Claim) -> bool {
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
    pub(super) fn written(&self, key: u32, value: Value) -> Value {
        if value == UNNAMED && self.is_indifferent(key) { ABSENT } else { value }
    }

    fn is_indifferent(&self, key: u32) -> bool {
        self.now > self.claims.indifferent_after[key as usize]
    }

    /// Whether an operation has no effect wherever it may happen: a read, or a write of what nobody will ever ask for.
    pub(super) fn is_passive(&self, claim: &Claim) -> bool {
        let unseen = |(key, value): &(u32, Value)| *value < FIRST_NAMED && self.is_indifferent(*key);
        claim.writes.is_empty() || claim.demands.is_empty() && claim.count.is_none() && claim.writes.iter().all(unseen)
    }

    /// Whether a pending act may as well happen now, as it changes nothing.
    ///
    /// An operation that is pending, is next in its client's order, is right about the state and has no effect wherever
    /// it is right, may as well happen now: take any order that goes on from here and move it to the front. It is right
    /// there, nothing that comes after it misses it, and what it overtakes has not ended yet.
    pub(super) fn is_free(&self, configuration: &Configuration, act: u32) -> bool {
        let this = self.act(act);
        let changes_nothing = self.is_passive(&this.claim) && !self.changes(configuration, &this.claim)
            || this.rides && self.is_idle(configuration, act);
        changes_nothing && self.can_happen(configuration, act)
    }

    /// Lets an act take effect, and then everything that changes nothing and can happen because of it: what its client
    /// sent next, and, where a key holds something else now, or did before this, anything.
    pub(super) fn happen(&mut self, configuration: &mut Configuration, act: u32, mut changed: bool) {
        let mut next = Some(act);
        while let Some(act) = next {
            changed |= self.take(configuration, act);
            next = if changed {
                self.pending.iter().copied().find(|other| self.is_free(configuration, *other))
            } else {
                Some(self.act(act).after).filter(|after| self.is_called(*after) && self.is_free(configuration, *after))
            };
        }
    }

    fn is_called(&self, act: u32) -> bool {
        act != NONE && self.act(act).call <= self.now
    }

    /// Lets an act take effect on the keys. Whether one of them holds something else than before.
    pub(super) fn take(&mut self, configuration: &mut Configuration, act: u32) -> bool {
        let this = self.act(act);
        let mut changed = false;
        for (key, value) in &this.claim.writes {
            let written = self.written(*key, *value);
            let word = &mut configuration.words[self.local[*key as usize] as usize];
            changed |= *word != written;
            *word = written;
        }
        if !this.is_open() {
            self.set(configuration, act, true);
        }
        self.steps.push(Step { act, before: configuration.newest });
        configuration.newest = (self.steps.len() - 1) as u32;
        for key in this.claim.keys() {
            changed |= self.forget(configuration, key);
        }
        changed
    }

    /// A value that nobody has still to see is like any other value, or like none if nobody asks.
    fn forget(&self, configuration: &mut Configuration, key: u32) -> bool {
        let value = self.value(configuration, key);
        let forgotten = value >= FIRST_NAMED && !self.is_awaited(configuration, key, value, NONE);
        if forgotten {
            configuration.words[self.local[key as usize] as usize] = self.written(key, UNNAMED);
        }
        forgotten
    }
}
