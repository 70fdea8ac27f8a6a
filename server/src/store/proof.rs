//! A test of whether a store keeps the promises of [`Store`], before a server trusts it with a database.
//!
//! Several stores that call themselves S3 ignore conditions, or check them without a lock, and lose writes. The protocol of
//! the commits is worth nothing on such a store. So every server tries the conditions at its start, on objects of its own:
//!
//! | round trip | asked | expected |
//! |---|---|---|
//! | 1 | several simultaneous creations of one object | exactly one succeeds |
//! | 2 | two simultaneous replacements of it, both with its ETag | exactly one succeeds |
//! | 3 | a replacement with the ETag that it had before | refused |
//! | 3 | a replacement of an absent object | refused |
//! | 3 | a read that names its present version | not modified |
//! | 3 | a read that names the version before | brings the present one |
//!
//! An unclear answer proves nothing, so the proof asks again: on a fresh object if the unclear request may still come and
//! disturb. A read that brings the body of one version with the ETag of another is unclear, too: a store tears such answers
//! while it replaces an object, and the S3 store cannot tell yet where ETags are no MD5s, because the first objects have
//! no checksums. The proof can, because it knows the bodies. A verdict against a store rests on clear answers alone. A
//! verdict for a store is weaker: one that checks without a lock may be lucky three times.
//!
//! The answers to the first puts also teach the S3 store whether ETags are the MD5s of the bodies, on which its reads
//! rely from then on (`s3::seal`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join_all};
use tokio::time::timeout;

use super::patience::{Patience, bounded};
use super::{Condition, ETag, Got, Phrase, Store, StoreError};

/// How the names of the objects of a proof begin.
pub const PREFIX: &str = "proof-";

/// How many creations run at the same time. The more there are, the likelier two of them meet in a store that checks
/// without a lock.
const CREATIONS: usize = 3;

/// How often a store may refuse a request that it has to grant. S3 may answer a race with "try again", and there are four
/// ways to write two conditions.
const REFUSALS: u32 = 8;

/// How long the clean-up may take. It leaves a few bytes at worst, which nobody reads.
const CLEAN_UP: Duration = Duration::from_secs(10);

/// The store breaks a promise. The text says what showed it: answers that contradict a promise, none of them an error.
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

/// A version of an object.
type Version = (Bytes, ETag);

/// The answer to a read has the body of one version and the ETag of another.
fn torn(name: &str) -> StoreError {
    StoreError::Unclear(format!("a read of {name} brings the body of one version and the ETag of another").into())
}

/// The outcome of several simultaneous puts.
struct Race {
    won: Vec<Version>,
    /// The clear refusals.
    lost: Vec<String>,
    unclear: Option<StoreError>,
}

impl<S: Store> Proof<S> {
    /// A proof of this store. The names of its objects contain the id, which must be new each time.
    pub fn new(store: Arc<S>, id: impl ToString) -> Proof<S> {
        Proof { store, id: id.to_string(), objects: AtomicU32::new(0) }
    }

    /// Comes to a verdict. Waits for the store for as long as it takes.
    pub async fn run(&self) -> Result<(), Broken> {
        let (name, first) = self.create().await?;
        let second = self.replace(&name, &first).await?;
        let stale = self.replace_stale(&name, &first.1);
        let absent = self.replace_absent();
        let ((stale, absent), read) = join(join(stale, absent), self.read(&name, &first, &second)).await;
        // The reads may notice what a write has broken; the verdict should name the write.
        stale?;
        absent?;
        read
    }

    /// Removes the objects of the proof, as far as that works.
    pub async fn clean_up(&self) {
        let names: Vec<String> = (0..self.objects.load(Ordering::Relaxed)).map(|number| self.name(number)).collect();
        if timeout(CLEAN_UP, Patience::default().until_answered(|| self.store.delete(&names))).await.is_err() {
            tracing::warn!("some objects that begin with {} are left over", self.store.locate(PREFIX));
        }
    }

    async fn create(&self) -> Result<(String, Version), Broken> {
        let (mut patience, mut refusals) = (Patience::default(), 0);
        loop {
            let name = self.fresh();
            let race = self.race(&name, CREATIONS, &Condition::Absent).await;
            match &race.won[..] {
                [created] => return Ok((name, created.clone())),
                [] => {}
                several => {
                    let count = several.len();
                    return Err(Broken(format!("{count} simultaneous creations of one object all succeeded")));
                }
            }
            // The winner's answer may have been lost, or a proxy may have sent the request twice and turned the answer into
            // a conflict. Then the object itself tells.
            // Before any put was answered, the S3 store believes no read whose ETag is no MD5. Another creation helps then.
            if !race.lost.is_empty() {
                match bounded(self.store.get(&name, None)).await {
                    Ok(Got::Object { bytes, etag }) => return Ok((name, (bytes, etag))),
                    Ok(_) => {}
                    Err(error) => {
                        patience.pause(&error).await;
                        continue;
                    }
                }
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

    /// Replaces this version of the object, and returns the next one.
    async fn replace(&self, name: &str, (content, etag): &Version) -> Result<Version, Broken> {
        let (mut patience, mut refusals) = (Patience::default(), 0);
        loop {
            let mut race = self.race(name, 2, &Condition::Match(etag.clone())).await;
            if race.won.len() > 1 {
                return Err(Broken("two simultaneous replacements of one version both succeeded".into()));
            }
            if let Some(winner) = race.won.pop() {
                return Ok(winner);
            }
            // An answer may have been lost, or a success may have turned into a conflict.
            match Patience::default().until_answered(|| self.store.get(name, None)).await {
                Got::Object { bytes, etag: found } if found != *etag => return Ok((bytes, found)),
                // The next version with the ETag of this one. A replacement has landed, so the refusals were right.
                Got::Object { bytes, .. } if bytes != *content => {
                    patience.pause(&torn(name)).await;
                    continue;
                }
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
        let mut patience = Patience::default();
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
        let mut patience = Patience::default();
        loop {
            match bounded(self.store.put(&self.fresh(), Bytes::from_static(b"absent"), &condition)).await {
                Ok(_) => return Err(Broken("an object that did not exist was created on If-Match".into())),
                Err(StoreError::Conflict(_)) => return Ok(()),
                Err(error) => patience.pause(&error).await,
            }
        }
    }

    /// Reads an object with its present version in If-None-Match, and with the version before.
    async fn read(&self, name: &str, (old, before): &Version, (content, present): &Version) -> Result<(), Broken> {
        let (mut patience, mut refusals) = (Patience::default(), 0);
        while refusals < REFUSALS {
            let read = |known| Patience::default().until_answered(move || self.store.get(name, Some(known)));
            let (with_present, with_past) = join(read(present), read(before)).await;
            let is_torn = |got: &Got| match got {
                Got::Object { bytes, etag } => bytes == old && etag == present || bytes == content && etag == before,
                Got::Unchanged | Got::Absent => false,
            };
            if is_torn(&with_present) || is_torn(&with_past) {
                patience.pause(&torn(name)).await;
                continue;
            }
            if with_present == Got::Unchanged {
                return match with_past {
                    Got::Object { bytes, etag } if bytes == *content && etag == *present => Ok(()),
                    other => Err(Broken(format!("a read that names a version of the past is answered with {other:?}"))),
                };
            }
            refusals += 1;
            self.store.rephrase(Phrase::NoneMatch);
        }
        Err(Broken("a read that names the present version in If-None-Match is not answered with a 304".into()))
    }

    /// Puts that rest on the same condition, all at the same time.
    async fn race(&self, name: &str, entrants: usize, condition: &Condition) -> Race {
        let puts = (0..entrants).map(|entrant| async move {
            let bytes = Bytes::from(format!("{} {entrant} {condition:?}\n", self.id));
            (bytes.clone(), bounded(self.store.put(name, bytes, condition)).await)
        });
        let mut race = Race { won: Vec::new(), lost: Vec::new(), unclear: None };
        for (bytes, result) in join_all(puts).await {
            match result {
                Ok(etag) => race.won.push((bytes, etag)),
                Err(StoreError::Conflict(why)) => race.lost.push(why.to_string()),
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
        self.unclear.unwrap_or_else(|| StoreError::Conflict(format!("nobody won a race: {:?}", self.lost).into()))
    }
}
