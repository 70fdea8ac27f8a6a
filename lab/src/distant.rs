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
    puts: u64,
    all: BTreeMap<String, (ETag, Bytes)>,
}

impl Distant {
    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.puts += 1;
        let etag = ETag(self.puts.to_string());
        self.all.insert(name.to_owned(), (etag.clone(), bytes));
        etag
    }
}

impl Store for Distant {
    async fn get(&self, name: &str, known: Option<&ETag>) -> Result<Got, StoreError> {
        self.there_and_back(|objects| match objects.all.get(name) {
            None => Ok(Got::Absent),
            Some((etag, _)) if Some(etag) == known => Ok(Got::Unchanged),
            Some((etag, bytes)) => Ok(Got::Object { bytes: bytes.clone(), etag: etag.clone() }),
        })
        .await
    }

    async fn put(&self, name: &str, bytes: Bytes, condition: &Condition) -> Result<ETag, StoreError> {
        self.there_and_back(|objects| {
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
        self.there_and_back(|objects| Ok(objects.all.keys().filter(|name| name.starts_with(prefix)).cloned().collect()))
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
