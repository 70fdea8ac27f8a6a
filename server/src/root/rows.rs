//! Rows as JSON.
//!
//! The rows of an entry are two objects: `keys` has the keys of databases, by the id of the database, and `in` has the
//! elements of collections, by the id of the collection.
//!
//! | a key | JSON |
//! |---|---|
//! | a string | `"hello"`, or `{"base64":"…"}` |
//! | a string that expires | `{"string":"hello","until":1764380000123}` |
//! | a hash | `{"hash":"17.1","fields":2,"last":…,"until":…,"size":210}` |
//! | a set, a sorted set | `{"set":"17.1","length":3,"until":…,"size":320}`, `{"zset":…}` |
//! | a list | `{"list":"17.1","length":3,"first":-8,"last":8,"until":…,"size":320}` |
//! | a stream | `{"stream":"17.1","length":1,"first":"5-0","last":"5-0","deleted":"0-0","added":1,"groups":"17.2","until":…,"size":120}` |
//!
//! | an element | JSON |
//! |---|---|
//! | a value | `"Ann"`, or `{"base64":"…"}` |
//! | a value that expires | `{"value":"Ann","until":1764380000123}` |
//! | a member of a set | `1` |
//! | fields and values in turn | `["name","Ann"]` |
//! | a group of a stream | `{"group":"5-0","read":1,"pending":"17.3","consumers":"17.4"}` |
//!
//! A row that was removed is `null`. `last`, `until`, `groups` and `read` stand there only if there is such a thing.

use bytes::Bytes;

use super::text::{NameRef, TextRef};
use super::{heads, number};
use crate::row::{Row, Table};

/// The kind of a key that is a string and expires.
pub const STRING: &str = "string";

/// The kind of an element that is a value and expires.
pub const VALUE: &str = "value";

/// A row with its place; `None` is a removal.
pub type Placed = (Table, Bytes, Option<Row>);

/// Where the name and the value of a row stand in its JSON, if they stand there byte for byte.
pub struct TextPlaces {
    name: Option<usize>,
    value: Option<usize>,
}

impl TextPlaces {
    /// Has a row share the memory of its JSON, and let go of the memory that it came with.
    pub fn share(self, (_, name, row): &mut Placed, json: &Bytes) {
        let share = |text: &mut Bytes, at: usize| *text = json.slice(at..at + text.len());
        if let Some(at) = self.name {
            share(name, at);
        }
        if let (Some(at), Some(Row::Value(value) | Row::Expiring(value, _))) = (self.value, row) {
            share(value, at);
        }
    }
}

/// Appends rows of one kind of table as an object of objects. Their tables stand together. Notes where the texts of each stand.
pub fn write_tables(rows: &[Placed], out: &mut Vec<u8>, places: &mut Vec<TextPlaces>) {
    out.push(b'{');
    for (nth, table) in rows.chunk_by(|one, other| one.0 == other.0).enumerate() {
        let comma = if nth > 0 { "," } else { "" };
        out.extend_from_slice(format!("{comma}\"{}\":{{", table[0].0.id()).as_bytes());
        for (nth, (table, name, row)) in table.iter().enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            let name = NameRef(name).write(out);
            out.push(b':');
            places.push(TextPlaces { name, value: write_row(*table, row.as_ref(), out) });
        }
        out.push(b'}');
    }
    out.push(b'}');
}

/// Quotes, a colon and a comma around a row.
pub const PUNCTUATION: usize = 6;

/// About how long the JSON of a row is, in bytes, so that memory need not grow while an entry is written.
pub fn length(name: &[u8], row: Option<&Row>) -> usize {
    /// Numbers with their names.
    const NUMBERS: usize = 96;
    let content = match row {
        None | Some(Row::Member) => 0,
        Some(Row::Value(value)) => value.len(),
        Some(Row::Expiring(value, _)) => value.len() + NUMBERS,
        Some(Row::Fields(fields)) => fields.iter().map(|field| field.len() + PUNCTUATION).sum(),
        Some(Row::Head(_) | Row::Group(_)) => NUMBERS,
    };
    name.len() + content + PUNCTUATION
}

/// A row as a line of JSON, for people and for programs that follow a database.
pub fn line(table: Table, name: &[u8], row: Option<&Row>) -> Vec<u8> {
    let (kind, what) = match table {
        Table::Keys(_) => ("database", "key"),
        Table::Elements(_) => ("collection", "element"),
    };
    let mut out = format!("{{\"{kind}\":\"{}\",\"{what}\":", table.id()).into_bytes();
    NameRef(name).write(&mut out);
    out.extend_from_slice(b",\"value\":");
    write_row(table, row, &mut out);
    out.extend_from_slice(b"}\n");
    out
}

/// Appends the content of a row. Returns where its value stands, if it stands there byte for byte.
fn write_row(table: Table, row: Option<&Row>, out: &mut Vec<u8>) -> Option<usize> {
    match row {
        None => out.extend_from_slice(b"null"),
        Some(Row::Value(value)) => return TextRef(value).write(out),
        Some(Row::Expiring(value, until)) => {
            let kind = if matches!(table, Table::Keys(_)) { STRING } else { VALUE };
            out.extend_from_slice(format!("{{\"{kind}\":").as_bytes());
            let at = TextRef(value).write(out);
            out.extend_from_slice(b",\"until\":");
            number::write(*until, out);
            out.push(b'}');
            return at;
        }
        Some(Row::Head(head)) => heads::write_head(head, out),
        Some(Row::Member) => out.push(b'1'),
        Some(Row::Group(group)) => heads::write_group(group, out),
        Some(Row::Fields(fields)) => {
            out.push(b'[');
            for (nth, field) in fields.iter().enumerate() {
                if nth > 0 {
                    out.push(b',');
                }
                TextRef(field).write(out);
            }
            out.push(b']');
        }
    }
    None
}
