//! Whole streams.
//!
//! | table | name of a row | what the row is |
//! |---|---|---|
//! | the stream | the id of an entry, `ms-seq` | fields and values in turn |
//! | its groups | the name of a group | a [`Group`], which names two more tables |
//! | the pending entries of a group | the id of an entry | consumer, time of the last delivery, number of deliveries |
//! | the consumers of a group | the name of a consumer | when it was seen, when it was active: empty if never |
//!
//! Times are in milliseconds since 1970. Numbers are decimal text.

use bytes::Bytes;

use super::elements::{elements, id_text};
use crate::row::{self, Group, Made, Row, Shape, Stream, StreamId};
use crate::state::{By, Draft};
use crate::value::collection::Collection;
use crate::value::payload::{WholeConsumer, WholeEntry, WholeGroup, WholePending, WholeStream};

fn id(text: &[u8]) -> Option<StreamId> {
    let (ms, sequence) = std::str::from_utf8(text).ok()?.split_once('-')?;
    Some((ms.parse().ok()?, sequence.parse().ok()?))
}

fn number(text: Option<&Bytes>) -> Option<u64> {
    std::str::from_utf8(text?).ok()?.parse().ok()
}

fn fields(row: Row) -> Vec<Bytes> {
    if let Row::Fields(fields) = row { fields } else { Vec::new() }
}

/// A stream with its groups.
pub(super) fn gather(draft: &Draft<'_>, entries: Made, stream: &Stream) -> WholeStream {
    let entries = elements(draft, entries, By::Id).filter_map(|(name, row)| {
        let fields = fields(row);
        let pairs = fields.as_chunks().0.iter().map(|[field, value]| (field.clone(), value.clone()));
        Some(WholeEntry { id: id(&name)?, fields: pairs.collect() })
    });
    let groups = stream.groups.into_iter().flat_map(|groups| elements(draft, groups, By::Hash));
    let mut groups: Vec<WholeGroup> = groups
        .filter_map(|(name, row)| match row {
            Row::Group(group) => Some(gather_group(draft, name, &group)),
            _ => None,
        })
        .collect();
    groups.sort_by(|one, other| one.name.cmp(&other.name));
    WholeStream {
        entries: entries.collect(),
        last_id: stream.last,
        max_deleted_id: stream.deleted,
        entries_added: stream.added,
        groups,
    }
}

fn gather_group(draft: &Draft<'_>, name: Bytes, group: &Group) -> WholeGroup {
    let pending = elements(draft, group.pending, By::Id).filter_map(|(name, row)| {
        let fields = fields(row);
        Some(WholePending {
            id: id(&name)?,
            consumer: fields.first()?.clone(),
            delivery_time: number(fields.get(1))?,
            delivery_count: number(fields.get(2))?,
        })
    });
    let consumers = elements(draft, group.consumers, By::Hash).filter_map(|(name, row)| {
        let fields = fields(row);
        Some(WholeConsumer { name, seen_time: number(fields.first())?, active_time: number(fields.get(1)) })
    });
    let mut consumers: Vec<WholeConsumer> = consumers.collect();
    consumers.sort_by(|one, other| one.name.cmp(&other.name));
    WholeGroup { name, last_id: group.last, entries_read: group.read, pending: pending.collect(), consumers }
}

/// Writes a stream under a new id. Its head still has to be put under a key.
pub(super) fn put(draft: &mut Draft<'_>, whole: WholeStream) -> Collection {
    let shape = Stream {
        length: whole.entries.len() as u64,
        first: whole.first_id(),
        last: whole.last_id,
        deleted: whole.max_deleted_id,
        added: whole.entries_added,
        groups: None,
    };
    let mut stream = Collection::new(draft, Shape::Stream(Box::default()));
    for WholeEntry { id, fields } in whole.entries {
        let fields = fields.into_iter().flat_map(|(field, value)| [field, value]).collect();
        stream.add(draft, id_text(id), Row::Fields(fields));
    }
    let mut groups = None;
    for group in whole.groups {
        let groups = *groups.get_or_insert_with(|| draft.new_id());
        stream.head.size += put_group(draft, groups, group);
    }
    stream.head.shape = Shape::Stream(Box::new(Stream { groups, ..shape }));
    stream
}

/// Writes a group and returns what its rows count.
fn put_group(draft: &mut Draft<'_>, groups: Made, whole: WholeGroup) -> u64 {
    let group =
        Group { last: whole.last_id, read: whole.entries_read, pending: draft.new_id(), consumers: draft.new_id() };
    let text = |number: u64| Bytes::from(number.to_string());
    let mut rows = Vec::new();
    for WholePending { id, consumer, delivery_time, delivery_count } in whole.pending {
        let fields = vec![consumer, text(delivery_time), text(delivery_count)];
        rows.push((group.pending, id_text(id), Row::Fields(fields)));
    }
    for WholeConsumer { name, seen_time, active_time } in whole.consumers {
        let fields = vec![text(seen_time), active_time.map(text).unwrap_or_default()];
        rows.push((group.consumers, name, Row::Fields(fields)));
    }
    rows.push((groups, whole.name, Row::from(group)));
    let size = rows.iter().map(|(_, name, row)| row::size(name, row)).sum();
    rows.into_iter().for_each(|(table, name, row)| draft.set_element(table, name, Some(row)));
    size
}

/// Copies the groups of a stream's copy, which so far names those of the original. Returns what their rows count.
pub(super) fn copy_groups(draft: &mut Draft<'_>, stream: &mut Stream) -> u64 {
    let Some(original) = stream.groups else { return 0 };
    let groups: Vec<WholeGroup> = elements(draft, original, By::Hash)
        .filter_map(|(name, row)| match row {
            Row::Group(group) => Some(gather_group(draft, name, &group)),
            _ => None,
        })
        .collect();
    let copy = draft.new_id();
    stream.groups = Some(copy);
    groups.into_iter().map(|group| put_group(draft, copy, group)).sum()
}
