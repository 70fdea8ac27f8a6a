//! Reading the runs that a version names and memory lacks.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::trouble::Unusable;
use crate::background::{Background, in_slices};
use crate::id::Id;
use crate::root::{Root, Run, Upload};
use crate::run::{Decoder, Layer, Name, RunDamage, Salt};
use crate::state::{Database, Laying, Runs, Stretch};
use crate::stats::Stats;
use crate::store::patience::Patience;
use crate::store::{Got, Store, StoreError};
use crate::upkeep::bound;

/// How many runs are read at the same time. With 32, the runs of a million keys take one round trip (at most seven runs
/// of each of four levels: `policy`), and the store is not flooded.
const SIDE_BY_SIDE: usize = 32;

/// Why the runs of a version could not be read.
#[derive(Debug)]
pub enum Obstacle {
    /// A run is missing. Another server may have merged and swept it since the version was read. A missing run is damage
    /// only if a later `db.json` still names it.
    Gone(Name),
    /// An object is damaged: which one, and how.
    Damaged(Unusable),
}

/// Reads runs.
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
    /// Completes a version with the runs that it names. Memory holds the `known` ones. Waits for the store as long as it
    /// takes.
    pub async fn complete(self, mut root: Root, known: Runs) -> Result<(Root, Runs), Obstacle> {
        let (mut runs, missing) = known.missing(&root);
        let mut attached = Vec::new();
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
            let stretch = Stretch { from: run.from, to: run.to, layer: Arc::new(layer.await?), now: 0 };
            runs = in_slices(Laying::new(runs, stretch)).await;
        }
        for Upload { name, rows, bytes } in root.recent.iter().filter_map(|entry| entry.missing()) {
            // A run of large values covers no generations of its own: it is a part of its entry.
            let run = Run { name, from: 0, to: 0, rows, bytes };
            let layer = self.read(&run, root.header.id, runs.salt()).await?;
            attached.push((name, layer.iter().collect::<Vec<_>>()));
        }
        for (name, rows) in attached {
            root.attach(name, &rows);
        }
        Ok((root, runs))
    }

    /// Reads a whole version.
    pub async fn load(self, root: Root, known: Runs) -> Result<Database, Obstacle> {
        let place = self.store.locate(crate::root::NAME);
        let (root, runs) = self.complete(root, known).await?;
        let damaged = |damage| Obstacle::Damaged(Unusable::new(format!("{place} {damage}")).caused_by(damage));
        Database::new(root, runs).map_err(damaged)
    }

    /// Reads a run of a database.
    async fn read(&self, run: &Run, database: Id, salt: Salt) -> Result<Layer, Obstacle> {
        let name = run.name.to_string();
        let unproven = self.download(run, || self.store.fetch(&name)).await?;
        if let Ok(layer) = unpack_side_by_side(unproven, run, database, salt).await {
            return Ok(layer);
        }
        // The bytes may have been damaged on their way. A proven answer tells.
        let proven = self.download(run, || self.store.get(&name, None)).await?;
        let layer = unpack(proven, run, database, salt).await;
        layer.map_err(|damage| Obstacle::Damaged(self.damaged(run, &damage).caused_by(damage)))
    }

    fn damaged(&self, run: &Run, why: &dyn fmt::Display) -> Unusable {
        Unusable::new(format!("{} {why}", self.store.locate(&run.name.to_string())))
    }

    /// Asks for the bytes of a run until an answer comes.
    async fn download<F: Future<Output = Result<Got, StoreError>>>(
        &self,
        run: &Run,
        ask: impl Fn() -> F,
    ) -> Result<Bytes, Obstacle> {
        let mut patience = Patience::default();
        let bytes = loop {
            self.stats.gets.add(1);
            match timeout(bound(run.bytes), ask()).await {
                Ok(Ok(Got::Object { bytes, .. })) => break bytes,
                Ok(Ok(Got::Absent | Got::Unchanged)) => return Err(Obstacle::Gone(run.name)),
                Ok(Err(error @ StoreError::Obstructed(_))) => {
                    return Err(Obstacle::Damaged(self.damaged(run, &error.why()).caused_by(error)));
                }
                Ok(Err(error)) => patience.pause(&error).await,
                Err(_) => patience.pause(&StoreError::Unclear("no answer".into())).await,
            }
        };
        self.stats.bytes_got.add(bytes.len() as u64);
        Ok(bytes)
    }
}

/// Unpacks a run, if it is the one that `db.json` names, while another task compares the checksums of its blocks. Looks up no
/// row in the filter, since this server asks none.
async fn unpack_side_by_side(bytes: Bytes, run: &Run, database: Id, salt: Salt) -> Result<Layer, RunDamage> {
    let (decoder, sums) = decoder(bytes, run, database, salt)?.trusting_the_filter().leaving_sums();
    let sums = sums.map(|sums| Background::start(in_slices(sums)));
    let layer = in_slices(decoder).await?;
    if let Some(sums) = sums {
        sums.await?;
    }
    Ok(layer)
}

/// Unpacks a run, if it is the one that `db.json` names. Looks up each row in the filter, too.
pub async fn unpack(bytes: Bytes, run: &Run, database: Id, salt: Salt) -> Result<Layer, RunDamage> {
    in_slices(decoder(bytes, run, database, salt)?).await
}

fn decoder(bytes: Bytes, run: &Run, database: Id, salt: Salt) -> Result<Decoder, RunDamage> {
    if bytes.len() as u64 != run.bytes {
        return Err(RunDamage::Other(format!("it is {} bytes long, and should be {}", bytes.len(), run.bytes)));
    }
    let decoder = Decoder::new(bytes, salt)?;
    if decoder.database() != database {
        return Err(RunDamage::Other(format!(
            "it belongs to the database {}, and not to {database}",
            decoder.database()
        )));
    }
    if decoder.rows() != run.rows {
        return Err(RunDamage::Other(format!("it has {} rows, and should have {}", decoder.rows(), run.rows)));
    }
    Ok(decoder)
}
