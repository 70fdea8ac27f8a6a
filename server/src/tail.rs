//! Follows a database and shows each commit: `valthree tail`.
//!
//! `recent` in `db.json` is a log of commits, so whoever reads `db.json` often enough sees all of them. Nothing here writes,
//! and no server knows that somebody follows. A commit that is folded into a run before this reads it is lost to the
//! reader, because a run does not tell commits apart. Nor does an entry that stands for several. Then a line says so.
//!
//! | line | meaning |
//! |---|---|
//! | `{"generation":18,"by":"9f2c…","now":…,"numbers":…,"keys":…,"in":…}` | a commit, in the form of an entry of `recent` |
//! | `{"gap":[12,17],"why":"…"}` | the commits that could not be read |
//!
//! The rows of large commits stand in runs. They are shown as if they stood in the entry. What the entry says to servers
//! only is left out: replies that others wait for, and who touched which key. The secret stands in no entry.
//!
//! Three fields are not of the entry but of the header, which tells only of the newest commit. They are there where that is
//! enough to know them:
//!
//! | field | meaning | known of |
//! |---|---|---|
//! | `now` | the time of the commit, in milliseconds since 1970 | the newest commit of each look |
//! | `remapped` | the numbers whose database has changed, with its new id | the last change of each number before a look |
//! | `numbers` | the databases that the line names, with their numbers | those that no later commit before the look has changed |
//!
//! FLUSHALL, FLUSHDB and SWAPDB change `remapped` alone. A gap tells it, too.
//!
//! So whoever follows, and applies `remapped` when it comes, knows after each look what each number maps to.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use crate::commit::unpack;
use crate::id::Id;
use crate::inspect::{InspectError, read_object};
use crate::root::{self, Entry, EntryParts, Header, Placed, Root, Run, Upload};
use crate::row::{Made, Table};
use crate::run::Salt;
use crate::store::patience::{Patience, bounded};
use crate::store::{ETag, Got, Store};

/// How often to look for a newer version. Commits between two looks are seen all the same, and a look that finds nothing
/// costs one small request.
const PAUSE: Duration = Duration::from_millis(250);

const FOLDED: &str = "these commits became part of a run before they were read";
const SQUASHED: &str = "these commits became one entry before they were read";
const SWEPT: &str = "the rows of this commit were deleted before they were read, because a newer run has them";

/// What is known of the database so far.
#[derive(Default)]
struct Followed {
    /// The database, and the version that was read last, with its generation.
    version: Option<(Id, ETag, u64)>,
    /// Everything up to this generation was shown.
    shown: u64,
}

/// Writes a line for each commit: those from generation `from` on that are still there, or only new ones. Returns only
/// with an error. A store that does not answer is asked again.
pub async fn follow<S: Store>(store: &S, from: Option<u64>, out: &mut impl Write) -> Result<(), InspectError> {
    let mut followed = Followed { version: None, shown: from.unwrap_or(0).saturating_sub(1) };
    let mut patience = Patience::default();
    loop {
        let known = followed.version.as_ref().map(|(_, etag, _)| etag);
        match bounded(store.get(root::NAME, known)).await {
            Ok(Got::Unchanged) => {}
            Ok(Got::Absent) => return Err(InspectError::Absent(store.locate(root::NAME))),
            Ok(Got::Object { bytes, etag }) => {
                let damaged = |why: &str| InspectError::Damaged(vec![format!("{} {why}", store.locate(root::NAME))]);
                let root = Root::decode(&bytes, &[]).map_err(|damage| damaged(&damage.to_string()))?;
                match &followed.version {
                    None if from.is_none() => followed.shown = root.header.generation,
                    None => {}
                    Some((id, ..)) if *id != root.header.id => return Err(damaged("is another database now")),
                    Some((.., read)) if root.header.generation < *read => return Err(damaged("has gone back")),
                    Some(_) => {}
                }
                show(store, &root, &mut followed.shown, out).await?;
                out.flush()?;
                followed.version = Some((root.header.id, etag, root.header.generation));
            }
            Err(error) => {
                tracing::warn!(%error, "the store does not answer: asking again");
                patience.pause(&error).await;
                continue;
            }
        }
        patience = Patience::default();
        sleep(PAUSE).await;
    }
}

/// Writes a line for each commit of a version that was not shown so far.
async fn show<S: Store>(store: &S, root: &Root, shown: &mut u64, out: &mut impl Write) -> Result<(), InspectError> {
    let (before, header) = (*shown, &root.header);
    for entry in root.recent.iter().filter(|entry| entry.generation() > before) {
        let before_it = entry.parts().from.saturating_sub(1);
        gap(header, *shown, before_it, FOLDED, out)?;
        if entry.is_joint() {
            gap(header, before_it.max(*shown), entry.generation(), SQUASHED, out)?;
            *shown = entry.generation();
            continue;
        }
        match rows(store, root, entry).await? {
            Some(rows) => commit(header, entry, rows, out)?,
            None => gap(header, before_it, entry.generation(), SWEPT, out)?,
        }
        *shown = entry.generation();
    }
    // Runs may cover everything.
    gap(header, *shown, header.generation, FOLDED, out)?;
    *shown = header.generation.max(*shown);
    Ok(())
}

/// Says that the commits after one generation, up to another, cannot be shown.
fn gap(header: &Header, after: u64, to: u64, why: &str, out: &mut impl Write) -> Result<(), InspectError> {
    if after < to {
        let remapped = remapped(header, after + 1..=to);
        writeln!(out, "{{\"gap\":[{},{to}]{remapped},\"why\":\"{why}\"}}", after + 1)?;
    }
    Ok(())
}

fn commit(header: &Header, entry: &Entry, rows: Vec<Placed>, out: &mut impl Write) -> Result<(), InspectError> {
    let EntryParts { generation, by, said, expired, .. } = entry.parts().clone();
    let bare = EntryParts::new(generation, by);
    // What the header says stands behind generation and server, and not behind all the rows.
    let front = Entry::new(bare.clone()).encoded().len() - 1;
    let shown = Entry::new(EntryParts { said, expired, rows, ..bare });
    let (front, rest) = shown.encoded().split_at(front);
    let now = Some(header.now).filter(|now| *now > 0 && generation == header.generation);
    let now = now.map(|now| format!(",\"now\":{now}")).unwrap_or_default();
    let (remapped, numbers) = (remapped(header, generation..=generation), numbers(header, shown.parts()));
    let parts = [front, now.as_bytes(), remapped.as_bytes(), numbers.as_bytes(), rest, b"\n"];
    Ok(parts.into_iter().try_for_each(|part| out.write_all(part))?)
}

/// The numbers whose id has been another one since some of these generations. No later commit has changed these.
fn remapped(header: &Header, generations: RangeInclusive<u64>) -> String {
    let all = header.databases.iter().enumerate();
    let changed = all.filter(|(_, database)| database.since > 0 && generations.contains(&database.since));
    field("remapped", &changed.map(|(number, database)| (number, database.id.to_string())).collect())
}

/// The databases whose keys an entry names, as far as they had the number then that they have now.
fn numbers(header: &Header, parts: &EntryParts) -> String {
    let tables = parts.rows.iter().filter_map(|(table, ..)| match table {
        Table::Keys(id) => Some(*id),
        Table::Elements(_) => None,
    });
    let named: BTreeSet<Made> = tables.chain(parts.expired.iter().map(|(id, _)| *id)).collect();
    let all = header.databases.iter().enumerate();
    let known = all.filter(|(_, database)| named.contains(&database.id) && database.since <= parts.generation);
    field("numbers", &known.map(|(number, database)| (database.id.to_string(), number)).collect())
}

/// A field of a line, or nothing if it says nothing.
fn field<K: serde::Serialize + Ord, V: serde::Serialize>(name: &str, map: &BTreeMap<K, V>) -> String {
    let text = serde_json::to_string(map).expect("writing JSON into memory has nothing to fail at");
    if map.is_empty() { String::new() } else { format!(",\"{name}\":{text}") }
}

/// The rows of a commit, with those of its run. Returns nothing if the run is gone.
async fn rows<S: Store>(store: &S, root: &Root, entry: &Entry) -> Result<Option<Vec<Placed>>, InspectError> {
    let Some(Upload { name, rows, bytes }) = entry.missing() else { return Ok(Some(entry.parts().rows.clone())) };
    let run = Run { name, from: 0, to: 0, rows, bytes };
    let location = store.locate(&name.to_string());
    let bytes = match read_object(store, &name.to_string()).await {
        Ok((bytes, _)) => bytes,
        Err(InspectError::Absent(_)) => return Ok(None),
        Err(other) => return Err(other),
    };
    let layer = unpack(bytes, &run, root.header.id, Salt::default()).await;
    let layer = layer.map_err(|damage| InspectError::Damaged(vec![format!("{location} {damage}")]))?;
    let complete = entry.clone().with_uploaded(layer.iter().collect());
    // Keys that have expired stand apart.
    let expired = |table: Table, name: &Bytes| match table {
        Table::Keys(id) => {
            entry.parts().expired.binary_search_by(|(other, key)| (*other, key).cmp(&(id, name))).is_ok()
        }
        Table::Elements(_) => false,
    };
    let mut all: Vec<Placed> =
        complete.all_rows().map(|(table, name, row)| (table, name.clone(), row.cloned())).collect();
    all.retain(|(table, name, row)| row.is_some() || !expired(*table, name));
    all.sort_unstable_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    Ok(Some(all))
}
