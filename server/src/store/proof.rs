//! Finding out, before it is trusted with a database, whether a store keeps the promises of [`Store`].
//!
//! Several stores that call themselves S3 ignore conditions, or check them without a lock, and lose writes. On one of
//! those the whole protocol is worth nothing, so a server tries the conditions on objects of its own:
//!
//! | round trip | asked | expected |
//! |---|---|---|
//! | 1 | several simultaneous creations of one object | exactly one succeeds |
//! | 2 | two simultaneous replacements of it, both with its ETag | exactly one succeeds |
//! | 3 | a replacement with the ETag that it had before | refused |
//! | 3 | a replacement of an object that is not there | refused |
//! | 3 | a read that names its present version | not modified |
//! | 3 | a read that names the version before | brings the present one |
//!
//! An answer that is unclear proves nothing, and is asked for again: on a fresh object where the unclear request may
//! still come to disturb. So a verdict against a store rests on clear answers alone. (Not so the other way round: a
//! store that checks without a lock may be lucky three times.)

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join_all};
use tokio::time::timeout;

use super::patience::{Patience, bounded};
use super::{Condition, ETag, Got, Phrase, Store, StoreError};

/// What the names of the objects of a proof begin with.
pub const PREFIX: &str = "proof-";

/// Simultaneous creations: more of them are more likely to meet in a store that checks without a lock.
const CREATIONS: usize = 3;

/// How often a store may refuse what it has to grant. More than once, because S3 may answer a race with "try again", and
/// because there are four ways to put two conditions.
const REFUSALS: u32 = 8;

/// How long cleaning up may take. What is left over is a few bytes that nobody looks at.
const CLEAN_UP: Duration = Duration::from_secs(10);

/// The store does not keep a promise, and what showed it.
#[derive(Debug, thiserror::Error)]
#[error("this store would lose writes: {0}")]
pub struct Broken(String);

/// One try of a store.
#[derive(Debug)]
pub struct Proof<S> {
    store: Arc<S>,
    id: String,
    objects: AtomicU32,
}

/// What two or more simultaneous puts came to.
struct Race {
    won: Vec<(Bytes, ETag)>,
    /// The clear refusals.
    lost: Vec<String>,
    unclear: Option<StoreError>,
}

impl<S: Store> Proof<S> {
    /// Of this store, on objects that have this id in their names: a new one each time.
    pub fn new(store: Arc<S>, id: impl ToString) -> Proof<S> {
        Proof { store, id: id.to_string(), objects: AtomicU32::new(0) }
    }

    /// Comes to a verdict, however long it takes the store to answer.
    pub async fn run(&self) -> Result<(), Broken> {
        let (name, first) = self.create().await?;
        let (content, second) = self.replace(&name, &first).await?;
        let stale = self.replace_stale(&name, &first);
        let absent = self.replace_absent();
        let ((stale, absent), read) = join(join(stale, absent), self.read(&name, &first, &content, &second)).await;
        // What a write has broken the reads may notice too; the write is what there is to say.
        stale?;
        absent?;
        read
    }

    /// Removes what the proof has created, as far as that works.
    pub async fn clean_up(&self) {
        let objects = 0..self.objects.load(Ordering::Relaxed);
        let deletions = objects.map(|number| async move {
            let name = self.name(number);
            Patience::silent_at_first().until_answered(|| self.store.delete(&name)).await;
        });
        if timeout(CLEAN_UP, join_all(deletions)).await.is_err() {
            tracing::warn!("some objects that begin with {} are left over", self.store.locate(PREFIX));
        }
    }

    async fn create(&self) -> Result<(String, ETag), Broken> {
        let (mut patience, mut refusals) = (Patience::silent_at_first(), 0);
        loop {
            let name = self.fresh();
            let race = self.race(&name, CREATIONS, &Condition::Absent).await;
            match &race.won[..] {
                [(_, etag)] => return Ok((name, etag.clone())),
                [] => {}
                several => {
                    let count = several.len();
                    return Err(Broken(format!("{count} simultaneous creations of one object all succeeded")));
                }
            }
            // The winner's answer may have been lost, or turned into a conflict by a proxy that sent it twice; the object
            // knows.
            if !race.lost.is_empty()
                && let Got::Object { etag, .. } =
                    Patience::silent_at_first().until_answered(|| self.store.get(&name, None)).await
            {
                return Ok((name, etag));
            }
            if race.unclear.is_none() {
                refusals += 1;
                if refusals >= REFUSALS {
                    return Err(Broken(format!("it creates no object on If-None-Match: *, but says {:?}", race.lost)));
                }
            }
            patience.pause(&race.failure()).await;
        }
    }

    /// Replaces the object that has this version, and says what it is then.
    async fn replace(&self, name: &str, etag: &ETag) -> Result<(Bytes, ETag), Broken> {
        let (mut patience, mut refusals) = (Patience::silent_at_first(), 0);
        loop {
            let mut race = self.race(name, 2, &Condition::Match(etag.clone())).await;
            if race.won.len() > 1 {
                return Err(Broken("two simultaneous replacements of one version both succeeded".into()));
            }
            if let Some(winner) = race.won.pop() {
                return Ok(winner);
            }
            // An answer may have been lost, or a success turned into a conflict.
            match Patience::silent_at_first().until_answered(|| self.store.get(name, None)).await {
                Got::Object { bytes, etag: found } if found != *etag => return Ok((bytes, found)),
                Got::Object { .. } => {}
                other => return Err(Broken(format!("an object that was just created reads as {other:?}"))),
            }
            if race.unclear.is_none() {
                refusals += 1;
                if refusals >= REFUSALS {
                    let said = &race.lost;
                    return Err(Broken(format!("it replaces no object on If-Match with its ETag, but says {said:?}")));
                }
                self.store.rephrase(Phrase::Match);
            }
            patience.pause(&race.failure()).await;
        }
    }

    async fn replace_stale(&self, name: &str, etag: &ETag) -> Result<(), Broken> {
        let condition = Condition::Match(etag.clone());
        let mut patience = Patience::silent_at_first();
        loop {
            match bounded(self.store.put(name, Bytes::from_static(b"stale"), &condition)).await {
                Ok(_) => return Err(Broken("a replacement with an ETag of the past succeeded".into())),
                Err(StoreError::Conflict(_)) => return Ok(()),
                Err(error) => patience.pause(&error).await,
            }
        }
    }

    async fn replace_absent(&self) -> Result<(), Broken> {
        let condition = Condition::Match(ETag("d41d8cd98f00b204e9800998ecf8427e".into()));
        let mut patience = Patience::silent_at_first();
        loop {
            match bounded(self.store.put(&self.fresh(), Bytes::from_static(b"absent"), &condition)).await {
                Ok(_) => return Err(Broken("an object that was not there was created on If-Match".into())),
                Err(StoreError::Conflict(_)) => return Ok(()),
                Err(error) => patience.pause(&error).await,
            }
        }
    }

    /// Reads an object as one who has its present version, and as one who has the version before.
    async fn read(&self, name: &str, before: &ETag, content: &Bytes, present: &ETag) -> Result<(), Broken> {
        for _ in 0..REFUSALS {
            let read = |known| Patience::silent_at_first().until_answered(move || self.store.get(name, Some(known)));
            let (with_present, with_past) = join(read(present), read(before)).await;
            if with_present == Got::Unchanged {
                return match with_past {
                    Got::Object { bytes, etag } if bytes == *content && etag == *present => Ok(()),
                    other => Err(Broken(format!("a read that names a version of the past is answered with {other:?}"))),
                };
            }
            self.store.rephrase(Phrase::NoneMatch);
        }
        Err(Broken("a read that names the present version in If-None-Match is not answered with a 304".into()))
    }

    /// Puts that all rest on the same condition, at the same time.
    async fn race(&self, name: &str, entrants: usize, condition: &Condition) -> Race {
        let puts = (0..entrants).map(|entrant| async move {
            let bytes = Bytes::from(format!("{} {entrant} {condition:?}\n", self.id));
            (bytes.clone(), bounded(self.store.put(name, bytes, condition)).await)
        });
        let mut race = Race { won: Vec::new(), lost: Vec::new(), unclear: None };
        for (bytes, result) in join_all(puts).await {
            match result {
                Ok(etag) => race.won.push((bytes, etag)),
                Err(StoreError::Conflict(why)) => race.lost.push(why),
                Err(error) => race.unclear = Some(error),
            }
        }
        race
    }

    fn fresh(&self) -> String {
        self.name(self.objects.fetch_add(1, Ordering::Relaxed))
    }

    fn name(&self, number: u32) -> String {
        format!("{PREFIX}{}-{number}", self.id)
    }
}

impl Race {
    fn failure(self) -> StoreError {
        self.unclear.unwrap_or_else(|| StoreError::Conflict(format!("nobody won a race: {:?}", self.lost)))
    }
}
