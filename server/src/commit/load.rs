//! Loading: the first look at the database.

use std::sync::Arc;

use super::core::Known;
use super::driver::Committer;
use super::fetch::{Obstacle, Reader};
use super::start::Start;
use super::trouble::Unusable;
use crate::root::{self, Root};
use crate::run::{Name, RUNS, Salt};
use crate::state::{Database, Runs};
use crate::store::patience::{Patience, bounded};
use crate::store::{ETag, Got, Store, StoreError};

/// How an operator can go on.
const KEPT: &str = "Nothing was overwritten; mend it, or keep the database elsewhere";

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
            match reader.load(root, known).await {
                Ok(database) => return Ok(self.begin(database, Some(etag))),
                Err(Obstacle::Gone(name)) => gone = Some(name),
                Err(Obstacle::Damaged(what)) => return Err(what.and(KEPT)),
            }
        }
    }

    /// Reads `db.json`. If it still names the run that was `gone`, that run is missing and the database is damaged.
    async fn look(&self, gone: Option<Name>) -> Result<(Root, Option<ETag>), Unusable> {
        let mut found = self.insist(|| self.store.get(root::NAME, None)).await?;
        let mut runs = Vec::new();
        if found == Got::Absent {
            // Runs without the object that names them are the rest of a database. To create an empty one over them would make
            // the loss final. Unless another server has created the database since this one looked.
            runs = self.insist(|| self.store.list(RUNS)).await?;
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
            Some(gone) if root.names().any(|name| name == gone) => {
                let place = self.store.locate(&gone.to_string());
                Err(Unusable::new(format!("{place} is missing, although {} names it", root::NAME)).and(KEPT))
            }
            _ => Ok((root, etag)),
        }
    }

    /// Repeats a request that changes nothing until it is answered. Gives up if something else stands in the object's place.
    async fn insist<T, F>(&self, request: impl Fn() -> F) -> Result<T, Unusable>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut patience = Patience::default();
        loop {
            match bounded(request()).await {
                Ok(answer) => return Ok(answer),
                Err(error @ StoreError::Obstructed(_)) => return Err(self.unusable(error.why()).caused_by(error)),
                Err(error) => patience.pause(&error).await,
            }
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Root, Unusable> {
        Root::decode(bytes, &[]).map_err(|damage| self.unusable(&damage.to_string()).caused_by(damage))
    }

    fn unusable(&self, why: &str) -> Unusable {
        Unusable::new(format!("{} {why}", self.store.locate(root::NAME))).and(KEPT)
    }

    fn begin(self, database: Database, etag: Option<ETag>) -> Committer<S> {
        let root = &database.root;
        let (generation, keys, runs) = (root.header.generation, database.keys(), root.runs.len());
        tracing::info!(generation, keys, runs, "database loaded");
        Committer::new(self, Known { database, etag })
    }
}
