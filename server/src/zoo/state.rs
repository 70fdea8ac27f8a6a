//! Mistakes of `state`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::resp::Reply;
use crate::root::{Entry, EntryParts, Numbered, Root, Run};
use crate::row::{Head, Made, Row, Table};
use crate::state::order::Order;
use crate::state::{Added, By, Database, Draft, Folded, Stale, Watched};
use crate::value::{Collection, Kind, lifetime};

/// `flush-misses-runs`: deletes the newest rows, and leaves the keys in the runs.
pub(crate) fn delete_recent(draft: &mut Draft<'_>, number: usize) {
    let table = Table::Keys(draft.numbers[number].id);
    let recent = draft.database.newest();
    let recent = recent.into_iter().filter(|((other, ..), _)| *other == table).map(|((_, key, _), _)| key);
    let own = draft.changed.get(&table).into_iter().flatten().map(|(key, _)| key.clone());
    let keys: Vec<Bytes> = recent.chain(own).collect();
    for key in keys {
        if draft.look(table, &key).is_some() {
            draft.set(table, key, None);
        }
    }
}

/// `flush-misses-its-batch`: the keys that the batch has set survive.
pub(crate) fn keep_the_batch(draft: &mut Draft<'_>, number: usize) {
    let old = Table::Keys(draft.numbers[number].id);
    let own = draft.changed.remove(&old).unwrap_or_default();
    draft.tallies.remove(&old.id());
    let id = draft.new_id();
    draft.map(number, id);
    let own = own.into_iter().filter(|(_, overlaid)| overlaid.row.is_some());
    own.for_each(|(key, overlaid)| draft.set(Table::Keys(id), key, overlaid.row));
}

/// `field-lives-until-removed` and `hpersist-revives-the-dead`: a field that has ended, and whose row is still there.
pub(crate) fn ended_field(draft: &Draft<'_>, id: Made, field: &[u8]) -> Option<(Bytes, Option<u64>)> {
    let row = draft.row(Table::Elements(id), field).filter(|row| row.is_dead(draft.now()))?;
    Some((row.value()?.clone(), lifetime::until(&row)))
}

/// `swapdb-torn` and `flushdb-empties-a-neighbor`: maps a number to a new database.
pub(crate) fn empty(draft: &mut Draft<'_>, number: usize) {
    let id = draft.new_id();
    draft.map(number % draft.numbers.len(), id);
}

/// `fold-covers-too-much`: takes a fold for one of all entries that the draft finds.
pub(crate) fn stretched(folded: &Folded, draft: &Draft<'_>) -> Folded {
    let to = draft.generation() - 1;
    let added = folded.added.clone().map(|added| Added { run: Run { to, ..added.run }, ..added });
    Folded { to, added, ..folded.clone() }
}

/// `squash-covers-newer`: takes a squash for one of all entries that the draft finds.
pub(crate) fn stretched_entry(entry: &Entry, draft: &Draft<'_>) -> Arc<Entry> {
    let generation = draft.generation() - 1;
    Arc::new(Entry::new(EntryParts { generation, ..entry.parts().clone() }))
}

/// `order-not-followed`: lays the entry of another server over the rows, but not over the orders.
pub(crate) fn absorb_without_orders(database: &mut Database, entry: &Arc<Entry>, numbers: &[Numbered]) {
    let orders = database.orders.take();
    database.absorb(entry, numbers);
    database.orders.replace(orders);
}

/// `expired-collection-reused`: adds to the collection of a key that has ended.
pub(crate) fn open_the_dead(draft: &Draft<'_>, key: &[u8], kind: Kind) -> Option<Head> {
    let row = draft.row(draft.keys_table(), key)?;
    row.head().filter(|_| Kind::of(&row) == kind).cloned()
}

/// `deletion-in-its-batch-forgotten`: opens the collection that is stored, though the batch has deleted its key.
pub(crate) fn open_the_stored(draft: &Draft<'_>, key: &[u8], kind: Kind) -> Result<Option<Collection>, Reply> {
    let stored = draft.database.row(draft.keys_table(), key).filter(|row| draft.lives(row) && Kind::of(row) == kind);
    Ok(stored.and_then(|row| row.head().cloned()).map(Collection::of))
}

/// `swapdb-misses-its-batch`: finds the database that the number mapped to before the batch.
pub(crate) fn stored_keys_table(draft: &Draft<'_>) -> Table {
    Table::Keys(draft.database.root.header.databases[draft.selected()].id)
}

/// `lost-draft-leaves-an-order`: an order with the changes of a draft becomes the order of the version below it.
pub(crate) fn leave_order(draft: &Draft<'_>, table: Table, by: By, order: &Order) {
    draft.database.orders.borrow_mut().insert(table, by, order.clone());
}

/// `order-of-the-runs-alone`: builds an order without what the newest entries say.
pub(crate) fn order_of_runs(database: &Database, table: Table, by: By) -> Order {
    let mut rows = BTreeMap::new();
    database.runs.collect(table, &mut rows);
    Order::from_unsorted(rows.iter().filter_map(|(name, row)| by.place(name, row)).collect())
}

/// `expiry-removes-the-successor`: removes keys that had ended at the stored time, also those that were created anew.
pub(crate) fn remove_successors(draft: &mut Draft<'_>) {
    let now = draft.database.root.header.now;
    for table in draft.numbers.map(|number| Table::Keys(number.id)) {
        let names: Vec<Bytes> = draft.changed.get(&table).into_iter().flatten().map(|(name, _)| name.clone()).collect();
        for name in names {
            if draft.database.row(table, &name).is_some_and(|row| row.is_dead(now)) {
                draft.set(table, name, None);
            }
        }
    }
}

/// What WATCH has seen, by generation, number and key.
type Seen = BTreeMap<(u64, usize, Bytes), Option<Row>>;

static SEEN: Mutex<Seen> = Mutex::new(Seen::new());

/// `watch-trusts-a-value`: WATCH keeps the value of the key.
pub(crate) fn remember_value(draft: &Draft<'_>, key: &Bytes, row: Option<Row>) {
    let note = (draft.database.root.header.generation, draft.selected(), key.clone());
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(note, row);
}

/// `watch-trusts-a-value`: a key is untouched if it has the same value.
pub(crate) fn compare_value(draft: &Draft<'_>, watched: &Watched) -> Option<Stale> {
    let note = (watched.generation, watched.database, watched.key.clone());
    let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner).get(&note).cloned().flatten();
    let now = draft.look(Table::Keys(draft.numbers[watched.database].id), &watched.key);
    (seen != now).then_some(Stale::Touched)
}

/// `fold-drops-uploads`: whether a row stands in a run that an entry names.
pub(crate) fn is_uploaded(root: &Root, table: Table, name: &[u8]) -> bool {
    let mut named = root.recent.iter().filter(|entry| entry.parts().run.is_some()).flat_map(|entry| entry.all_rows());
    named.any(|(other, row, _)| other == table && row == name)
}
