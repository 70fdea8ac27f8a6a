//! Which keys can have a part in what happens at an event.

use super::super::claim::Claim;
use super::super::claims::NONE;
use super::Search;

impl Search<'_> {
    /// Which keys can have a part in whether an act happens: its own, those of what its client called before, and, again
    /// and again, those of every operation that may happen and shares one. All others may happen later just as well.
    pub(super) fn find_relevant(&mut self, act: u32) {
        if self.keys == 1 {
            return;
        }
        self.round += 1;
        let mut earlier = act;
        while earlier != NONE {
            self.mark(&self.act(earlier).claim);
            earlier = self.act(earlier).before;
        }
        loop {
            let marked = self.marked;
            for index in 0..self.pending.len() {
                let other = self.pending[index];
                let before = self.act(other).before;
                if self.is_relevant(&self.act(other).claim) {
                    self.mark(&self.act(other).claim);
                    if before != NONE {
                        self.mark(&self.act(before).claim);
                    }
                }
            }
            for index in 0..self.live.len() {
                let claim = &self.act(self.kinds[self.live[index]].acts[0]).claim;
                if self.is_relevant(claim) {
                    self.mark(claim);
                }
            }
            if self.marked == marked {
                break;
            }
        }
    }

    pub(super) fn mark(&mut self, claim: &Claim) {
        for key in claim.keys() {
            let mark = &mut self.relevant[self.local[key as usize] as usize];
            self.marked += u64::from(*mark != self.round);
            *mark = self.round;
        }
    }

    pub(super) fn is_relevant(&self, claim: &Claim) -> bool {
        self.keys == 1 || claim.keys().any(|key| self.relevant[self.local[key as usize] as usize] == self.round)
    }
}
