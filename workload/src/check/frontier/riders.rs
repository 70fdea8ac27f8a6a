//! Writes that nobody will see, and that ride along with others.
//!
//! A *rider* is an answered write of values that no reply names, to keys that hold something at whatever later moment it
//! could happen instead: it says itself that they do (SET with XX, or with GET and an old value), or nothing that could
//! delete them is under way between its call and its end (`Act::rides`; that one of its keys is absent before, and only
//! another write brings it about, is why a rider without demands must ride with a write, or onto something). Take any
//! order that goes on from here and has the rider later. Leave it out there: a key kept some value a little longer, which
//! falsifies no reply, as none asks that a value be gone while the key is there. So a rider may happen at any earlier
//! moment at which it is right and leaves no trace, and nothing that could be explained can't be any more. There are two
//! such moments: when its keys hold unnamed values anyway ([`Search::is_idle`]), and just before another operation
//! writes all its keys over without looking at their values ([`Search::carry`]).

use super::super::claim::{ABSENT, Demand, UNNAMED, Value};
use super::super::configuration::Configuration;
use super::Search;

impl Search<'_> {
    /// Whether a rider would change nothing now.
    pub(super) fn is_idle(&self, configuration: &Configuration, act: u32) -> bool {
        self.act(act).claim.writes.iter().all(|(key, _)| self.value(configuration, *key) == UNNAMED)
    }

    /// Lets all those happen that another operation, which is about to happen, writes over. Whether there were any.
    pub(super) fn carry(&mut self, configuration: &mut Configuration, over: u32) -> bool {
        if self.act(over).claim.writes.is_empty() {
            return false;
        }
        let mut carried = false;
        let mut pending = 0..self.pending.len();
        while let Some(index) = pending.next() {
            let rider = self.pending[index];
            if rider != over && self.act(rider).rides && self.can_ride(configuration, rider, over) {
                self.take(configuration, rider);
                carried = true;
                pending = 0..self.pending.len(); // what it changed may be what another one has waited for
            }
        }
        carried
    }

    fn can_ride(&self, configuration: &Configuration, rider: u32, over: u32) -> bool {
        let (claim, over) = (&self.act(rider).claim, &self.act(over).claim);
        let covers = |(key, _): &(u32, Value)| {
            let Some((_, written)) = over.writes.iter().find(|(written, _)| written == key) else { return false };
            let present = self.value(configuration, *key) != ABSENT;
            let blind = !over.demands.iter().any(|(k, demand)| k == key && matches!(demand, Demand::Is(_)));
            let counted = over.count.as_ref().is_some_and(|count| count.keys.iter().any(|(k, _)| k == key));
            // A deletion leaves no key behind that something could have been written onto.
            let onto = *written != ABSENT || claim.demands.iter().any(|(k, demand)| k == key && demand.is_presence());
            blind && onto && (present || !counted && !over.demands.contains(&(*key, Demand::Present)))
        };
        claim.writes.iter().all(covers) && self.can_happen(configuration, rider)
    }
}
