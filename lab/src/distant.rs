//! A store that is a round trip away, and that otherwise costs those nothing who measure a server in the same process: it
//! numbers versions instead of hashing them. With a clock that passes only when everybody waits, what is measured are
//! round trips and bytes, the same each time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;
use valthree::store::{Condition, ETag, Got, Store, StoreError};

/// To the store and back.
pub const ROUND_TRIP: Duration = Duration::from_millis(20);

/// The store. Clones share their objects.
#[derive(Clone, Debug, Default)]
pub struct Distant(Arc<Mutex<Objects>>);

#[derive(Debug, Default)]
struct Objects {
    requests: Requests,
    all: BTreeMap<String, (ETag, Bytes)>,
}

/// What the store was asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Requests {
    /// PUTs, whether or not their condition held.
    pub puts: u64,
    /// What they brought.
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

    /// All of them so far.
    pub fn requests(&self) -> Requests {
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
                Err(StoreError::Conflict(format!("it is {current:?}")))
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

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.there_and_back(|objects| objects.all.remove(name)).await;
        Ok(())
    }

    fn locate(&self, name: &str) -> String {
        name.to_owned()
    }
}
