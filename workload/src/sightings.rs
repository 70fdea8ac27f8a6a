//! What replies show of writes whose outcome is unknown.
//!
//! No two writes of a round have the same value. So a value names its write, and a reply that shows the value shows that
//! the write took effect.

use std::collections::HashMap;

use crate::history::Operation;
use crate::word::Word;

/// The values that a history shows, and when.
pub struct Sightings<'a> {
    /// For each value, the end of the first answered operation that wrote it or saw it.
    known: HashMap<&'a Word, u64>,
    looks: Vec<Look<'a>>,
}

/// A reply that showed a client the value of a key.
struct Look<'a> {
    key: &'a Word,
    call: u64,
    found: &'a Word,
}

impl<'a> Sightings<'a> {
    /// Collects what the answered operations show.
    pub fn of(operations: &'a [Operation]) -> Sightings<'a> {
        let mut sightings = Sightings { known: HashMap::new(), looks: Vec::new() };
        for operation in operations {
            let (Some(reply), Some((end, _))) = (operation.reply(), &operation.end) else { continue };
            let call = operation.call.event;
            let shown = operation.command.shown(reply).into_iter();
            let found: Vec<(&Word, &Word)> = shown.filter_map(|(key, value)| Some((key, value?))).collect();
            let seen = found.iter().map(|(_, found)| *found);
            for value in operation.command.always_sets().into_iter().chain(seen) {
                let known = sightings.known.entry(value).or_insert(end.event);
                *known = end.event.min(*known);
            }
            sightings.looks.extend(found.into_iter().map(|(key, found)| Look { key, call, found }));
        }
        sightings
    }

    /// Whether somebody saw that an open operation took effect.
    pub fn show_applied(&self, open: &Operation) -> bool {
        open.command.always_sets().into_iter().any(|value| self.known.contains_key(value))
    }

    /// Whether somebody saw that an open operation had not taken effect.
    ///
    /// That client looked after the first one had given up. It found a value that was known before the open operation was
    /// called and that the operation would have replaced or deleted.
    pub fn show_not_applied(&self, open: &Operation) -> bool {
        let Some((gave_up, _)) = &open.end else { return false };
        self.looks.iter().any(|Look { key, call, found }| {
            *call > gave_up.event && open.command.ends_value(key) && self.known[found] < open.call.event
        })
    }
}
