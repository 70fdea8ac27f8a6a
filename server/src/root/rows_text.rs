//! Reading rows.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};

use super::heads::{self, GROUP, read_group, read_head};
use super::number;
use super::rows::{Placed, STRING, VALUE};
use super::strict::end;
use super::text::{BASE64_KIND, NameSeed, Source, TextSeed, decode_value};
use crate::row::{Made, Row, Table};

/// Reads an object of objects, and appends its rows.
pub struct TablesSeed<'de, 'a> {
    /// Where the texts are.
    pub source: Source<'de>,
    /// What kind of table it is.
    pub table: fn(Made) -> Table,
    /// Where the rows go.
    pub rows: &'a mut Vec<Placed>,
}

/// Reads an object, and appends its rows.
struct TableSeed<'de, 'a> {
    source: Source<'de>,
    table: Table,
    rows: &'a mut Vec<Placed>,
}

/// Reads a row.
#[derive(Clone, Copy)]
struct RowSeed<'de> {
    source: Source<'de>,
    is_key: bool,
}

impl<'de> DeserializeSeed<'de> for TablesSeed<'de, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TablesSeed<'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tables")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let TablesSeed { source, table, rows } = self;
        let mut last = None;
        while let Some(id) = map.next_key::<Cow<str>>()? {
            let id: Made = id.parse().map_err(A::Error::custom)?;
            if last >= Some(id) {
                return Err(A::Error::custom(format_args!("table {id} stands there twice or out of order")));
            }
            last = Some(id);
            map.next_value_seed(TableSeed { source, table: table(id), rows })?;
        }
        if last.is_none() { Err(A::Error::custom("an empty object stands there")) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for TableSeed<'de, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TableSeed<'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of rows")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let TableSeed { source, table, rows } = self;
        let before = rows.len();
        let row = RowSeed { source, is_key: matches!(table, Table::Keys(_)) };
        while let Some(name) = map.next_key_seed(NameSeed(source))? {
            rows.push((table, name, map.next_value_seed(row)?));
        }
        if rows.len() == before { Err(A::Error::custom("an empty object stands there")) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for RowSeed<'de> {
    type Value = Option<Row>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Row>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'de> {
    type Value = Option<Row>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_key { "null, text or an object" } else { "null, text, 1, an array or an object" })
    }

    fn visit_unit<E: Error>(self) -> Result<Option<Row>, E> {
        Ok(None)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Option<Row>, E> {
        Ok(Some(Row::Value(self.source.keep(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<Row>, E> {
        Ok(Some(Row::Value(Source(None).keep(text))))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Option<Row>, E> {
        if number == 1 && !self.is_key {
            return Ok(Some(Row::Member));
        }
        Err(E::invalid_type(Unexpected::Unsigned(number), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Option<Row>, A::Error> {
        if self.is_key {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        }
        let mut fields = Vec::new();
        while let Some(field) = seq.next_element_seed(TextSeed(self.source))? {
            fields.push(field);
        }
        Ok(Some(Row::Fields(fields)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Row>, A::Error> {
        let Some(kind) = map.next_key::<Cow<str>>()? else {
            return Err(A::Error::custom("a value without a kind"));
        };
        let expiring = if self.is_key { STRING } else { VALUE };
        let row = match &*kind {
            BASE64_KIND => {
                let value = decode_value(&map.next_value::<Cow<str>>()?)?;
                end(map)?;
                Row::Value(value)
            }
            kind if kind == expiring => {
                let value = map.next_value_seed(TextSeed(self.source))?;
                let Until { until } = heads::rest(map)?;
                Row::Expiring(value, until)
            }
            kind if self.is_key => read_head(kind, map)?,
            GROUP => read_group(map)?,
            kind => return Err(A::Error::custom(format_args!("unknown kind of element {kind:?}"))),
        };
        Ok(Some(row))
    }
}

/// What follows a value that expires.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Until {
    #[serde(deserialize_with = "number::read")]
    until: u64,
}
