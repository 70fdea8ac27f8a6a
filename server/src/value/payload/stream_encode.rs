//! Writing a stream, in the form of Redis 7.0. The module of its reader describes the form.

use super::listpack::ListpackBuilder;
use super::whole::{WholeConsumer, WholeEntry, WholeGroup, WholePending, WholeStream};
use super::writer::BodyWriter;
use super::{footer, form};
use bytes::Bytes;

/// Bytes of a node, `stream-node-max-bytes`.
const NODE_BYTES: usize = 4096;
/// Entries of a node, `stream-node-max-entries`.
const NODE_ENTRIES: u8 = 100;
/// In place of the number of entries that a group has read: -1, which a group has that has lost count.
const LOST_COUNT: u64 = u64::MAX;

/// Writes the payload of a stream.
///
/// The form has no active times. A server that knows them takes the time at which it has seen a consumer.
pub(super) fn stream(stream: &WholeStream) -> Vec<u8> {
    let mut writer = BodyWriter::new(form::STREAM_COUNTED);
    let nodes = nodes(&stream.entries);
    writer.count(nodes.len());
    for node in nodes {
        writer.string(&id(node.master.id));
        writer.string(&node.finish());
    }
    writer.count(stream.entries.len());
    for (milliseconds, sequence) in [stream.last_id, stream.first_id(), stream.max_deleted_id] {
        writer.length(milliseconds);
        writer.length(sequence);
    }
    writer.length(stream.entries_added);
    writer.count(stream.groups.len());
    // Servers keep groups and consumers by name, so theirs are in this order.
    let mut groups: Vec<&WholeGroup> = stream.groups.iter().collect();
    groups.sort_by_key(|group| &group.name);
    for group in groups {
        write_group(&mut writer, group);
    }
    writer.seal(footer::VERSION)
}

/// Splits the entries as XADD would.
fn nodes(entries: &[WholeEntry]) -> Vec<StreamNode<'_>> {
    let mut nodes: Vec<StreamNode> = Vec::new();
    for entry in entries {
        match nodes.last_mut() {
            Some(node) if node.has_room(entry) => node.push(entry),
            _ => nodes.push(StreamNode::new(entry)),
        }
    }
    nodes
}

/// A listpack of entries that grows.
struct StreamNode<'a> {
    /// The entry whose fields and id the others refer to.
    master: &'a WholeEntry,
    entries: u8,
    packed: ListpackBuilder,
}

impl<'a> StreamNode<'a> {
    fn new(master: &'a WholeEntry) -> Self {
        let mut packed = ListpackBuilder::new();
        packed.push_integer(0); // the number of entries, which `finish` knows
        packed.push_integer(0); // none is deleted
        packed.push_integer(master.fields.len() as i64);
        master.fields.iter().for_each(|(field, _)| packed.push(field));
        packed.push_integer(0);
        let mut node = Self { master, entries: 0, packed };
        node.push(master);
        node
    }

    fn has_room(&self, entry: &WholeEntry) -> bool {
        let length: usize = entry.fields.iter().map(|(field, value)| field.len() + value.len()).sum();
        self.entries < NODE_ENTRIES && self.packed.size() + length < NODE_BYTES
    }

    fn push(&mut self, entry: &WholeEntry) {
        let names = |(field, _): &'a (Bytes, Bytes)| field;
        let same_fields = entry.fields.iter().map(|(field, _)| field).eq(self.master.fields.iter().map(names));
        let first = self.packed.count();
        self.packed.push_integer(if same_fields { form::ENTRY_SAME_FIELDS } else { 0 });
        self.packed.push_integer(entry.id.0.wrapping_sub(self.master.id.0) as i64);
        self.packed.push_integer(entry.id.1.wrapping_sub(self.master.id.1) as i64);
        if !same_fields {
            self.packed.push_integer(entry.fields.len() as i64);
        }
        for (field, value) in &entry.fields {
            if !same_fields {
                self.packed.push(field);
            }
            self.packed.push(value);
        }
        self.packed.push_integer((self.packed.count() - first) as i64);
        self.entries += 1;
    }

    fn finish(mut self) -> Vec<u8> {
        self.packed.set_first(self.entries);
        self.packed.finish()
    }
}

/// Writes a group.
///
/// A pending entry whose consumer does not exist is left out. A server would load it and crash when it uses it.
fn write_group(writer: &mut BodyWriter, group: &WholeGroup) {
    let mut consumers: Vec<&WholeConsumer> = group.consumers.iter().collect();
    consumers.sort_by_key(|consumer| &consumer.name);
    let mut pending: Vec<&WholePending> = group.pending.iter().collect();
    pending.retain(|pending| consumers.binary_search_by_key(&&pending.consumer, |consumer| &consumer.name).is_ok());
    pending.sort_by_key(|pending| pending.id);
    writer.string(&group.name);
    writer.length(group.last_id.0);
    writer.length(group.last_id.1);
    writer.length(group.entries_read.unwrap_or(LOST_COUNT));
    writer.count(pending.len());
    for pending in &pending {
        writer.raw(&id(pending.id));
        writer.raw(&pending.delivery_time.to_le_bytes());
        writer.length(pending.delivery_count);
    }
    // A stable sort keeps the ids of a consumer in order.
    pending.sort_by_key(|pending| &pending.consumer);
    writer.count(consumers.len());
    for consumer in consumers {
        writer.string(&consumer.name);
        writer.raw(&consumer.seen_time.to_le_bytes());
        let start = pending.partition_point(|pending| pending.consumer < consumer.name);
        let end = pending.partition_point(|pending| pending.consumer <= consumer.name);
        writer.count(end - start);
        pending[start..end].iter().for_each(|pending| writer.raw(&id(pending.id)));
    }
}

fn id((milliseconds, sequence): (u64, u64)) -> [u8; 16] {
    (u128::from(milliseconds) << 64 | u128::from(sequence)).to_be_bytes()
}
