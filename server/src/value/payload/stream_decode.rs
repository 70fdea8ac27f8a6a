//! Reading a stream.
//!
//! The entries come in listpacks of about a hundred. The key of a listpack is the id of its first entry, which may be
//! deleted. A listpack starts with the master entry: how many entries it has, how many are deleted, the names of the
//! fields of the first, and a zero. Then come the entries: flags, the distance of the id to the key, the fields (only
//! values if they are those of the master entry), and the number of elements, by which a server walks backwards.

use super::listpack::Listpack;
use super::packed::{Allowance, distinct};
use super::reader::BodyReader;
use super::whole::{WholeConsumer, WholeEntry, WholeGroup, WholePending, WholeStream};
use super::{PayloadError, form};
use bytes::Bytes;

type IdPair = (u64, u64);

/// Reads the body of a stream of one of its three forms.
pub(super) fn stream(form: u8, reader: &mut BodyReader) -> Result<WholeStream, PayloadError> {
    let mut stream = WholeStream::default();
    for _ in 0..reader.length()? {
        let key = reader.blob(|key, _| key.try_into().map(id).map_err(|_| PayloadError::Format))?;
        reader.blob(|blob, allowance| {
            EntryReader { key, listpack: Listpack::open(blob)?, allowance }.read(&mut stream.entries)
        })?;
    }
    let count = reader.length()?;
    stream.last_id = (reader.length()?, reader.length()?);
    if form == form::STREAM {
        stream.entries_added = count;
    } else {
        // The first id follows from the entries.
        let _first_id = (reader.length()?, reader.length()?);
        stream.max_deleted_id = (reader.length()?, reader.length()?);
        stream.entries_added = reader.length()?;
    }
    let ascending = stream.entries.is_sorted_by(|one, next| one.id < next.id);
    let above_all = stream.entries.last().is_none_or(|last| last.id <= stream.last_id);
    if count != stream.entries.len() as u64 || !ascending || !above_all {
        return Err(PayloadError::Format);
    }
    for _ in 0..reader.length()? {
        let group = group(form, &stream, reader)?;
        stream.groups.push(group);
    }
    let names = stream.groups.iter().map(|group| &group.name).collect();
    if distinct(names) { Ok(stream) } else { Err(PayloadError::Format) }
}

/// The entries of one listpack.
struct EntryReader<'a> {
    key: IdPair,
    listpack: Listpack<'a>,
    allowance: &'a mut Allowance,
}

impl EntryReader<'_> {
    fn read(mut self, entries: &mut Vec<WholeEntry>) -> Result<(), PayloadError> {
        let live = self.integer()?;
        let deleted = self.integer()?;
        let mut master = Vec::new();
        for _ in 0..self.integer()? {
            master.push(self.text()?);
        }
        if self.integer()? != 0 {
            return Err(PayloadError::Format);
        }
        let (mut live_seen, mut deleted_seen) = (0, 0);
        while let Some(flags) = self.listpack.next() {
            let flags = flags?.integer()?;
            let entry = self.entry(flags, &master)?;
            if flags & form::ENTRY_DELETED != 0 {
                deleted_seen += 1;
            } else {
                live_seen += 1;
                entries.push(entry);
            }
        }
        if (live, deleted) == (live_seen, deleted_seen) { Ok(()) } else { Err(PayloadError::Format) }
    }

    fn entry(&mut self, flags: i64, master: &[Bytes]) -> Result<WholeEntry, PayloadError> {
        // The distances are differences of unsigned numbers, written as signed ones.
        let milliseconds = self.key.0.wrapping_add_signed(self.integer()?);
        let sequence = self.key.1.wrapping_add_signed(self.integer()?);
        let mut fields = Vec::new();
        let mut elements: i64 = 3;
        if flags & form::ENTRY_SAME_FIELDS != 0 {
            for field in master {
                let value = self.text()?;
                self.allowance.charge_element(field.len())?;
                fields.push((field.clone(), value));
            }
            elements += fields.len() as i64;
        } else {
            for _ in 0..self.integer()? {
                fields.push((self.text()?, self.text()?));
            }
            elements += 1 + 2 * fields.len() as i64;
        }
        if fields.is_empty() || self.integer()? != elements {
            return Err(PayloadError::Format);
        }
        self.allowance.charge_element(0)?;
        Ok(WholeEntry { id: (milliseconds, sequence), fields })
    }

    fn integer(&mut self) -> Result<i64, PayloadError> {
        self.listpack.require()?.integer()
    }

    fn text(&mut self) -> Result<Bytes, PayloadError> {
        self.listpack.require()?.bytes(self.allowance)
    }
}

fn group(form: u8, stream: &WholeStream, reader: &mut BodyReader) -> Result<WholeGroup, PayloadError> {
    let name = reader.element()?;
    let last_id = (reader.length()?, reader.length()?);
    let entries_read = if form == form::STREAM {
        estimated_read(stream, last_id)
    } else {
        // A server that has lost count writes -1.
        Some(reader.length()?).filter(|&read| i64::try_from(read).is_ok())
    };
    let mut pending = Vec::new();
    for _ in 0..reader.length()? {
        reader.allowance.charge_element(0)?;
        let id = id(reader.array()?);
        let delivery_time = time(reader)?.unwrap_or(0);
        let delivery_count = reader.length()?;
        pending.push(Delivery {
            entry: WholePending { id, consumer: Bytes::new(), delivery_time, delivery_count },
            owned: false,
        });
    }
    if !pending.is_sorted_by(|one, next| one.entry.id < next.entry.id) {
        return Err(PayloadError::Format);
    }
    let mut consumers = Vec::new();
    for _ in 0..reader.length()? {
        consumers.push(consumer(form, &mut pending, reader)?);
    }
    // Each delivery has an owner, and each consumer its own name.
    let names = consumers.iter().map(|consumer: &WholeConsumer| &consumer.name).collect();
    if !pending.iter().all(|delivery| delivery.owned) || !distinct(names) {
        return Err(PayloadError::Format);
    }
    let pending = pending.into_iter().map(|delivery| delivery.entry).collect();
    Ok(WholeGroup { name, last_id, entries_read, pending, consumers })
}

/// A delivery whose consumer comes later in the payload.
struct Delivery {
    entry: WholePending,
    owned: bool,
}

fn consumer(form: u8, pending: &mut [Delivery], reader: &mut BodyReader) -> Result<WholeConsumer, PayloadError> {
    let name = reader.element()?;
    let seen_time = time(reader)?;
    // Before Redis 7.2, the time at which a consumer was seen was the only one, and is the best guess.
    let active_time = if form == form::STREAM_ACTIVE { time(reader)? } else { seen_time };
    for _ in 0..reader.length()? {
        let id = id(reader.array()?);
        let found = pending.binary_search_by_key(&id, |delivery| delivery.entry.id);
        let delivery = &mut pending[found.map_err(|_| PayloadError::Format)?];
        if std::mem::replace(&mut delivery.owned, true) {
            return Err(PayloadError::Format);
        }
        delivery.entry.consumer = name.clone();
    }
    Ok(WholeConsumer { name, seen_time: seen_time.unwrap_or(0), active_time })
}

/// Guesses how many entries a group has read that stands at `last_id`. Forms without counters come from servers that
/// did not note deletions either, so the first entry is taken for the first that the stream has ever had.
fn estimated_read(stream: &WholeStream, last_id: IdPair) -> Option<u64> {
    if stream.entries.is_empty() || last_id == stream.last_id {
        return Some(stream.entries_added);
    }
    match last_id.cmp(&stream.first_id()) {
        std::cmp::Ordering::Less => Some(0),
        std::cmp::Ordering::Equal => Some(1),
        std::cmp::Ordering::Greater => None,
    }
}

fn id(bytes: [u8; 16]) -> IdPair {
    let id = u128::from_be_bytes(bytes);
    ((id >> 64) as u64, id as u64)
}

/// Reads a time in milliseconds. It is negative if the event has never happened.
fn time(reader: &mut BodyReader) -> Result<Option<u64>, PayloadError> {
    Ok(u64::try_from(i64::from_le_bytes(reader.array()?)).ok())
}
