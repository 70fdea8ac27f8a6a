//! Reading the runs that a version names and memory lacks.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::background::{Background, in_slices};
use crate::root::{Id, Root, Run};
use crate::run::{Damage, Decoder, Layer, Name, Salt};
use crate::state::{Database, Laying, Runs, Stretch};
use crate::stats::Stats;
use crate::store::patience::Patience;
use crate::store::{Got, Store, StoreError};

/// How many runs are read at the same time: enough that those of a million keys take one round trip (at most seven of each
/// of four levels: `policy`), few enough that a store is not flooded and that what is not unpacked yet stays little.
const SIDE_BY_SIDE: usize = 32;

/// When a request for a run is given up: after a time that would do for any, and more for each started mebibyte.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_MORE: Duration = Duration::from_secs(4);

/// How long a request may take that carries so many bytes.
pub fn bound(bytes: u64) -> Duration {
    REQUEST_TIMEOUT + REQUEST_MORE.saturating_mul(u32::try_from(bytes >> 20).unwrap_or(u32::MAX))
}

/// What stood in the way.
#[derive(Debug)]
pub enum Obstacle {
    /// A run is not there. It may have been merged away and swept since the version was read that names it: that is
    /// damage only if a version that is read from now on still names it.
    Gone(Name),
    /// Something is wrong with an object: which one, and what.
    Damaged(String),
}

/// What is needed to read runs.
pub struct Reader<S> {
    pub store: Arc<S>,
    pub stats: Arc<Stats>,
}

impl<S> Clone for Reader<S> {
    fn clone(&self) -> Reader<S> {
        Reader { store: Arc::clone(&self.store), stats: Arc::clone(&self.stats) }
    }
}

impl<S: Store> Reader<S> {
    /// Completes a version with the runs that it names, of which memory holds `known`. It takes as long as it takes the
    /// store to answer.
    pub async fn complete(self, root: Root, known: Runs) -> Result<Database, Obstacle> {
        let (mut runs, missing) = known.missing(&root);
        let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
        let reading: Vec<_> = missing
            .iter()
            .map(|&run| {
                let (reader, places) = (self.clone(), Arc::clone(&places));
                let (database, salt) = (root.header.id, runs.salt());
                Background::start(async move {
                    let _place = places.acquire_owned().await.expect("the places are never closed");
                    reader.read(&run, database, salt).await
                })
            })
            .collect();
        for (run, layer) in missing.iter().zip(reading) {
            let stretch = Stretch { from: run.from, to: run.to, layer: Arc::new(layer.await?) };
            runs = in_slices(Laying::new(runs, stretch)).await;
        }
        let place = self.store.locate(crate::root::NAME);
        Database::new(root, runs).map_err(|damage| Obstacle::Damaged(format!("{place} {damage}")))
    }

    /// Reads a run of a database.
    async fn read(&self, run: &Run, database: Id, salt: Salt) -> Result<Layer, Obstacle> {
        let name = run.name.to_string();
        let damaged = |why: String| Obstacle::Damaged(format!("{} {why}", self.store.locate(&name)));
        let mut patience = Patience::default();
        let bytes = loop {
            self.stats.gets.add(1);
            match timeout(bound(run.bytes), self.store.get(&name, None)).await {
                Ok(Ok(Got::Object { bytes, .. })) => break bytes,
                Ok(Ok(Got::Absent | Got::Unchanged)) => return Err(Obstacle::Gone(run.name)),
                Ok(Err(StoreError::Obstructed(why))) => return Err(damaged(why)),
                Ok(Err(error)) => patience.pause(&error).await,
                Err(_) => patience.pause(&StoreError::Unclear("no answer".into())).await,
            }
        };
        self.stats.bytes_got.add(bytes.len() as u64);
        unpack(bytes, run, database, salt).await.map_err(|damage| damaged(damage.to_string()))
    }
}

/// Unpacks a run, if it is the one that `db.json` names.
pub async fn unpack(bytes: Bytes, run: &Run, database: Id, salt: Salt) -> Result<Layer, Damage> {
    if bytes.len() as u64 != run.bytes {
        return Err(Damage::Other(format!("it is {} bytes long, and should be {}", bytes.len(), run.bytes)));
    }
    let decoder = Decoder::new(bytes, salt)?;
    if decoder.database() != database {
        return Err(Damage::Other(format!("it belongs to the database {}, and not to {database}", decoder.database())));
    }
    if decoder.entries() != run.entries {
        return Err(Damage::Other(format!("it has {} entries, and should have {}", decoder.entries(), run.entries)));
    }
    in_slices(decoder).await
}
