//! A store whose health somebody watches: see [`Health`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout};

use super::health::{Access, Health};
use super::{Condition, ETag, Got, Phrase, Store, StoreError};
use crate::clock::Clock;

/// A request without an answer for this long is worth a line in the log. It is more than any deadline of a command.
const SILENCE: Duration = Duration::from_secs(2);

/// More for an object that may be large, such as a run. Nobody knows its length before the answer.
const SILENCE_LARGE: Duration = Duration::from_secs(10);

/// More for each mebibyte to upload.
const SILENCE_MORE: Duration = Duration::from_secs(4);

/// The store, and the record of its health. It passes every request on and changes no answer.
#[derive(Debug)]
pub struct WatchedStore<S> {
    store: S,
    health: Arc<Health>,
    clock: Arc<Clock>,
}

/// A request that waits for its answer, or is dropped.
struct OpenRequest<'a> {
    health: &'a Health,
    number: u64,
}

impl Drop for OpenRequest<'_> {
    fn drop(&mut self) {
        self.health.forget(self.number);
    }
}

impl<S: Store> WatchedStore<S> {
    /// Watches a store.
    pub fn new(store: S, health: Arc<Health>, clock: Arc<Clock>) -> WatchedStore<S> {
        if store.tells_time() {
            clock.follow_the_store();
        }
        WatchedStore { store, health, clock }
    }

    async fn watch<T>(
        &self,
        access: Access,
        name: &str,
        silence: Duration,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let sent = Instant::now();
        let waiting = OpenRequest { health: &self.health, number: self.health.sent(access, name, sent) };
        let mut request = std::pin::pin!(request);
        let result = match timeout(silence, request.as_mut()).await {
            Ok(result) => result,
            Err(_) => {
                self.health.waits(access, sent, name);
                request.await
            }
        };
        drop(waiting);
        self.health.answered(access, name, sent, &result);
        self.health.reread(self.store.rereads());
        self.store.dated().iter().for_each(|dated| self.clock.heard(dated));
        result
    }
}

/// After how long a request that carries these bytes is called silent.
fn silence_of(bytes: &Bytes) -> Duration {
    let mebibytes = u32::try_from(bytes.len() >> 20).unwrap_or(u32::MAX);
    SILENCE.saturating_add(SILENCE_MORE.saturating_mul(mebibytes))
}

impl<S: Store> Store for WatchedStore<S> {
    async fn get(&self, name: &str, known: Option<&ETag>) -> Result<Got, StoreError> {
        let silence = if name.contains('/') { SILENCE_LARGE } else { SILENCE };
        self.watch(Access::Read, name, silence, self.store.get(name, known)).await
    }

    async fn fetch(&self, name: &str) -> Result<Got, StoreError> {
        self.watch(Access::Read, name, SILENCE_LARGE, self.store.fetch(name)).await
    }

    async fn put(&self, name: &str, bytes: Bytes, condition: &Condition) -> Result<ETag, StoreError> {
        let silence = silence_of(&bytes);
        self.watch(Access::Write, name, silence, self.store.put(name, bytes, condition)).await
    }

    async fn create(&self, name: &str, bytes: Bytes) -> Result<(), StoreError> {
        let silence = silence_of(&bytes);
        self.watch(Access::Write, name, silence, self.store.create(name, bytes)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.watch(Access::Read, prefix, SILENCE, self.store.list(prefix)).await
    }

    async fn delete(&self, names: &[String]) -> Result<(), StoreError> {
        let name = names.first().map_or("", String::as_str);
        self.watch(Access::Delete, name, SILENCE, self.store.delete(names)).await
    }

    fn rephrase(&self, phrase: Phrase) {
        self.store.rephrase(phrase);
    }

    fn rereads(&self) -> u64 {
        self.store.rereads()
    }

    fn tells_time(&self) -> bool {
        self.store.tells_time()
    }

    fn locate(&self, name: &str) -> String {
        self.store.locate(name)
    }
}
