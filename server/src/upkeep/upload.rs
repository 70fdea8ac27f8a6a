//! Storing runs.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::background::in_slices;
use crate::id::Id;
use crate::row::{Row, Table};
use crate::run::{Building, Encoder, Layer, Name, Salt};
use crate::stats::Stats;
use crate::store::patience::Patience;
use crate::store::{Got, Store, StoreError};

/// How often to try. Nothing depends on a run that was not stored, and another one will be made.
const ATTEMPTS: u32 = 8;

/// The rows that are packed before other tasks have their turn.
const PACKED: usize = 512;

/// When a request that carries a run is given up: after a time that is enough for any run, and more for each mebibyte.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_MORE: Duration = Duration::from_secs(4);

/// How long a request may take that carries so many bytes.
pub fn bound(bytes: u64) -> Duration {
    REQUEST_TIMEOUT + REQUEST_MORE.saturating_mul(u32::try_from(bytes >> 20).unwrap_or(u32::MAX))
}

/// A run that has been stored, and that no version names yet.
#[derive(Clone, Debug)]
pub struct Uploaded {
    /// The object.
    pub name: Name,
    /// Its content.
    pub layer: Arc<Layer>,
    /// The length of the object.
    pub bytes: u64,
}

/// The content of a run to be stored.
pub enum Content {
    /// Rows in ascending order. None is a removal.
    Rows(Vec<(Table, Bytes, Option<Row>)>),
    /// A layer.
    Layer(Arc<Layer>),
}

/// Stores the runs of a database.
pub struct RunWriter<S> {
    /// The store.
    pub store: Arc<S>,
    /// Counts the requests.
    pub stats: Arc<Stats>,
    /// The database.
    pub database: Id,
    /// Keys are hashed with it.
    pub salt: Salt,
}

impl<S: Store> RunWriter<S> {
    /// Stores a run. Returns nothing if that fails time after time.
    pub async fn store(&self, name: Name, content: Content) -> Option<Uploaded> {
        let layer = match content {
            Content::Layer(layer) => layer,
            Content::Rows(rows) => {
                let mut building = Building::new(self.salt, 0, rows.len());
                for some in rows.chunks(PACKED) {
                    some.iter().for_each(|(table, name, row)| building.push(*table, name, row.as_ref()));
                    yield_now().await;
                }
                Arc::new(building.done())
            }
        };
        self.store_layer(name, layer).await
    }

    async fn store_layer(&self, name: Name, layer: Arc<Layer>) -> Option<Uploaded> {
        let encoder = Encoder::new(self.database, Arc::clone(&layer)).ok()?;
        let content = in_slices(encoder).await.ok()?;
        let bytes = content.len() as u64;
        self.upload(&name.to_string(), content).await.then_some(Uploaded { name, layer, bytes })
    }

    /// Stores an object. Returns whether it is there. Nobody else ever uses its name.
    async fn upload(&self, name: &str, content: Bytes) -> bool {
        let mut patience = Patience::default();
        for _ in 0..ATTEMPTS {
            self.stats.puts.add(1);
            self.stats.bytes_put.add(content.len() as u64);
            let created = self.store.create(name, content.clone());
            let error = match timeout(bound(content.len() as u64), created).await {
                Ok(Ok(())) => return true,
                // An earlier attempt may have landed, or a proxy may have sent this one twice.
                Ok(Err(StoreError::Conflict(_))) if self.is_there(name, &content).await => return true,
                Ok(Err(error)) => error,
                Err(_) => StoreError::Unclear("no answer to the PUT".into()),
            };
            tracing::debug!(name, %error, "a run was not stored");
            patience.pause(&error).await;
        }
        tracing::warn!(name, "a run could not be stored: the entries stay where they are for now");
        false
    }

    async fn is_there(&self, name: &str, content: &Bytes) -> bool {
        self.stats.gets.add(1);
        let got = timeout(bound(content.len() as u64), self.store.get(name, None)).await;
        matches!(got, Ok(Ok(Got::Object { bytes, .. })) if bytes == *content)
    }
}
