//! Whole keys: with all elements in one value, or copied row by row.
//!
//! `DUMP` gathers a key as a [`Whole`], and `RESTORE` writes one. `COPY` copies the rows of a collection under a new id, so
//! that two keys never name the same collection.

mod elements;
mod stream;

use bytes::Bytes;

use self::elements::{elements, living};
use super::collection::Collection;
use super::lifetime;
use super::list::{self, List, Side};
use super::payload::Whole;
use super::zset::{Zset, scored};
use crate::row::{Head, Row, Shape, Table};
use crate::state::{By, Draft, rank_of_position};

/// A key with all its elements. None if there is no such key.
pub fn gather(draft: &Draft<'_>, key: &[u8]) -> Option<Whole> {
    let row = draft.find(key)?;
    let head = match row {
        Row::Head(ref head) => head,
        Row::Value(value) | Row::Expiring(value, _) => return Some(Whole::String(value)),
        Row::Member | Row::Fields(_) | Row::Group(_) => return None,
    };
    let elements = || elements(draft, head.collection, By::Hash);
    Some(match &head.shape {
        Shape::Hash { .. } => Whole::Hash(
            elements()
                .filter_map(|(name, row)| {
                    let until = lifetime::until(&row);
                    Some((name, row.value()?.clone(), until))
                })
                .collect(),
        ),
        Shape::Set { .. } => Whole::Set(elements().map(|(name, _)| name).collect()),
        Shape::Zset { .. } => {
            let zset = Zset::open(draft, key).ok().flatten()?;
            Whole::Zset(zset.order(draft).iter().map(scored).collect())
        }
        Shape::List { .. } => {
            let list = list::open(draft, key).ok().flatten()?;
            Whole::List(list.range(draft, 0..list.len()))
        }
        Shape::Stream(stream) => Whole::Stream(stream::gather(draft, head.collection, stream)),
    })
}

/// Writes a key with all its elements, whatever it was before. Fields that have expired are left out.
pub fn put(draft: &mut Draft<'_>, key: &Bytes, whole: Whole, until: Option<u64>) {
    draft.delete(key);
    match whole {
        Whole::String(value) => draft.put(key.clone(), Row::Value(value)),
        Whole::List(items) => {
            let mut list = List::new(draft);
            items.into_iter().for_each(|item| list.push(draft, Side::Right, item));
            list.keep(draft, key.clone());
        }
        Whole::Zset(members) => _ = Zset::store(draft, key, members),
        Whole::Set(members) => {
            let mut set = Collection::new(draft, Shape::Set { length: members.len() as u64 });
            members.into_iter().for_each(|member| set.add(draft, member, Row::Member));
            set.keep(draft, key.clone());
        }
        Whole::Hash(fields) => put_hash(draft, key, fields),
        Whole::Stream(whole) => {
            let stream = stream::put(draft, whole);
            draft.put(key.clone(), stream.head.into());
        }
    }
    if let (Some(until), Some(row)) = (until, draft.find(key)) {
        draft.put(key.clone(), lifetime::with_until(row, Some(until)));
    }
}

fn put_hash(draft: &mut Draft<'_>, key: &Bytes, fields: Vec<(Bytes, Bytes, Option<u64>)>) {
    let mut hash = Collection::new(draft, Shape::Hash { fields: 0, last: 0 });
    let (mut lasting, mut last) = (0, 0);
    for (name, value, until) in fields {
        match until {
            None => lasting += 1,
            Some(until) if until <= draft.now() => continue,
            Some(until) => last = last.max(until),
        }
        hash.add(draft, name, super::string_row(value, until));
    }
    hash.head.shape = Shape::Hash { fields: lasting, last };
    hash.keep(draft, key.clone());
}

/// The row of a key that is to be another key as well: equal, but with a copy of the elements.
pub fn copy(draft: &mut Draft<'_>, row: Row) -> Row {
    let Row::Head(head) = row else { return row };
    let mut copy = Collection::new(draft, head.shape.clone());
    copy.head.until = head.until;
    for (name, row) in counted(draft, &head) {
        copy.add(draft, name, row);
    }
    match &mut copy.head.shape {
        Shape::Hash { .. } => recount(draft, &mut copy),
        Shape::Stream(stream) => copy.head.size += stream::copy_groups(draft, stream),
        Shape::Set { .. } | Shape::Zset { .. } | Shape::List { .. } => {}
    }
    copy.head.into()
}

/// Counts the fields of a hash again: fields that have expired were not copied.
fn recount(draft: &Draft<'_>, hash: &mut Collection) {
    let (mut fields, mut last) = (0, 0);
    for (_, row) in elements(draft, hash.id(), By::Hash) {
        match lifetime::until(&row) {
            None => fields += 1,
            Some(until) => last = last.max(until),
        }
    }
    hash.head.shape = Shape::Hash { fields, last };
}

/// The living elements that count. Those of a list stand between its ends.
fn counted(draft: &Draft<'_>, head: &Head) -> Vec<(Bytes, Row)> {
    let by = match head.shape {
        Shape::Hash { .. } | Shape::Set { .. } => By::Hash,
        Shape::Zset { .. } => By::Score,
        Shape::List { .. } => By::Position,
        Shape::Stream(_) => By::Id,
    };
    let Shape::List { length, first, .. } = head.shape else {
        return elements(draft, head.collection, by).collect();
    };
    let table = Table::Elements(head.collection);
    let order = draft.order(table, by);
    let places = order.iter_from(order.below(rank_of_position(first)));
    let places = places.take(usize::try_from(length).unwrap_or(usize::MAX));
    places.filter_map(|place| living(draft, table, by, place)).collect()
}

#[cfg(test)]
mod tests;
