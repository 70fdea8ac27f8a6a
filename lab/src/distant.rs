//! A store in memory that is a fixed round trip away, for tests that count round trips and bytes. Its ETags are numbers
//! instead of hashes, so it takes almost no CPU time from the server in the same process. In simulated time the counts
//! are the same each time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;
use valthree::store::{Condition, ETag, Got, Store, StoreError};

/// The round trip to the store.
pub const ROUND_TRIP: Duration = Duration::from_millis(20);

/// The store. Clones share their objects.
#[derive(Clone, Debug, Default)]
pub struct Distant(Arc<Mutex<Objects>>);

#[derive(Debug, Default)]
struct Objects {
    requests: RequestCounts,
    all: BTreeMap<String, (ETag, Bytes)>,
}

/// The requests that the store has received.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestCounts {
    /// PUTs, whether or not their condition held.
    pub puts: u64,
    /// The bytes of all PUTs.
    pub bytes: u64,
    /// GETs.
    pub gets: u64,
    /// LISTs.
    pub lists: u64,
}

impl Distant {
    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The requests so far.
    pub fn requests(&self) -> RequestCounts {
        self.objects().requests
    }

    async fn there_and_back<T>(&self, carry_out: impl FnOnce(&mut Objects) -> T) -> T {
        sleep(ROUND_TRIP / 2).await;
        let answer = carry_out(&mut self.objects());
        sleep(ROUND_TRIP / 2).await;
        answer
    }
}

impl Objects {
    fn insert(&mut self, name: &str, bytes: Bytes) -> ETag {
        let etag = ETag(self.requests.puts.to_string());
        self.all.insert(name.to_owned(), (etag.clone(), bytes));
        etag
    }
}

impl Store for Distant {
    async fn get(&self, name: &str, known: Option<&ETag>) -> Result<Got, StoreError> {
        self.there_and_back(|objects| {
            objects.requests.gets += 1;
            match objects.all.get(name) {
                None => Ok(Got::Absent),
                Some((etag, _)) if Some(etag) == known => Ok(Got::Unchanged),
                Some((etag, bytes)) => Ok(Got::Object { bytes: bytes.clone(), etag: etag.clone() }),
            }
        })
        .await
    }

    async fn put(&self, name: &str, bytes: Bytes, condition: &Condition) -> Result<ETag, StoreError> {
        self.there_and_back(|objects| {
            objects.requests.puts += 1;
            objects.requests.bytes += bytes.len() as u64;
            let current = objects.all.get(name).map(|(etag, _)| etag);
            let holds = match condition {
                Condition::Absent => current.is_none(),
                Condition::Match(etag) => current == Some(etag),
            };
            if holds {
                Ok(objects.insert(name, bytes))
            } else {
                Err(StoreError::Conflict(format!("the current version is {current:?}").into()))
            }
        })
        .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.there_and_back(|objects| {
            objects.requests.lists += 1;
            Ok(objects.all.keys().filter(|name| name.starts_with(prefix)).cloned().collect())
        })
        .await
    }

    async fn delete(&self, names: &[String]) -> Result<(), StoreError> {
        self.there_and_back(|objects| objects.all.retain(|name, _| !names.contains(name))).await;
        Ok(())
    }

    fn locate(&self, name: &str) -> String {
        name.to_owned()
    }
}
