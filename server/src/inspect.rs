//! Looks at a database without serving it: shows its objects as text, and checks all of them.
//!
//! Nothing here writes. Servers may commit, merge and delete meanwhile. When an object disappears because the database
//! has moved on, the code reads the newer version and starts again.

use std::io::{self, Write};

use bytes::Bytes;

use crate::commit::unpack;
use crate::root::{self, Placed, Root, Run, Upload};
use crate::run::{Decoder, Layer, Name, RUNS, Salt, Work as _};
use crate::state::{Database, Laying, Runs, Stretch};
use crate::store::patience::bounded;
use crate::store::{ETag, Got, Store, StoreError};

/// How many versions to try before a missing run counts as damage.
const ATTEMPTS: u32 = 20;

/// Why a database or an object cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The store gives no answer, or no object.
    #[error("cannot read {location}")]
    Store {
        /// The object or the prefix.
        location: String,
        /// What the store says.
        #[source]
        cause: StoreError,
    },
    /// The store has no such object.
    #[error("{0} does not exist")]
    Absent(String),
    /// The database is damaged. This is a report and has no single cause: one sentence for each damage.
    #[error("{}", .0.join("\n"))]
    Damaged(Vec<String>),
    /// No object of a database has this name.
    #[error("{0:?} is neither db.json nor the name of a run")]
    Unknown(String),
    /// The reader of the output has gone, or the output cannot be written.
    #[error("cannot write the output")]
    Output(#[from] io::Error),
}

/// Writes an object as text: `db.json` with more lines and without its secret, or a run with its first line and then a
/// line for each row, where `null` is a removal. Without a name it writes the whole database, a line for each row that can
/// be reached.
pub async fn show<S: Store>(store: &S, object: Option<&str>, out: &mut impl Write) -> Result<(), InspectError> {
    let Some(name) = object else {
        let (database, _) = read_database(store).await?;
        return lines(out, &database.reachable_rows());
    };
    if name == root::NAME {
        let (root, _) = read_root(store).await?;
        out.write_all(root.to_text().as_bytes())?;
        return Ok(());
    }
    Name::parse(name).ok_or_else(|| InspectError::Unknown(name.to_owned()))?;
    let (bytes, _) = read_object(store, name).await?;
    let damaged = |damage| InspectError::Damaged(vec![format!("{} {damage}", store.locate(name))]);
    let line = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let layer = Decoder::new(bytes.clone(), Salt::default()).and_then(|decoder| decoder.finish()).map_err(damaged)?;
    out.write_all(&bytes[..line])?;
    lines(out, &layer.iter().collect::<Vec<_>>())
}

fn lines(out: &mut impl Write, rows: &[Placed]) -> Result<(), InspectError> {
    for (table, name, row) in rows {
        out.write_all(&root::line(*table, name, row.as_ref()))?;
    }
    Ok(())
}

/// The contents of an undamaged database.
#[derive(Debug, PartialEq, Eq)]
pub struct Inventory {
    /// The version.
    pub generation: u64,
    /// The number of keys.
    pub keys: u64,
    /// The number of runs that `db.json` names.
    pub runs: usize,
    /// The length of these runs together.
    pub run_bytes: u64,
    /// The number of runs that `db.json` does not name: a server will name them soon, or delete them.
    pub unnamed: usize,
}

/// Reads the whole database, and counts what its heads say. Returns its contents, or every damage that it finds.
pub async fn verify<S: Store>(store: &S) -> Result<Inventory, InspectError> {
    let (database, _) = read_database(store).await?;
    let damages = database.audit();
    if !damages.is_empty() {
        return Err(InspectError::Damaged(damages));
    }
    let listed = bounded(store.list(RUNS)).await;
    let listed = listed.map_err(|cause| InspectError::Store { location: store.locate(RUNS), cause })?;
    let root = &database.root;
    let is_named = |listed: &String| root.names().any(|name| name.to_string() == *listed);
    Ok(Inventory {
        generation: root.header.generation,
        keys: database.keys(),
        runs: root.runs.len(),
        run_bytes: root.runs.iter().map(|run| run.bytes).sum(),
        unnamed: listed.iter().filter(|name| !is_named(name)).count(),
    })
}

/// Reads the whole database, or every damage in it.
pub(crate) async fn read_database<S: Store>(store: &S) -> Result<(Database, ETag), InspectError> {
    let mut attempts = 0;
    loop {
        let (root, etag) = read_root(store).await?;
        match read_runs(store, root).await? {
            Ok(database) => return Ok((database, etag)),
            Err(damages) => {
                // A merge may have replaced a missing run. Then there is a newer version of db.json.
                let (_, newest) = read_object(store, root::NAME).await?;
                attempts += 1;
                if newest == etag || attempts == ATTEMPTS {
                    return Err(InspectError::Damaged(damages));
                }
            }
        }
    }
}

async fn read_root<S: Store>(store: &S) -> Result<(Root, ETag), InspectError> {
    let (bytes, etag) = read_object(store, root::NAME).await?;
    let damaged = |damage| InspectError::Damaged(vec![format!("{} {damage}", store.locate(root::NAME))]);
    Ok((Root::decode(&bytes, &[]).map_err(damaged)?, etag))
}

/// Completes a version with its runs. The inner error holds the damage of each run.
async fn read_runs<S: Store>(store: &S, mut root: Root) -> Result<Result<Database, Vec<String>>, InspectError> {
    let (mut layers, mut damages): (Vec<Layer>, Vec<String>) = (Vec::new(), Vec::new());
    // The runs that entries name come last. They cover no generations.
    let uploads = root.recent.iter().filter_map(|entry| entry.missing());
    let uploads = uploads.map(|Upload { name, rows, bytes }| Run { name, from: 0, to: 0, rows, bytes });
    let all: Vec<Run> = root.runs.iter().copied().chain(uploads).collect();
    for run in &all {
        let name = run.name.to_string();
        let location = store.locate(&name);
        match read_object(store, &name).await {
            Ok((bytes, _)) => match unpack(bytes, run, root.header.id, Salt::default()).await {
                Ok(layer) => layers.push(layer),
                Err(damage) => damages.push(format!("{location} {damage}")),
            },
            Err(InspectError::Absent(_)) => damages.push(format!("{location} is missing, but {} names it", root::NAME)),
            Err(other) => return Err(other),
        }
    }
    for name in root.answers() {
        match read_object(store, &name.to_string()).await {
            Ok(_) => {}
            Err(InspectError::Absent(location)) => {
                damages.push(format!("{location} is missing, but {} names it", root::NAME));
            }
            Err(other) => return Err(other),
        }
    }
    if !damages.is_empty() {
        return Ok(Err(damages));
    }
    for (run, layer) in all.iter().zip(&layers).skip(root.runs.len()) {
        root.attach(run.name, &layer.iter().collect::<Vec<_>>());
    }
    let mut runs = Runs::none(root.header.base, Salt::default());
    for (run, layer) in root.runs.iter().zip(layers) {
        let stretch = Stretch { from: run.from, to: run.to, layer: layer.into(), now: 0 };
        runs = Laying::new(runs, stretch).finish();
    }
    let location = store.locate(root::NAME);
    Ok(Database::new(root, runs).map_err(|damage| vec![format!("{location} {damage}")]))
}

pub(crate) async fn read_object<S: Store>(store: &S, name: &str) -> Result<(Bytes, ETag), InspectError> {
    match bounded(store.get(name, None)).await {
        Ok(Got::Object { bytes, etag }) => Ok((bytes, etag)),
        Ok(Got::Absent | Got::Unchanged) => Err(InspectError::Absent(store.locate(name))),
        Err(cause) => Err(InspectError::Store { location: store.locate(name), cause }),
    }
}
