//! `db.json`: the one object that decides, as a value and as bytes.
//!
//! ```json
//! {"format":1,"id":"51b0…","generation":17,"writers":{"9f2c…":17},"base":0,"swept":0,"keys":2,"runs":[],"recent":{"a":"b","c":"d"}}
//! ```
//!
//! It is JSON so that people can look at it. Text stays text. Bytes that are not UTF-8 are written as base64: a value
//! becomes the object `{"base64":"…"}`, which no text value can be mistaken for because text is a JSON string; a key
//! has to be a JSON string, so it gets the prefix `base64:`, and a text key that begins with that prefix is written in
//! base64 too.
//!
//! `recent` holds the newest changes, where `null` is a deletion that hides an older value. The older entries are in `runs`
//! ([`crate::run`]), each of which covers the generations after `from` up to `to`; together with `recent` they cover those
//! after `base`. So the database is what the runs say, one laid over the other in their order, and `recent` over them.
//!
//! Invariants of every version that is stored:
//!
//! - `generation` is one more than that of the version it replaced, so no two versions have the same bytes, an ETag
//!   never comes back, and a conditional PUT that was overtaken can never land late.
//! - `writers` holds, for the servers that committed most recently, the generation of each one's last commit. At most
//!   [`WRITERS`] entries; the lowest generation leaves first; nothing else removes one.
//! - The runs follow each other without a gap, from `base` on.
//! - `keys` is how many keys the whole database has.
//! - `id` and `swept` survive everything, FLUSHALL included; `swept` and `base` never exceed `generation`.
//!
//! Reading is strict. What this server does not understand completely it must not replace, because the replacement
//! would lose what it skipped: unknown fields, kinds of values and formats are errors, never defaults.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use rand::{Rng, RngExt as _};
use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

mod entries;
mod runs;
mod text;

pub use entries::{Entries, OVERHEAD, Places, size};
pub use runs::Run;
pub use text::{KeyRef, ValueRef};

/// The object's name in the store.
pub const NAME: &str = "db.json";

/// Objects under this prefix hold the older entries of a large database.
pub const RUNS: &str = "runs/";

/// The only format there is so far.
const FORMAT: u64 = 1;

/// How many servers' last commits are remembered. A server whose entry was pushed out can't learn the fate of a commit
/// whose answer it lost, so this is far more than a cluster has servers, yet small beside the entries.
pub const WRITERS: usize = 64;

/// 128 random bits that name a server or a database.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(u128);

impl Id {
    /// Draws a new one.
    pub fn random(rng: &mut impl Rng) -> Id {
        Id(rng.random())
    }

    /// Reads an id in the one form that it is written in: `+1f` or a shorter one would be a second spelling of it.
    pub fn parse(text: &str) -> Option<Id> {
        let id = u128::from_str_radix(text, 16).ok().map(Id);
        id.filter(|id| id.to_string() == text)
    }

    /// The bits.
    pub fn bits(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Id::parse(&text)
            .ok_or_else(|| de::Error::custom(format_args!("{text:?} is not an id of 32 hexadecimal digits")))
    }
}

/// Everything in `db.json` but the entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The database's identity, drawn when it was created.
    pub id: Id,
    /// Counts the versions. 0 is the database that has not been stored yet.
    pub generation: u64,
    /// The last commit of each server that is remembered.
    pub writers: BTreeMap<Id, u64>,
    /// `recent` covers the generations after this one.
    pub base: u64,
    /// Runs uploaded below this generation may have been deleted.
    pub swept: u64,
}

impl Header {
    /// Notes that `server` committed this generation, and lets the oldest entry go where the table is full.
    pub fn sign(&mut self, server: Id) {
        self.writers.insert(server, self.generation);
        while self.writers.len() > WRITERS {
            let oldest = self.writers.iter().min_by_key(|(_, generation)| **generation);
            let oldest = *oldest.expect("a table over its limit is not empty").0;
            self.writers.remove(&oldest);
        }
    }
}

/// One version of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// All that is small.
    pub header: Header,
    /// How many keys the whole database has.
    pub keys: u64,
    /// Where its older entries are, in their order.
    pub runs: Vec<Run>,
    /// Its newest entries.
    pub recent: Entries,
}

impl Root {
    /// The database before its first version: empty, not stored, and to be called `id` if this server creates it.
    pub fn unborn(id: Id) -> Root {
        let header = Header { id, generation: 0, writers: BTreeMap::new(), base: 0, swept: 0 };
        Root { header, keys: 0, runs: Vec::new(), recent: Entries::default() }
    }

    /// The generation up to which the runs have all entries: `recent` covers those after it.
    pub fn covered(&self) -> u64 {
        covered(&self.runs, self.header.base)
    }

    /// Reads the bytes of a stored version.
    pub fn decode(bytes: &[u8]) -> Result<Root, Damage> {
        // Looked at here because serde would also take the fields from an array, by their order.
        match bytes.trim_ascii_start().first() {
            None => return Err(Damage::Empty),
            Some(b'{') => {}
            Some(_) => return Err(Damage::Foreign),
        }
        let file: File = serde_json::from_slice(bytes).map_err(|error| {
            // A newer format may have fields that this one does not know, which is not the thing to complain about.
            match serde_json::from_slice::<FormatOnly>(bytes) {
                Ok(FormatOnly { format }) if format != FORMAT => Damage::Format(format),
                _ if error.is_eof() => Damage::CutShort(error),
                _ => Damage::Unreadable(error),
            }
        })?;
        file.check()?;
        let header = Header {
            id: file.id,
            generation: file.generation,
            writers: file.writers,
            base: file.base,
            swept: file.swept,
        };
        Ok(Root { header, keys: file.keys, runs: file.runs, recent: file.recent.into() })
    }

    /// The same JSON as is stored, with more lines.
    pub fn to_text(&self) -> String {
        let recent = self.recent.iter().map(|(key, value)| (key, value.as_ref()));
        let file = FileRef { recent: Some(EntriesRef(recent)), ..FileRef::new(&self.header, self.keys, &self.runs) };
        serde_json::to_string_pretty(&file).expect("writing JSON into memory has nothing to fail at") + "\n"
    }

    /// Writes it.
    pub fn encode(&self) -> Bytes {
        encode(&self.header, self.keys, &self.runs, self.recent.iter().map(|(key, value)| (key, value.as_ref())))
    }
}

/// What an entry takes beside its bytes if these are text, a run, and everything else, in bytes.
const QUOTES: usize = 6;
const RUN: usize = 160;
const REST: usize = 512;

/// The generation up to which runs that follow `base` cover the database.
pub fn covered(runs: &[Run], base: u64) -> u64 {
    runs.last().map_or(base, |run| run.to)
}

/// Writes a version whose newest entries are these, in ascending order; `None` is a deletion.
pub fn encode<'a, E>(header: &Header, keys: u64, runs: &[Run], recent: E) -> Bytes
where
    E: Iterator<Item = (&'a Bytes, Option<&'a Bytes>)>,
{
    let recent: Vec<_> = recent.collect();
    // About what it takes, so that it need not be moved while it grows.
    let entries: usize = recent.iter().map(|(key, value)| key.len() + value.map_or(0, Bytes::len) + QUOTES).sum();
    let mut out = Vec::with_capacity(entries + runs.len() * RUN + REST);
    let rest = FileRef::<std::iter::Empty<_>>::new(header, keys, runs);
    serde_json::to_writer(&mut out, &rest).expect("writing JSON into memory has nothing to fail at");
    out.pop(); // the entries come before its closing brace
    out.extend_from_slice(br#","recent":{"#);
    for (nth, (key, value)) in recent.into_iter().enumerate() {
        if nth > 0 {
            out.push(b',');
        }
        KeyRef(key).write(&mut out);
        out.push(b':');
        ValueRef(value.map(|value| &value[..])).write(&mut out);
    }
    out.extend_from_slice(b"}}\n");
    Bytes::from(out)
}

impl<'a, E> FileRef<'a, E> {
    /// Without the entries.
    fn new(header: &'a Header, keys: u64, runs: &'a [Run]) -> FileRef<'a, E> {
        FileRef {
            format: FORMAT,
            id: header.id,
            generation: header.generation,
            writers: &header.writers,
            base: header.base,
            swept: header.swept,
            keys,
            runs,
            recent: None,
        }
    }
}

/// On its way out. The fields stand in the order of the documentation.
#[derive(serde::Serialize)]
#[serde(bound = "EntriesRef<E>: Serialize")]
struct FileRef<'a, E> {
    format: u64,
    id: Id,
    generation: u64,
    writers: &'a BTreeMap<Id, u64>,
    base: u64,
    swept: u64,
    keys: u64,
    runs: &'a [Run],
    #[serde(skip_serializing_if = "Option::is_none")]
    recent: Option<EntriesRef<E>>,
}

struct EntriesRef<E>(E);

impl<'a, E: Iterator<Item = (&'a Bytes, Option<&'a Bytes>)> + Clone> Serialize for EntriesRef<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_map(self.0.clone().map(|(key, value)| (KeyRef(key), ValueRef(value.map(|value| &value[..])))))
    }
}

/// Why the bytes of `db.json` are not a database that this server can read, in words that follow its name.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// Nothing at all.
    #[error("is empty")]
    Empty,
    /// Something else, such as the error page of a proxy.
    #[error("is not a JSON object")]
    Foreign,
    /// Good as far as it goes.
    #[error("is cut short: {0}")]
    CutShort(serde_json::Error),
    /// Not JSON after all, or not of the expected shape.
    #[error("is not readable: {0}")]
    Unreadable(serde_json::Error),
    /// Written by another version of Valthree.
    #[error("is of format {0}, and this server reads format {FORMAT} only")]
    Format(u64),
    /// Says two things that can't both be true.
    #[error("contradicts itself: {0}")]
    Contradiction(String),
}

#[derive(serde::Deserialize)]
struct FormatOnly {
    format: u64,
}

/// On its way in.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u64,
    id: Id,
    generation: u64,
    #[serde(deserialize_with = "text::unique::<_, Id, u64, _, _>")]
    writers: BTreeMap<Id, u64>,
    base: u64,
    swept: u64,
    keys: u64,
    runs: Vec<Run>,
    #[serde(deserialize_with = "text::unique::<_, text::Key, text::Value, _, _>")]
    recent: BTreeMap<Bytes, Option<Bytes>>,
}

impl File {
    fn check(&self) -> Result<(), Damage> {
        let contradiction = |what: String| Err(Damage::Contradiction(what));
        if self.format != FORMAT {
            return Err(Damage::Format(self.format));
        }
        if self.generation == 0 {
            return contradiction("generation 0 is never stored".into());
        }
        for (name, value) in [("base", self.base), ("swept", self.swept)] {
            if value > self.generation {
                return contradiction(format!("{name} is {value} in generation {}", self.generation));
            }
        }
        if self.writers.len() > WRITERS {
            return contradiction(format!("{} writers, where {WRITERS} are the most", self.writers.len()));
        }
        if let Some((id, generation)) = self.writers.iter().find(|(_, last)| **last > self.generation) {
            return contradiction(format!("writer {id} has generation {generation} of {}", self.generation));
        }
        runs::check(&self.runs, self.base, self.generation)?;
        if !self.runs.is_empty() {
            return Ok(()); // what it holds shows when the runs have been read
        }
        if self.recent.values().any(Option::is_none) {
            return contradiction("it deletes a key from runs, and has none".into());
        }
        if self.keys != self.recent.len() as u64 {
            return contradiction(format!("it counts {} keys and holds {}", self.keys, self.recent.len()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(generation: u64, writers: impl IntoIterator<Item = (Id, u64)>) -> Header {
        Header { id: Id(0), generation, writers: BTreeMap::from_iter(writers), base: 0, swept: 0 }
    }

    #[test]
    fn a_server_that_signs_again_moves_its_entry() {
        let mut header = header(9, [(Id(1), 7), (Id(2), 8)]);
        header.sign(Id(1));
        assert_eq!(header.writers, BTreeMap::from([(Id(1), 9), (Id(2), 8)]));
    }

    #[test]
    fn the_lowest_generation_leaves_a_full_table_first() {
        // The ids ascend while the generations descend, so that the order of neither can stand in for the other.
        let full = (0..WRITERS as u64).map(|nth| (Id(nth.into()), 200 - nth));
        let mut header = header(201, full);
        let newcomer = Id(1 << 100);
        header.sign(newcomer);
        let oldest = Id(WRITERS as u128 - 1);
        assert_eq!(header.writers.len(), WRITERS);
        assert!(!header.writers.contains_key(&oldest));
        assert_eq!(header.writers[&newcomer], 201);
    }

    #[test]
    fn a_server_that_signs_again_pushes_nobody_out() {
        let full = (0..WRITERS as u64).map(|nth| (Id(nth.into()), 100 + nth));
        let mut header = header(300, full);
        let before: Vec<Id> = header.writers.keys().copied().collect();
        header.sign(Id(0));
        assert!(header.writers.keys().eq(&before));
        assert_eq!(header.writers[&Id(0)], 300);
    }
}
