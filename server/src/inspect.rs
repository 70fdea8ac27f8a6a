//! Looking at a database without serving it: any of its objects as text, and whether all of it is as it should be.
//!
//! Nothing here writes. Servers may go on meanwhile: what they merge and delete while somebody looks is looked at again.

use std::io::{self, Write};

use bytes::Bytes;

use crate::commit::unpack;
use crate::root::{self, KeyRef, Root, ValueRef};
use crate::run::{Decoder, Layer, Name, Salt, Work as _};
use crate::state::{Database, Laying, Runs, Stretch};
use crate::store::patience::bounded;
use crate::store::{ETag, Got, Store, StoreError};

/// How often to look again because the database has moved on.
const LOOKS: u32 = 20;

/// Why there is nothing to be shown.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The store does not answer, or not with an object.
    #[error("{0} cannot be read: {1}")]
    Store(String, StoreError),
    /// There is no such object.
    #[error("{0} is not there")]
    Absent(String),
    /// Something is wrong with the database, in these words.
    #[error("{}", .0.join("\n"))]
    Damaged(Vec<String>),
    /// The name of no object that a database has.
    #[error("{0:?} is neither db.json nor the name of a run")]
    Unknown(String),
    /// Whoever reads has gone away.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// An entry as a line of JSON.
#[derive(serde::Serialize)]
struct Line<'a> {
    key: KeyRef<'a>,
    value: ValueRef<'a>,
}

/// Writes an object as text: `db.json` with a line for each entry, or a run with its first line and then a line for each
/// entry, where `null` is a deletion. Without a name it writes the whole database, a line for each key.
pub async fn show<S: Store>(store: &S, object: Option<&str>, out: &mut impl Write) -> Result<(), Failure> {
    let Some(name) = object else {
        let (database, _) = read(store).await?;
        return lines(out, database.entries().iter().map(|(key, value)| (&key[..], Some(&value[..]))));
    };
    let place = store.locate(name);
    if name == root::NAME {
        let (bytes, _) = object_of(store, name).await?;
        let root = Root::decode(&bytes).map_err(|damage| Failure::Damaged(vec![format!("{place} {damage}")]))?;
        out.write_all(root.to_text().as_bytes())?;
        return Ok(());
    }
    Name::parse(name).ok_or_else(|| Failure::Unknown(name.to_owned()))?;
    let (bytes, _) = object_of(store, name).await?;
    let damaged = |damage| Failure::Damaged(vec![format!("{place} {damage}")]);
    let line = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let layer = Decoder::new(bytes.clone(), Salt::default()).and_then(|decoder| decoder.finish()).map_err(damaged)?;
    out.write_all(&bytes[..line])?;
    let entries: Vec<_> = layer.iter().collect();
    lines(out, entries.iter().map(|(key, value)| (&key[..], value.as_deref())))
}

fn lines<'a>(out: &mut impl Write, entries: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>) -> Result<(), Failure> {
    for (key, value) in entries {
        serde_json::to_writer(&mut *out, &Line { key: KeyRef(key), value: ValueRef(value) })
            .map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// What a database that is as it should be consists of.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    /// The version.
    pub generation: u64,
    /// How many keys there are.
    pub keys: u64,
    /// How many runs it names, and how long they are together.
    pub runs: (usize, u64),
    /// Runs that it does not name: a server is about to, or they will be swept.
    pub unnamed: usize,
}

/// Reads everything there is, and says what it is, or all that is wrong with it.
pub async fn verify<S: Store>(store: &S) -> Result<Report, Failure> {
    let (database, _) = read(store).await?;
    let listed = bounded(store.list(root::RUNS)).await;
    let listed = listed.map_err(|error| Failure::Store(store.locate(root::RUNS), error))?;
    let root = &database.root;
    let named = |name: &String| root.runs.iter().any(|run| run.name.to_string() == *name);
    Ok(Report {
        generation: root.header.generation,
        keys: root.keys,
        runs: (root.runs.len(), root.runs.iter().map(|run| run.bytes).sum()),
        unnamed: listed.iter().filter(|name| !named(name)).count(),
    })
}

/// The whole database; or everything that is wrong with it.
async fn read<S: Store>(store: &S) -> Result<(Database, ETag), Failure> {
    let mut looks = 0;
    loop {
        let (bytes, etag) = object_of(store, root::NAME).await?;
        let place = store.locate(root::NAME);
        let root = Root::decode(&bytes).map_err(|damage| Failure::Damaged(vec![format!("{place} {damage}")]))?;
        match complete(store, root).await? {
            Ok(database) => return Ok((database, etag)),
            Err(wrong) => {
                // A run that is not there may have been merged away since; then there is a newer version.
                let (_, now) = object_of(store, root::NAME).await?;
                looks += 1;
                if now == etag || looks == LOOKS {
                    return Err(Failure::Damaged(wrong));
                }
            }
        }
    }
}

/// A version with its runs; or what is wrong with each of them.
async fn complete<S: Store>(store: &S, root: Root) -> Result<Result<Database, Vec<String>>, Failure> {
    let (mut layers, mut wrong): (Vec<Layer>, Vec<String>) = (Vec::new(), Vec::new());
    for run in &root.runs {
        let name = run.name.to_string();
        let place = store.locate(&name);
        match object_of(store, &name).await {
            Ok((bytes, _)) => match unpack(bytes, run, root.header.id, Salt::default()).await {
                Ok(layer) => layers.push(layer),
                Err(damage) => wrong.push(format!("{place} {damage}")),
            },
            Err(Failure::Absent(place)) => wrong.push(format!("{place} is missing, although {} names it", root::NAME)),
            Err(other) => return Err(other),
        }
    }
    if !wrong.is_empty() {
        return Ok(Err(wrong));
    }
    let mut runs = Runs::none(root.header.base, Salt::default());
    for (run, layer) in root.runs.iter().zip(layers) {
        let stretch = Stretch { from: run.from, to: run.to, layer: layer.into() };
        runs = Laying::new(runs, stretch).finish();
    }
    let place = store.locate(root::NAME);
    Ok(Database::new(root, runs).map_err(|damage| vec![format!("{place} {damage}")]))
}

async fn object_of<S: Store>(store: &S, name: &str) -> Result<(Bytes, ETag), Failure> {
    match bounded(store.get(name, None)).await {
        Ok(Got::Object { bytes, etag }) => Ok((bytes, etag)),
        Ok(Got::Absent | Got::Unchanged) => Err(Failure::Absent(store.locate(name))),
        Err(error) => Err(Failure::Store(store.locate(name), error)),
    }
}
