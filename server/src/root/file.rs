//! The fields of `db.json`, on their way out and in.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::damage::contradiction;
use super::format::FORMAT;
use super::limits::{DATABASES, KEPT};
use super::strict::{Object, present, unique};
use super::version::Root;
use super::{Damage, Entry, Header, Kept, Numbered, Run, Secret, Writer};
use crate::id::Id;

/// All fields but `recent`, on their way out. They stand in the order of the documentation.
#[derive(Serialize)]
pub struct FileRef<'a> {
    format: u64,
    id: Id,
    generation: u64,
    by: Id,
    hint: Option<Id>,
    now: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a Secret>,
    scripts: u64,
    settings: &'a BTreeMap<String, String>,
    writers: &'a BTreeMap<Id, Writer>,
    databases: &'a [Numbered; DATABASES],
    base: u64,
    swept: u64,
    runs: &'a [Run],
    kept: &'a [Kept],
}

impl<'a> FileRef<'a> {
    /// Shows the fields of a version, with its secret or without.
    pub fn new(root: &'a Root, with_secret: bool) -> FileRef<'a> {
        let Header { id, generation, by, hint, now, secret, scripts, settings, writers, databases, base, swept } =
            &root.header;
        FileRef {
            format: FORMAT,
            id: *id,
            generation: *generation,
            by: *by,
            hint: *hint,
            now: *now,
            secret: secret.as_ref().filter(|_| with_secret),
            scripts: *scripts,
            settings,
            writers,
            databases,
            base: *base,
            swept: *swept,
            runs: &root.runs,
            kept: &root.kept,
        }
    }
}

/// On its way in. The entries are still text, because most of them are known already.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File<'a> {
    format: u64,
    id: Id,
    generation: u64,
    by: Id,
    #[serde(deserialize_with = "Option::deserialize")] // null, but it has to stand there
    hint: Option<Id>,
    now: u64,
    #[serde(default, deserialize_with = "present")]
    secret: Option<Secret>,
    scripts: u64,
    #[serde(deserialize_with = "unique")]
    settings: BTreeMap<String, String>,
    #[serde(deserialize_with = "unique")]
    writers: BTreeMap<Id, Object<Writer>>,
    databases: [Object<Numbered>; DATABASES],
    base: u64,
    swept: u64,
    runs: Vec<Object<Run>>,
    #[serde(borrow)]
    kept: &'a RawValue,
    #[serde(borrow)]
    recent: Vec<&'a RawValue>,
}

impl File<'_> {
    /// Reads the entries, and shares those that are known.
    pub fn open(self, known: &[Arc<Entry>]) -> Result<Root, Damage> {
        if self.format != FORMAT {
            return Err(Damage::Format(self.format));
        }
        let writers = self.writers.into_iter().map(|(id, Object(writer))| (id, writer)).collect();
        let header = Header {
            id: self.id,
            generation: self.generation,
            by: self.by,
            hint: self.hint,
            now: self.now,
            secret: self.secret,
            scripts: self.scripts,
            settings: self.settings,
            writers,
            databases: self.databases.map(|Object(database)| database),
            base: self.base,
            swept: self.swept,
        };
        let length = self.kept.get().len();
        if length > KEPT {
            return contradiction(format!("it keeps {length} bytes of old entries, where {KEPT} are the most"));
        }
        let kept: Vec<Object<Kept>> = serde_json::from_str(self.kept.get()).map_err(Damage::Kept)?;
        let mut recent = Vec::with_capacity(self.recent.len());
        for (nth, text) in self.recent.into_iter().enumerate() {
            recent.push(read_or_share(nth, text.get(), known)?);
        }
        let runs = self.runs.into_iter().map(|Object(run)| run).collect();
        Ok(Root { header, runs, kept: kept.into_iter().map(|Object(kept)| kept).collect(), recent })
    }
}

fn read_or_share(nth: usize, text: &str, known: &[Arc<Entry>]) -> Result<Arc<Entry>, Damage> {
    let generation = stated_generation(text);
    let place = known.binary_search_by_key(&generation, |entry| Some(entry.generation()));
    if let Some(entry) = place.ok().map(|place| &known[place]).filter(|entry| entry.encoded() == text) {
        return Ok(Arc::clone(entry));
    }
    // A copy, so that the entry does not keep the whole file in memory.
    let entry = Entry::decode(text.to_owned().into()).map_err(|error| Damage::Entry(nth + 1, error))?;
    entry.parts().check().map_err(Damage::Contradiction)?;
    Ok(Arc::new(entry))
}

/// The generation of an entry, where it stands first, as servers write it.
fn stated_generation(text: &str) -> Option<u64> {
    text.strip_prefix("{\"generation\":")?.split_once(',')?.0.parse().ok()
}
