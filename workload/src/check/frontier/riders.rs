//! Riders: writes that nobody will see. They ride along with other writes, so that the search need not branch on them.
//!
//! A *rider* (`Act::rides`) is an answered write of unnamed values to keys that are present at every later moment at which
//! it could happen. They are present because the rider demands it (SET with XX, or with GET and an old value), or because
//! no deletion is under way between its call and its end.
//!
//! A rider may happen at any earlier moment at which its demands hold and it leaves no trace. Proof: take an order that
//! continues from here and has the rider later, and remove it there. Its keys keep some value a little longer. No reply
//! is falsified, because no reply says that a value is gone while the key is present.
//!
//! There are two such moments:
//!
//! - when its keys hold unnamed values anyway ([`Search::is_idle`]), and
//! - just before another operation overwrites all its keys without looking at their values ([`Search::carry`]).
//!
//! One of its keys may be absent until another write creates it. So a rider without demands must ride with an operation
//! that writes the key, or onto a value.

use super::super::claim::{ABSENT, Demand, Value};
use super::search::Search;
use super::search_state::SearchState;

impl Search<'_> {
    /// Lets every rider happen that the act `over`, which is about to happen, overwrites. Returns whether there were any.
    pub(super) fn carry(&mut self, state: &mut SearchState, over: u32) -> bool {
        if self.act(over).claim.writes.is_empty() {
            return false;
        }
        let mut carried = false;
        let mut pending = 0..self.pending.len();
        while let Some(index) = pending.next() {
            let rider = self.pending[index];
            if rider != over && self.act(rider).rides && self.can_ride(state, rider, over) {
                self.take(state, rider);
                carried = true;
                pending = 0..self.pending.len(); // another rider may have waited for this one
            }
        }
        carried
    }

    /// Whether a rider can happen just before the act that overwrites it.
    fn can_ride(&self, state: &SearchState, rider: u32, over: u32) -> bool {
        let (claim, over) = (&self.act(rider).claim, &self.act(over).claim);
        let covers = |(key, _): &(u32, Value)| {
            let Some((_, written)) = over.writes.iter().find(|(written, _)| written == key) else { return false };
            let present = self.value(state, *key) != ABSENT;
            let blind = !over.demands.iter().any(|(k, demand)| k == key && matches!(demand, Demand::Is(_)));
            let counted = over.count.as_ref().is_some_and(|count| count.keys.iter().any(|(k, _)| k == key));
            // A deletion leaves no value that a rider without demands could have been written onto.
            let onto = *written != ABSENT || claim.demands.iter().any(|(k, demand)| k == key && demand.is_presence());
            blind && onto && (present || !counted && !over.demands.contains(&(*key, Demand::Present)))
        };
        claim.writes.iter().all(covers) && self.can_happen(state, rider)
    }
}
