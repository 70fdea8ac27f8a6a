//! Reading an entry.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use super::parts::{EntryParts, Upload};
use super::rows_text::TablesSeed;
use super::strict::{self, Object, spelled};
use super::text::{NameText, Source, Text};
use super::told::{self, OfferAnswers, Said, Toucher};
use crate::row::{Made, Table};

/// The fields of an entry.
#[derive(Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    Generation,
    From,
    By,
    Run,
    Of,
    Said,
    Expired,
    Keys,
    In,
    Clients,
}

/// Reads an entry, in one pass over its bytes.
pub fn read(encoded: &Bytes) -> Result<EntryParts, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(encoded);
    let parts = EntrySeed(encoded).deserialize(&mut json)?;
    json.end()?;
    Ok(parts)
}

struct EntrySeed<'de>(&'de Bytes);

impl<'de> DeserializeSeed<'de> for EntrySeed<'de> {
    type Value = EntryParts;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<EntryParts, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EntrySeed<'de> {
    type Value = EntryParts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the entry of a commit")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<EntryParts, A::Error> {
        let source = Source(Some(self.0));
        let (mut generation, mut from, mut by, mut run) = (None, None, None, None);
        let (mut of, mut said, mut expired, mut clients) = (OfferAnswers::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut keys, mut elements) = (Vec::new(), Vec::new());
        let mut seen = Vec::new();
        while let Some(field) = map.next_key::<Field>()? {
            if seen.contains(&field) {
                return Err(A::Error::custom("a part of an entry stands there twice"));
            }
            seen.push(field);
            match field {
                Field::Generation => generation = Some(map.next_value::<u64>()?),
                Field::From => from = Some(map.next_value::<u64>()?),
                Field::By => by = Some(map.next_value()?),
                Field::Run => run = Some(map.next_value::<Object<Upload>>()?.0),
                Field::Of => of = map.next_value::<OfText>()?.0,
                Field::Said => said = map.next_value::<SaidText>()?.0,
                Field::Expired => expired = map.next_value::<ExpiredText>()?.flat(),
                Field::Keys => map.next_value_seed(TablesSeed { source, table: Table::Keys, rows: &mut keys })?,
                Field::In => map.next_value_seed(TablesSeed { source, table: Table::Elements, rows: &mut elements })?,
                Field::Clients => clients = map.next_value::<ClientsText>()?.flat(),
            }
        }
        let generation = generation.ok_or_else(|| A::Error::missing_field("generation"))?;
        let by = by.ok_or_else(|| A::Error::missing_field("by"))?;
        if from == Some(generation) {
            return Err(A::Error::custom("an entry of one generation says where it begins"));
        }
        let mut rows = keys;
        rows.append(&mut elements);
        Ok(EntryParts { from: from.unwrap_or(generation), generation, by, run, of, said, expired, rows, clients })
    }
}

#[derive(serde::Deserialize)]
#[serde(transparent)]
struct OfText(#[serde(deserialize_with = "told::read_answers")] OfferAnswers);

#[derive(serde::Deserialize)]
#[serde(transparent)]
struct SaidText(#[serde(deserialize_with = "strict::filled")] Vec<Said>);

/// An id that is the name of a field.
#[derive(PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(transparent)]
struct MadeText(#[serde(with = "spelled")] Made);

/// Keys by database.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct ExpiredText(#[serde(deserialize_with = "strict::unique_filled")] BTreeMap<MadeText, KeysText>);

#[derive(serde::Deserialize)]
#[serde(transparent)]
struct KeysText(#[serde(deserialize_with = "strict::filled")] Vec<Text>);

/// Clients by database and key.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct ClientsText(#[serde(deserialize_with = "strict::unique_filled")] BTreeMap<MadeText, TouchersText>);

#[derive(serde::Deserialize)]
#[serde(transparent)]
struct TouchersText(#[serde(deserialize_with = "strict::unique_filled")] BTreeMap<NameText, ToucherText>);

#[derive(serde::Deserialize)]
#[serde(transparent)]
struct ToucherText(#[serde(with = "spelled")] Toucher);

impl ExpiredText {
    fn flat(self) -> Vec<(Made, Bytes)> {
        let keys = |(MadeText(id), KeysText(keys))| keys.into_iter().map(move |Text(key)| (id, key));
        self.0.into_iter().flat_map(keys).collect()
    }
}

impl ClientsText {
    fn flat(self) -> Vec<(Made, Bytes, Toucher)> {
        let clients = |(MadeText(id), TouchersText(clients)): (MadeText, TouchersText)| {
            clients.into_iter().map(move |(NameText(key), ToucherText(client))| (id, key, client))
        };
        self.0.into_iter().flat_map(clients).collect()
    }
}
