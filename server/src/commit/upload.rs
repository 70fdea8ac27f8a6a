//! Storing runs.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::background::in_slices;
use super::fetch::bound;
use crate::root::Id;
use crate::run::{Building, Encoder, Layer, Name, Salt};
use crate::stats::Stats;
use crate::store::patience::Patience;
use crate::store::{Condition, Got, Store, StoreError};

/// How often to try. Nothing depends on a run that was not stored, and another one will be made.
const ATTEMPTS: u32 = 8;

/// The entries that are packed between two turns of others.
const PACKED: usize = 512;

/// A run that has been stored, and that no version names yet.
#[derive(Clone, Debug)]
pub struct Uploaded {
    pub name: Name,
    pub layer: Arc<Layer>,
    /// How long the object is.
    pub bytes: u64,
}

/// What is needed to store runs.
pub struct Writer<S> {
    pub store: Arc<S>,
    pub stats: Arc<Stats>,
    pub database: Id,
    pub salt: Salt,
}

impl<S: Store> Writer<S> {
    /// Stores entries, which ascend, as a run.
    pub async fn store_entries(self, name: Name, entries: Vec<(Bytes, Option<Bytes>)>) -> Option<Uploaded> {
        let mut building = Building::new(self.salt, 0, entries.len());
        for some in entries.chunks(PACKED) {
            some.iter().for_each(|(key, value)| building.push(key, value.as_deref()));
            yield_now().await;
        }
        self.store_layer(name, Arc::new(building.done())).await
    }

    /// Stores a layer as a run.
    pub async fn store_layer(self, name: Name, layer: Arc<Layer>) -> Option<Uploaded> {
        let encoder = Encoder::new(self.database, Arc::clone(&layer)).ok()?;
        let content = in_slices(encoder).await.ok()?;
        let bytes = content.len() as u64;
        self.upload(&name.to_string(), content).await.then_some(Uploaded { name, layer, bytes })
    }

    /// Whether the object is there with this content. Nobody else ever uses its name.
    async fn upload(&self, name: &str, content: Bytes) -> bool {
        let mut patience = Patience::silent_at_first();
        for _ in 0..ATTEMPTS {
            self.stats.puts.add(1);
            self.stats.bytes_put.add(content.len() as u64);
            let put = self.store.put(name, content.clone(), &Condition::Absent);
            let error = match timeout(bound(content.len() as u64), put).await {
                Ok(Ok(_)) => return true,
                // An earlier attempt may have landed, or an intermediary may have sent this one twice.
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
