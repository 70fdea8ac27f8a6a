//! Takes in units, and stores their large values.

use tokio::time::Instant;

use crate::commit::answer::Refusal;
use crate::commit::arrival::ValueUpload;
use crate::commit::core::{Core, Effect};
use crate::commit::queue::Unit;
use crate::root::Root;
use crate::row::{Row, Table};
use crate::upkeep::{Content, Uploaded};

impl Core {
    pub(super) fn arrive(&mut self, unit: Unit, now: Instant) {
        if let Some(trouble) = &self.trouble {
            let refused = Refusal::Unusable(trouble.why()).into();
            return self.effects.push(Effect::Answer(unit.answer, Err(refused)));
        }
        let (threshold, exists) = (self.terms.thresholds.recent, self.known.etag.is_some());
        let arrival = self.waiting.arrive(unit, now + self.terms.deadline);
        // Before the database exists there must be no runs: the next server would take them for what is left of a lost one.
        if arrival.written > threshold && exists && !self.on_trial {
            let (number, content) = (arrival.number, content_of(&arrival.unit, &self.known.database.root));
            arrival.upload = Some(ValueUpload::UnderWay);
            self.effects.push(Effect::Upload { arrival: number, content });
        }
    }

    /// A run of a large value is stored, or could not be stored.
    pub(super) fn uploaded(&mut self, arrival: u64, uploaded: Option<Uploaded>) {
        match (self.waiting.find(arrival), uploaded) {
            (Some(arrival), Some(uploaded)) => arrival.upload = Some(ValueUpload::Ready(Box::new(uploaded))),
            (Some(waiting), None) => {
                let content = content_of(&waiting.unit, &self.known.database.root);
                self.effects.push(Effect::Upload { arrival, content });
            }
            // The unit's deadline has passed.
            (None, Some(_)) => self.effects.push(Effect::Wasted),
            (None, None) => {}
        }
    }
}

/// The large values of a unit, as rows of the databases that it works on.
fn content_of(unit: &Unit, root: &Root) -> Content {
    let table = |number: usize| Table::Keys(root.header.databases[number].id);
    let rows = unit.values().into_iter().map(|((number, key), value)| (table(number), key, Some(Row::Value(value))));
    let mut rows: Vec<_> = rows.collect();
    // Databases may have been exchanged, so that their ids do not ascend as their numbers do.
    rows.sort_by_key(|(table, ..)| *table);
    Content::Rows(rows)
}
