//! Hashes: fields with values, each of which may expire on its own.
//!
//! The head counts the lasting fields, those without an expiry. The others cannot be counted there, because they end
//! without a commit. They stand in an order by their ends, and [`Hash::len`] asks it how many of them are alive.
//!
//! A key is never a hash without fields. A hash that has no lasting fields ends with the last of the others, so its head
//! names that moment, and [`Hash::keep`] corrects it whenever a command has changed the fields.
//!
//! The rows of fields that have ended stay until somebody removes them. Each change of a hash removes a few.

use bytes::Bytes;

use super::collection::{self, Collection, Kind};
use super::{lifetime, string_row};
use crate::resp::Reply;
use crate::row::{Row, Shape};
use crate::state::{By, Draft, order::Order, scatter};
use crate::zoo::planted;

#[cfg(test)]
mod tests;

/// How many ended fields one change of a hash removes at most. A change makes far fewer fields that expire, so the ended
/// ones do not pile up, and no change takes long.
const REMOVED: usize = 16;

/// A hash while a command works on it. Changes last once they are kept by [`Hash::keep`].
#[derive(Clone, Debug)]
pub struct Hash {
    collection: Collection,
    /// Whether a field was changed.
    changed: bool,
}

impl Hash {
    /// The hash under a key. An error if the key is of another type.
    pub fn open(draft: &Draft<'_>, key: &[u8]) -> Result<Option<Hash>, Reply> {
        let collection = collection::open(draft, key, Kind::Hash)?;
        Ok(collection.map(|collection| Hash { collection, changed: false }))
    }

    /// The hash under a key, or a new one.
    pub fn open_or_new(draft: &mut Draft<'_>, key: &[u8]) -> Result<Hash, Reply> {
        let new = |draft: &mut Draft<'_>| Collection::new(draft, Shape::Hash { fields: 0, last: 0 });
        let hash = Hash::open(draft, key)?;
        Ok(hash.unwrap_or_else(|| Hash { collection: new(draft), changed: false }))
    }

    // Reading.

    /// The number of fields.
    pub fn len(&self, draft: &Draft<'_>) -> usize {
        let (fields, last) = self.numbers();
        let expiring = if last == 0 { 0 } else { draft.living(&self.ends(draft)) };
        usize::try_from(fields).unwrap_or(usize::MAX) + expiring
    }

    /// The value and the expiry of a field.
    pub fn get(&self, draft: &Draft<'_>, field: &[u8]) -> Option<(Bytes, Option<u64>)> {
        planted!("field-lives-until-removed" => if let Some(found) = crate::zoo::state::ended_field(draft, self.collection.id(), field) {
            return Some(found);
        });
        let row = self.collection.get(draft, field)?;
        Some((row.value()?.clone(), lifetime::until(&row)))
    }

    /// The value of a field.
    pub fn value(&self, draft: &Draft<'_>, field: &[u8]) -> Option<Bytes> {
        self.get(draft, field).map(|(value, _)| value)
    }

    /// Whether there is such a field.
    pub fn has(&self, draft: &Draft<'_>, field: &[u8]) -> bool {
        self.get(draft, field).is_some()
    }

    /// All fields with their values, in the order of [`Hash::scattered`].
    pub fn pairs(&self, draft: &Draft<'_>) -> Vec<(Bytes, Bytes)> {
        let order = self.scattered(draft);
        let pair = |field: Bytes| self.value(draft, &field).map(|value| (field, value));
        order.iter().filter_map(|place| pair(place.name())).collect()
    }

    /// The fields by a hash of their names, which is the same on every server. Some may have ended.
    pub fn scattered(&self, draft: &Draft<'_>) -> Order {
        self.collection.order(draft, By::Hash)
    }

    /// The fields that are alive, by a hash of their names. It takes a time that grows with the number of ended fields
    /// whose rows are still there.
    pub fn living(&self, draft: &Draft<'_>) -> Order {
        let mut order = self.scattered(draft);
        let (_, last) = self.numbers();
        if last == 0 {
            return order;
        }
        let ends = self.ends(draft);
        let dead = ends.len() - draft.living(&ends);
        for place in ends.iter().take(dead) {
            let name = place.name();
            order.remove(scatter(&name), &name);
        }
        order
    }

    /// The bytes of all fields and values, and a constant for each.
    pub fn size(&self) -> u64 {
        self.collection.head.size
    }

    // Changes.

    /// Gives a field a value and an expiry. Returns whether it is a new field.
    pub fn set(&mut self, draft: &mut Draft<'_>, field: &Bytes, value: Bytes, until: Option<u64>) -> bool {
        let old = self.replace(draft, field, Some(string_row(value, until)));
        let (fields, last) = self.numbers();
        self.set_numbers(fields + u64::from(until.is_none()), until.map_or(last, |until| until.max(last)));
        old.is_none()
    }

    /// Removes a field and returns its value.
    pub fn remove(&mut self, draft: &mut Draft<'_>, field: &Bytes) -> Option<Bytes> {
        // An absent field is not written.
        self.collection.get(draft, field)?;
        self.replace(draft, field, None)?.value().cloned()
    }

    /// Writes the head, if something was changed. A hash without fields is deleted.
    pub fn keep(mut self, draft: &mut Draft<'_>, key: &Bytes) {
        if !self.changed {
            return;
        }
        let (fields, last) = self.numbers();
        if last > 0 {
            let ends = self.ends(draft);
            if fields == 0 {
                // The field that would have ended last may be gone, or lasts until another moment now.
                self.set_numbers(0, ends.last().map_or(0, |place| place.rank));
            }
            let dead = ends.below(draft.now().saturating_add(1));
            for place in ends.iter().take(dead.min(REMOVED)) {
                self.collection.replace(draft, place.name(), None);
            }
        }
        self.collection.keep(draft, key.clone());
    }

    // Numbers and rows.

    /// The number of lasting fields, and a moment at which all others have ended.
    fn numbers(&self) -> (u64, u64) {
        match self.collection.head.shape {
            Shape::Hash { fields, last } => (fields, last),
            _ => unreachable!("the kind was checked when the hash was opened"),
        }
    }

    fn set_numbers(&mut self, fields: u64, last: u64) {
        self.collection.head.shape = Shape::Hash { fields, last };
    }

    /// The fields that expire, by their ends. Asking for them lets the order be built.
    fn ends(&self, draft: &Draft<'_>) -> Order {
        self.collection.order(draft, By::End)
    }

    /// Puts a row in the place of another one, which does not count any more. Returns it if it was alive.
    fn replace(&mut self, draft: &mut Draft<'_>, field: &Bytes, row: Option<Row>) -> Option<Row> {
        self.changed = true;
        let overwrites = row.is_some();
        let old = self.collection.replace(draft, field.clone(), row);
        let (fields, last) = self.numbers();
        let lasted = matches!(old, Some(Row::Value(_))) && !(overwrites && planted!("hlen-counts-an-overwrite"));
        self.set_numbers(fields - u64::from(lasted), last);
        old
    }
}
