//! Mistakes of `command`.

use bytes::Bytes;

use crate::resp::Reply;
use crate::row::Row;
use crate::state::Draft;
use crate::state::order::Order;
use crate::value::hash::Hash;
use crate::value::{lifetime, string_row};

/// `persist-revives-the-dead` and `expire-revives-the-dead`: a key that has ended, and whose row is still there, lives on.
pub(crate) fn revive(draft: &mut Draft<'_>, key: &Bytes) {
    let now = draft.now();
    if let Some(row) = draft.row(draft.keys_table(), key).filter(|row| row.is_dead(now)) {
        draft.put(key.clone(), lifetime::with_until(row, Some(now + 1)));
    }
}

/// `hpersist-revives-the-dead`: a field that has ended, and whose row is still there, lives on.
pub(crate) fn revive_field(draft: &mut Draft<'_>, hash: &mut Hash, key: &Bytes, field: &Bytes) {
    let Some(Row::Head(head)) = draft.find(key) else { return };
    if let Some((value, _)) = super::state::ended_field(draft, head.collection, field) {
        let until = draft.now() + 1;
        hash.set(draft, field, value, Some(until));
    }
}

/// `incr-on-a-stale-copy`: counts on from the stored number, whatever the batch has made of it.
pub(crate) fn count_stored(draft: &mut Draft<'_>, key: &Bytes, by: i64) -> Reply {
    let row = draft.database.row(draft.keys_table(), key);
    let number = |row: &Row| std::str::from_utf8(row.value()?).ok()?.parse::<i64>().ok();
    let sum = row.as_ref().and_then(number).unwrap_or(0).wrapping_add(by);
    draft.put(key.clone(), string_row(sum.to_string().into(), row.as_ref().and_then(lifetime::until)));
    Reply::Integer(sum)
}

/// `scan-cursor-is-a-position`: visits elements from a position on, though those before it may go.
pub(crate) fn names_from(order: &Order, count: usize, cursor: u64) -> (u64, Vec<Bytes>) {
    let first = usize::try_from(cursor).unwrap_or(usize::MAX).min(order.len());
    let names: Vec<Bytes> = order.iter_from(first).take(count).map(|place| place.name()).collect();
    let next = first + names.len();
    (if next < order.len() { next as u64 } else { 0 }, names)
}
