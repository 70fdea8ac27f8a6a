//! Finds the keys that can matter at an event. Operations on other keys can wait.

use super::super::claim::Claim;
use super::super::claims::NONE;
use super::search::Search;

impl Search<'_> {
    /// Marks the keys that can matter to whether an act takes effect: its own keys, the keys of the acts that its client
    /// called before, and then, until nothing changes, the keys of every act that can happen and shares a marked key.
    /// Acts on other keys may as well happen later.
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

    fn mark(&mut self, claim: &Claim) {
        for key in claim.keys() {
            let mark = &mut self.relevant[self.local[key as usize] as usize];
            self.marked += u64::from(*mark != self.round);
            *mark = self.round;
        }
    }

    /// Whether an act with this claim can matter at this event.
    pub(super) fn is_relevant(&self, claim: &Claim) -> bool {
        self.keys == 1 || claim.keys().any(|key| self.relevant[self.local[key as usize] as usize] == self.round)
    }
}
