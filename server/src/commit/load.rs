//! The first look at the database.

use std::sync::Arc;
use std::time::Duration;

use super::fetch::{Obstacle, Reader};
use super::{Committer, Unusable};
use crate::root::{self, Id, Root};
use crate::run::{Name, Salt};
use crate::shared::Thresholds;
use crate::state::{Database, Runs};
use crate::stats::Stats;
use crate::store::patience::{Patience, bounded};
use crate::store::{ETag, Got, Store, StoreError};

/// What can be done about a database that can't be read.
const KEPT: &str = "Nothing was overwritten; mend it, or keep the database elsewhere";

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
    /// From which sizes on the database is kept in several objects.
    pub thresholds: Thresholds,
    /// What is counted.
    pub stats: Arc<Stats>,
    /// Who looks at every version that this server knows, if anybody does. For tests.
    pub witness: Option<Witness>,
}

/// Looks at versions.
pub type Witness = Arc<dyn Fn(&Database) + Send + Sync>;

impl<S: Store> Start<S> {
    /// Reads the database, for as long as it takes the store to answer.
    pub async fn load(self) -> Result<Committer<S>, Unusable> {
        let mut gone = None;
        loop {
            let (root, etag) = self.look(gone).await?;
            let salt = Salt(self.server.bits());
            let known = Runs::none(root.header.base, salt);
            let Some(etag) = etag else {
                let unborn = Database::unborn(self.database, salt);
                return Ok(self.begin(unborn, None));
            };
            let reader = Reader { store: Arc::clone(&self.store), stats: Arc::clone(&self.stats) };
            match reader.complete(root, known).await {
                Ok(database) => return Ok(self.begin(database, Some(etag))),
                Err(Obstacle::Gone(name)) => gone = Some(name),
                Err(Obstacle::Damaged(what)) => return Err(Unusable(format!("{what}. {KEPT}").into())),
            }
        }
    }

    /// Reads `db.json`, of which nobody may expect any more that it names a run that is known to be gone.
    async fn look(&self, gone: Option<Name>) -> Result<(Root, Option<ETag>), Unusable> {
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
        self.stats.gets.add(1);
        let (root, etag) = match (found, runs.first()) {
            (Got::Object { bytes, etag }, _) => {
                self.stats.bytes_got.add(bytes.len() as u64);
                (self.decode(&bytes)?, Some(etag))
            }
            (_, Some(run)) => return Err(self.unusable(&format!("is missing, but {run} is there and belongs to it"))),
            (_, None) => (Root::unborn(self.database), None),
        };
        match gone {
            Some(gone) if root.runs.iter().any(|run| run.name == gone) => {
                let place = self.store.locate(&gone.to_string());
                Err(Unusable(format!("{place} is missing, although {} names it. {KEPT}", root::NAME).into()))
            }
            _ => Ok((root, etag)),
        }
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
        Unusable(format!("{place} {why}. {KEPT}").into())
    }

    fn begin(self, database: Database, etag: Option<ETag>) -> Committer<S> {
        let committer = Committer::new(self, database, etag);
        let root = &committer.database.root;
        tracing::info!(
            generation = root.header.generation,
            keys = root.keys,
            runs = root.runs.len(),
            "database loaded"
        );
        committer
    }
}
