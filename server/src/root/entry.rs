//! The entry of a commit: what one generation changed.
//!
//! An entry is encoded once, when its commit is made, and decoded once by each server that meets it. From then on its bytes
//! are only copied. So the work of a commit does not grow with the commits before it.

use std::fmt;

use bytes::Bytes;

use super::entry_text;
use super::parts::{EntryParts, Upload};
use super::rows::{Placed, TextPlaces, length, write_tables};
use super::text::{NameRef, TextRef, write_json};
use super::told::{OfferAnswers, Said, Toucher};
use crate::row::{Made, Row, Table};
use crate::zoo::planted;

/// An entry with its bytes.
#[derive(Clone, PartialEq)]
pub struct Entry {
    parts: EntryParts,
    encoded: Bytes,
    /// The rows of the uploaded run, once somebody has read it.
    uploaded: Option<Vec<Placed>>,
}

impl EntryParts {
    /// The JSON, and where the texts of each row stand in it.
    fn encode(&self) -> (Bytes, Vec<TextPlaces>) {
        let rows: usize = self.rows.iter().map(|(_, name, row)| length(name, row.as_ref())).sum();
        let mut out = Vec::with_capacity(rows + ENVELOPE);
        out.extend_from_slice(format!("{{\"generation\":{}", self.generation).as_bytes());
        if self.from != self.generation {
            out.extend_from_slice(format!(",\"from\":{}", self.from).as_bytes());
        }
        out.extend_from_slice(format!(",\"by\":\"{}\"", self.by).as_bytes());
        if let Some(run) = &self.run {
            write_json(run, part("run", &mut out));
        }
        if !self.of.is_empty() {
            write_json(&self.of, part("of", &mut out));
        }
        if !self.said.is_empty() {
            write_json(&self.said, part("said", &mut out));
        }
        if !self.expired.is_empty() {
            let id = |(id, _): &(Made, Bytes)| *id;
            let key = |(_, key): &(Made, Bytes), out: &mut Vec<u8>| {
                TextRef(key).write(out);
            };
            write_groups(&self.expired, id, *b"[]", key, part("expired", &mut out));
        }
        let mut places = Vec::with_capacity(self.rows.len());
        let (keys, elements) = self.rows.split_at(self.rows.partition_point(|row| matches!(row.0, Table::Keys(_))));
        for (name, rows) in [("keys", keys), ("in", elements)] {
            if !rows.is_empty() {
                write_tables(rows, part(name, &mut out), &mut places);
            }
        }
        if !self.clients.is_empty() {
            let id = |(id, ..): &(Made, Bytes, Toucher)| *id;
            let client = |(_, key, client): &(Made, Bytes, Toucher), out: &mut Vec<u8>| {
                NameRef(key).write(out);
                out.extend_from_slice(format!(":\"{client}\"").as_bytes());
            };
            write_groups(&self.clients, id, *b"{}", client, part("clients", &mut out));
        }
        out.push(b'}');
        (Bytes::from(out), places)
    }
}

/// About what an entry takes beside its rows, in bytes.
const ENVELOPE: usize = 256;

/// Appends the name of a part.
fn part<'a>(name: &str, out: &'a mut Vec<u8>) -> &'a mut Vec<u8> {
    out.extend_from_slice(format!(",\"{name}\":").as_bytes());
    out
}

/// Appends an object that has, for each id, an array or an object of the items with that id.
fn write_groups<T>(
    items: &[T],
    id: impl Fn(&T) -> Made,
    brackets: [u8; 2],
    write: impl Fn(&T, &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    for (nth, group) in items.chunk_by(|one, other| id(one) == id(other)).enumerate() {
        let comma = if nth > 0 { "," } else { "" };
        out.extend_from_slice(format!("{comma}\"{}\":", id(&group[0])).as_bytes());
        out.push(brackets[0]);
        for (nth, item) in group.iter().enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            write(item, out);
        }
        out.push(brackets[1]);
    }
    out.push(b'}');
}

impl Entry {
    /// Encodes an entry. A name or a value that stands in the JSON as it is shares its memory from then on, as in an entry that
    /// was read. So most rows are in memory once, and many of them count their references in one place. Others keep the memory
    /// that they came with.
    ///
    /// # Panics
    ///
    /// Panics if no server could read what it would write, such as rows out of order. To store that would lose the
    /// database to everyone.
    pub fn new(mut parts: EntryParts) -> Entry {
        if let Err(why) = parts.check() {
            panic!("nobody could read this entry: {why}");
        }
        let (encoded, places) = parts.encode();
        parts.rows.iter_mut().zip(places).for_each(|(row, places)| places.share(row, &encoded));
        Entry { parts, encoded, uploaded: None }
    }

    /// Decodes an entry. Its texts share the memory of `encoded`.
    pub(super) fn decode(encoded: Bytes) -> Result<Entry, serde_json::Error> {
        let parts = entry_text::read(&encoded)?;
        Ok(Entry { parts, encoded, uploaded: None })
    }

    /// Whether it says nothing, because its commit only changed where rows are stored.
    pub fn is_bare(&self) -> bool {
        let EntryParts { run, of, said, expired, rows, .. } = &self.parts;
        run.is_none() && of.is_empty() && said.is_empty() && expired.is_empty() && rows.is_empty()
    }

    /// The run that it names, unless its rows were read already. Without them the version is not known.
    pub fn missing(&self) -> Option<Upload> {
        self.parts.run.filter(|_| self.uploaded.is_none())
    }

    /// The same entry with the rows of the run that it names.
    pub fn with_uploaded(mut self, rows: Vec<Placed>) -> Entry {
        self.uploaded = Some(rows);
        self
    }

    /// The same entry with these replies and messages.
    pub fn telling(self, of: OfferAnswers, said: Vec<Said>) -> Entry {
        Entry { uploaded: self.uploaded, ..Entry::new(EntryParts { of, said, ..self.parts }) }
    }

    /// Everything that it says of rows: the uploaded rows, the expired keys, and the rows of the entry itself. Each row
    /// stands there once, with the last word on it: what was overridden never was, and may name collections of others.
    pub fn all_rows(&self) -> impl Iterator<Item = (Table, &Bytes, Option<&Row>)> {
        let EntryParts { rows, expired, .. } = &self.parts;
        let is_row = |table: Table, name: &Bytes| {
            rows.binary_search_by(|(other, row, _)| (*other, row).cmp(&(table, name))).is_ok()
        };
        let is_expired = |table: Table, name: &Bytes| {
            let Table::Keys(id) = table else { return false };
            expired.binary_search_by(|(other, key)| (*other, key).cmp(&(id, name))).is_ok()
        };
        let uploaded = self.uploaded.iter().flatten().map(|(table, name, row)| (*table, name, row.as_ref()));
        let uploaded = uploaded.filter(move |(table, name, _)| {
            !is_row(*table, name) && !is_expired(*table, name) || planted!("overridden-upload-counts")
        });
        let ended = expired.iter().map(|(id, key)| (Table::Keys(*id), key, None));
        let ended = ended.filter(move |(table, name, _)| !is_row(*table, name));
        uploaded.chain(ended).chain(rows.iter().map(|(table, name, row)| (*table, name, row.as_ref())))
    }

    /// The rows of the run that it names, in ascending order.
    pub fn uploaded(&self) -> &[Placed] {
        self.uploaded.as_deref().unwrap_or_default()
    }

    /// What it says.
    pub fn parts(&self) -> &EntryParts {
        &self.parts
    }

    /// Its JSON.
    pub fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// Whether it stands for several generations. Then it does not tell which of them made a change, and what came and went.
    pub fn is_joint(&self) -> bool {
        self.parts.from != self.parts.generation
    }

    /// The same entry. Its texts share the memory of its JSON, and no other memory.
    pub fn compact(self) -> Entry {
        Entry::decode(self.encoded).expect("what was encoded can be decoded")
    }

    /// The last generation that it stands for.
    pub fn generation(&self) -> u64 {
        self.parts.generation
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.parts, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;

    #[test]
    fn texts_that_stand_in_the_json_as_they_are_share_its_memory() {
        let (keys, elements) = (Table::Keys(Made::first(0)), Table::Elements(Made { generation: 1, ordinal: 2 }));
        let request = Bytes::from(b"keep \"quoted\" plain value until \xff base64:x fields".to_vec());
        let word = |range: std::ops::Range<usize>| request.slice(range);
        let (quoted, plain, value, binary) = (word(5..13), word(14..19), word(20..25), word(32..33));
        let (until, marked, fields) = (word(26..31), word(34..42), word(43..49));
        let mut rows = vec![
            (keys, quoted.clone(), Some(Row::Value(binary.clone()))),
            (keys, marked.clone(), None),
            (keys, plain.clone(), Some(Row::Expiring(value.clone(), 5))),
            (keys, until.clone(), Some(Row::Value(quoted.clone()))),
            (elements, binary.clone(), Some(Row::Value(Bytes::new()))),
            (elements, value.clone(), Some(Row::Fields(vec![fields.clone(), plain.clone()]))),
            (elements, word(0..4), Some(Row::Value(value.clone()))),
        ];
        rows.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        let entry = Entry::new(EntryParts { rows: rows.clone(), ..EntryParts::new(7, Id::default()) });
        assert_eq!(entry.parts().rows, rows);
        let is_shared = |text: &Bytes| entry.encoded().as_ptr_range().contains(&text.as_ptr());
        for (_, name, row) in &entry.parts().rows {
            assert_eq!(is_shared(name), ![&quoted, &marked, &binary].contains(&name), "{name:?}");
            if let Some(value) = row.as_ref().and_then(Row::value) {
                assert_eq!(is_shared(value), ![&quoted, &binary].contains(&value), "{value:?}");
            }
        }
        let again = Entry::decode(entry.encoded().clone()).expect("it was just encoded");
        assert_eq!(again.parts().rows, rows);
    }
}
