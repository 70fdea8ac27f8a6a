//! The first look at the database.

use std::sync::Arc;
use std::time::Duration;

use super::{Committer, Unusable};
use crate::root::{self, Id, Root};
use crate::stats::Stats;
use crate::store::patience::{Patience, bounded};
use crate::store::{ETag, Got, Store, StoreError};

/// What a commit loop starts from.
pub struct Start<S> {
    /// Where the database is.
    pub store: Arc<S>,
    /// Who signs the commits: new at every start, so that no commit of an earlier life is taken for one of this.
    pub server: Id,
    /// What the database is called if this server creates it.
    pub database: Id,
    /// How long a command may take before its client is told something.
    pub deadline: Duration,
    /// The size beyond which the database may not grow, in bytes of keys and values.
    pub max_memory: Option<u64>,
    /// What is counted.
    pub stats: Arc<Stats>,
}

impl<S: Store> Start<S> {
    /// Reads the database, for as long as it takes the store to answer.
    pub async fn load(self) -> Result<Committer<S>, Unusable> {
        let mut found = self.insist(|| self.store.get(root::NAME, None)).await?;
        let mut runs = Vec::new();
        if found == Got::Absent {
            // Runs without the object that names them are what is left of a database, and creating an empty one over it
            // would make that final. Unless another server has created the database since we looked.
            runs = self.insist(|| self.store.list(root::RUNS)).await?;
            if !runs.is_empty() {
                found = self.insist(|| self.store.get(root::NAME, None)).await?;
            }
        }
        let (root, etag) = match (found, runs.first()) {
            (Got::Object { bytes, etag }, _) => {
                self.stats.bytes_got.add(bytes.len() as u64);
                (self.decode(&bytes)?, Some(etag))
            }
            (_, Some(run)) => return Err(self.unusable(&format!("is missing, but {run} is there and belongs to it"))),
            (_, None) => (Root::unborn(self.database), None),
        };
        self.stats.gets.add(1);
        Ok(self.begin(root, etag))
    }

    /// Repeats a request that changes nothing until it is answered; or gives up if that will never be.
    async fn insist<T, F>(&self, request: impl Fn() -> F) -> Result<T, Unusable>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut patience = Patience::default();
        loop {
            match bounded(request()).await {
                Ok(answer) => return Ok(answer),
                Err(StoreError::Obstructed(why)) => return Err(self.unusable(&why)),
                Err(error) => patience.pause(&error).await,
            }
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Root, Unusable> {
        Root::decode(bytes).map_err(|damage| self.unusable(&damage.to_string()))
    }

    fn unusable(&self, why: &str) -> Unusable {
        let place = self.store.locate(root::NAME);
        Unusable(format!("{place} {why}. Nothing was overwritten; mend it, or keep the database elsewhere").into())
    }

    fn begin(self, root: Root, etag: Option<ETag>) -> Committer<S> {
        let committer = Committer::new(self, root, etag);
        tracing::info!(
            generation = committer.root.header.generation,
            keys = committer.root.recent.len(),
            "database loaded"
        );
        committer
    }
}
