//! `db.json` of format 1, which knew strings only and had no log.
//!
//! ```json
//! {"format":1,"id":"51b0…","generation":17,"writers":{"9f2c…":17},"base":0,"swept":0,"keys":2,"runs":[],"recent":{"a":"b","c":"d"}}
//! ```
//!
//! Its `recent` is the sum of the commits after the runs. It becomes one entry that stands for all their generations, and the
//! next commit stores it in format 2.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::damage::contradiction;
use super::format::FIRST_FORMAT;
use super::header::first_databases;
use super::limits::WRITERS;
use super::strict::{Object, end, unique};
use super::text::{BASE64_KIND, BASE64_NAME, decode};
use super::version::Root;
use super::{Damage, Entry, EntryParts, Header, Run, Writer, check, covered, runs};
use crate::id::Id;
use crate::row::{Made, Row, Table};
use crate::run::Name;
use crate::zoo::planted;

/// Its fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstFile {
    format: u64,
    id: Id,
    generation: u64,
    #[serde(deserialize_with = "unique")]
    writers: BTreeMap<Id, u64>,
    base: u64,
    swept: u64,
    keys: u64,
    runs: Vec<Object<FirstRun>>,
    #[serde(deserialize_with = "unique")]
    recent: BTreeMap<FirstKey, FirstValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstRun {
    name: Name,
    from: u64,
    to: u64,
    entries: u64,
    bytes: u64,
}

/// Reads a version of format 1 as one of format 2 that says the same.
pub fn read(bytes: &[u8], known: &[Arc<Entry>]) -> Result<Root, Damage> {
    let file: FirstFile = serde_json::from_slice(bytes).map_err(|error| Damage::of_json(error, bytes))?;
    file.convert(known)
}

impl FirstFile {
    fn convert(self, known: &[Arc<Entry>]) -> Result<Root, Damage> {
        if self.format != FIRST_FORMAT {
            return Err(Damage::Format(self.format));
        }
        let run = |Object(FirstRun { name, from, to, entries, bytes })| Run { name, from, to, rows: entries, bytes };
        let table: Vec<Run> = self.runs.into_iter().map(run).collect();
        let last = self.writers.iter().max_by_key(|(_, generation)| **generation);
        // Each version has a writer, unless somebody took them out by hand.
        let by = last.map_or(self.id, |(id, _)| *id);
        let writer = |(id, own)| (id, Writer { own, ..Writer::default() });
        let header = Header {
            generation: self.generation,
            by,
            writers: self.writers.into_iter().map(writer).collect(),
            databases: first_databases(self.keys),
            base: self.base,
            swept: self.swept,
            ..Header::unborn(self.id)
        };
        check::generations(&header)?;
        check_writers(&header)?;
        runs::check(&table, header.base, header.generation)?;
        if table.is_empty() {
            check_count(self.keys, &self.recent)?;
        }
        let row = |(FirstKey(key), FirstValue(value)): (FirstKey, FirstValue)| {
            (Table::Keys(Made::first(0)), key, value.map(Row::Value))
        };
        let from = covered(&table, header.base) + 1;
        let is_read =
            |(_, value): &(FirstKey, FirstValue)| value.0.is_some() || !planted!("format-1-read-without-its-deletions");
        let rows = self.recent.into_iter().filter(is_read).map(row).collect();
        let entry = Entry::new(EntryParts { from, rows, ..EntryParts::new(header.generation, by) });
        let same = known.iter().find(|known| known.encoded() == entry.encoded());
        let entry = same.map_or_else(|| Arc::new(entry), Arc::clone);
        Ok(Root { header, runs: table, kept: Vec::new(), recent: vec![entry] })
    }
}

fn check_writers(header: &Header) -> Result<(), Damage> {
    let generation = header.generation;
    if header.writers.len() > WRITERS {
        return contradiction(format!("{} writers, where {WRITERS} are the most", header.writers.len()));
    }
    match header.writers.iter().find(|(_, writer)| writer.own > generation) {
        Some((id, writer)) => contradiction(format!("writer {id} has generation {} of {generation}", writer.own)),
        None => Ok(()),
    }
}

/// Without runs, all keys are there to be counted, and there is nothing that a removal could hide.
fn check_count(keys: u64, recent: &BTreeMap<FirstKey, FirstValue>) -> Result<(), Damage> {
    if recent.values().any(|FirstValue(value)| value.is_none()) {
        return contradiction("it deletes a key from runs, and has none");
    }
    if keys != recent.len() as u64 {
        return contradiction(format!("it counts {keys} keys and holds {}", recent.len()));
    }
    Ok(())
}

/// A key. Format 1 also takes text in base64.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct FirstKey(Bytes);

/// A value; `None` is a removal.
struct FirstValue(Option<Bytes>);

impl<'de> Deserialize<'de> for FirstKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FirstKey, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.strip_prefix(BASE64_NAME) {
            None => Ok(FirstKey(Bytes::from(text))),
            Some(encoded) => decode(encoded).map(FirstKey),
        }
    }
}

impl<'de> Deserialize<'de> for FirstValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FirstValue, D::Error> {
        struct ValueVisitor;
        impl<'de> Visitor<'de> for ValueVisitor {
            type Value = FirstValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or {\"base64\": ...}")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<FirstValue, E> {
                Ok(FirstValue(Some(Bytes::copy_from_slice(text.as_bytes()))))
            }

            fn visit_unit<E: Error>(self) -> Result<FirstValue, E> {
                Ok(FirstValue(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FirstValue, A::Error> {
                let value = match map.next_key::<Cow<str>>()? {
                    Some(kind) if kind == BASE64_KIND => decode(&map.next_value::<Cow<str>>()?)?,
                    Some(kind) => return Err(A::Error::custom(format_args!("unknown kind of value {kind:?}"))),
                    None => return Err(A::Error::custom("a value without a kind")),
                };
                end(map)?;
                Ok(FirstValue(Some(value)))
            }
        }
        deserializer.deserialize_any(ValueVisitor)
    }
}
