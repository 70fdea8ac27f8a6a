//! Streams, their groups and what these have pending, over rows.

use bytes::Bytes;
use valthree::row::{self, Group, Made, Row, Shape, Stream, StreamId, Table};
use valthree::state::order::{Order, Spot};
use valthree::state::{By, Draft};
use valthree::value::{Kind, collection::Collection};

use super::act::{blank_stream, copy_elements, opened};
use super::deed::Element;
use super::step::{index, items};

/// The name of an entry.
fn name(id: StreamId) -> Bytes {
    Bytes::from(format!("{}-{}", id.0, id.1))
}

fn id_of(place: Spot<'_>) -> StreamId {
    (place.rank, u64::from_be_bytes(place.name()[..].try_into().expect("eight bytes")))
}

fn entries(draft: &Draft<'_>, collection: &Collection) -> Order {
    collection.order(draft, By::Id)
}

/// The numbers of a stream, to be changed.
fn numbers(collection: &mut Collection) -> &mut Stream {
    match &mut collection.head.shape {
        Shape::Stream(stream) => stream,
        shape => panic!("{shape:?} is no stream"),
    }
}

/// Does something to the stream under a key.
pub fn change(draft: &mut Draft<'_>, key: &Bytes, element: &Element) -> String {
    let mut collection = opened(draft, key, Kind::Stream, blank_stream());
    let told = match element {
        Element::Append(first, count) => {
            for value in items(*first, *count) {
                append(draft, &mut collection, value);
            }
            None
        }
        Element::Shorten(length) => {
            let order = entries(draft, &collection);
            let gone = order.len().saturating_sub(*length);
            order.iter().take(gone).for_each(|place| erase(draft, &mut collection, id_of(place)));
            None
        }
        Element::Erase(part) => {
            let order = entries(draft, &collection);
            let at = index(*part, order.len() as u64);
            if let Some(id) = order.at(usize::try_from(at).unwrap()).map(id_of) {
                erase(draft, &mut collection, id);
                let numbers = numbers(&mut collection);
                numbers.deleted = numbers.deleted.max(id);
            }
            None
        }
        Element::Group(group, true) => {
            create(draft, &mut collection, group);
            None
        }
        Element::Group(group, false) => {
            let groups = numbers(&mut collection).groups;
            if let Some(groups) = groups {
                destroy(draft, &mut collection, groups, group);
            }
            None
        }
        Element::Read(group, consumer, count) => Some(deliver(draft, &mut collection, group, consumer, *count)),
        Element::Acknowledge(group, count) => Some(acknowledge(draft, &mut collection, group, *count)),
        element => panic!("{element:?} does not belong to a stream"),
    };
    let told = told.unwrap_or_else(|| numbers(&mut collection).length.to_string());
    collection.keep(draft, key.clone());
    told
}

fn append(draft: &mut Draft<'_>, collection: &mut Collection, value: Bytes) {
    let now = draft.now();
    let numbers = numbers(collection);
    let last = numbers.last;
    numbers.last = if now > last.0 { (now, 0) } else { (last.0, last.1 + 1) };
    numbers.first = if numbers.length == 0 { numbers.last } else { numbers.first };
    numbers.length += 1;
    numbers.added += 1;
    let id = numbers.last;
    collection.add(draft, name(id), Row::Fields(vec![Bytes::from("value"), value]));
}

fn erase(draft: &mut Draft<'_>, collection: &mut Collection, id: StreamId) {
    assert!(collection.replace(draft, name(id), None).is_some(), "{id:?} was found");
    let first = entries(draft, collection).first().map(id_of);
    let numbers = numbers(collection);
    numbers.length -= 1;
    numbers.first = first.unwrap_or_default();
}

/// Puts a row that belongs to a group in the place of another. The head of the stream counts it.
fn replace(draft: &mut Draft<'_>, collection: &mut Collection, table: Made, name: Bytes, row: Option<Row>) {
    let weigh = |row: Option<&Row>| row.map_or(0, |row| row::size(&name, row));
    let size = collection.head.size + weigh(row.as_ref());
    collection.head.size = size - weigh(draft.element(table, &name).as_ref());
    collection.touch();
    draft.set_element(table, name, row);
}

fn create(draft: &mut Draft<'_>, collection: &mut Collection, name: &Bytes) {
    let groups = *numbers(collection).groups.get_or_insert_with(|| draft.new_id());
    collection.touch();
    if draft.element(groups, name).is_none() {
        let group = Group { last: (0, 0), read: Some(0), pending: draft.new_id(), consumers: draft.new_id() };
        replace(draft, collection, groups, name.clone(), Some(group.into()));
    }
}

/// The rows of a group's entries and consumers stay, and nobody can reach them any more.
fn destroy(draft: &mut Draft<'_>, collection: &mut Collection, groups: Made, name: &Bytes) {
    let Some(Row::Group(group)) = draft.element(groups, name) else { return };
    collection.head.size -= weigh(draft, group.pending) + weigh(draft, group.consumers);
    replace(draft, collection, groups, name.clone(), None);
}

/// What the rows of a table count.
fn weigh(draft: &Draft<'_>, table: Made) -> u64 {
    let order = draft.order(Table::Elements(table), By::Hash);
    let names = order.iter().map(|place| place.name());
    names.filter_map(|name| Some(row::size(&name, &draft.element(table, &name)?))).sum()
}

fn group(draft: &Draft<'_>, collection: &mut Collection, name: &Bytes) -> Option<(Made, Group)> {
    let groups = numbers(collection).groups?;
    match draft.element(groups, name)? {
        Row::Group(group) => Some((groups, *group)),
        row => panic!("{row:?} is no group"),
    }
}

fn deliver(
    draft: &mut Draft<'_>,
    collection: &mut Collection,
    name_of_group: &Bytes,
    consumer: &Bytes,
    count: usize,
) -> String {
    let Some((groups, mut group)) = group(draft, collection, name_of_group) else { return "no group".into() };
    let order = entries(draft, collection);
    let from = match order.rank_of(group.last.0, &group.last.1.to_be_bytes()) {
        Ok(position) => position + 1,
        Err(position) => position,
    };
    let new: Vec<StreamId> = order.iter_from(from).take(count).map(id_of).collect();
    for id in &new {
        let delivery = vec![consumer.clone(), Bytes::from("5"), Bytes::from("1")];
        replace(draft, collection, group.pending, name(*id), Some(Row::Fields(delivery)));
    }
    let seen = vec![Bytes::from("5"), Bytes::new()];
    replace(draft, collection, group.consumers, consumer.clone(), Some(Row::Fields(seen)));
    group.last = new.last().copied().unwrap_or(group.last);
    group.read = group.read.map(|read| read + new.len() as u64);
    replace(draft, collection, groups, name_of_group.clone(), Some(group.into()));
    format!("{new:?}")
}

fn acknowledge(draft: &mut Draft<'_>, collection: &mut Collection, name_of_group: &Bytes, count: usize) -> String {
    let Some((_, group)) = group(draft, collection, name_of_group) else { return "no group".into() };
    let pending = draft.order(Table::Elements(group.pending), By::Id);
    let gone: Vec<StreamId> = pending.iter().take(count).map(id_of).collect();
    for id in &gone {
        replace(draft, collection, group.pending, name(*id), None);
    }
    (pending.len() - gone.len()).to_string()
}

/// Copies the groups of a stream, with all that they name. Says what their rows count.
pub fn copy_groups(draft: &mut Draft<'_>, old: Made) -> (Made, u64) {
    let (new, mut size) = copy_elements(draft, old);
    for place in &draft.order(Table::Elements(new), By::Hash) {
        if let Some(Row::Group(group)) = draft.element(new, &place.name()) {
            let [(pending, deliveries), (consumers, readers)] =
                [group.pending, group.consumers].map(|table| copy_elements(draft, table));
            size += deliveries + readers;
            let copied = Group { pending, consumers, ..*group };
            draft.set_element(new, place.name(), Some(copied.into()));
        }
    }
    (new, size)
}
