//! Where the database is kept: a few objects with names, each of which can be replaced on a condition.
//!
//! The rest of the server asks for compare-and-swap and nothing else, so any service with an honest compare-and-swap can
//! be a store. The contract says what a failure means, because the caller must decide whether a write may still land.
//!
//! | module | holds |
//! |---|---|
//! | [`s3`], [`directory`], [`memory`] | the stores: a bucket, a folder, and one for tests |
//! | [`proof`] | the test that a store has to pass when a server starts |
//! | [`watched`], [`health`] | the record of the store's failures |
//! | [`error`] | failures, sorted by what the caller does next |
//! | [`patience`] | how to wait for a store that is not up yet |

pub mod directory;
pub mod error;
pub mod health;
pub mod memory;
pub mod patience;
pub mod proof;
pub mod s3;
pub mod watched;

use std::future::Future;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

pub use self::error::{Reason, StoreError};
pub use self::health::Health;

/// Names a version of an object, without quotes. Equal tags mean equal bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(pub String);

impl ETag {
    /// A tag that depends on the content alone, as in S3. The database never stores the same bytes twice (see `root`),
    /// so an equal tag means that nothing happened in between.
    pub fn of(bytes: &[u8]) -> ETag {
        use std::fmt::Write as _;
        Sha256::digest(bytes).iter().fold(ETag(String::with_capacity(64)), |mut tag, byte| {
            let _ = write!(tag.0, "{byte:02x}"); // writing to a String cannot fail
            tag
        })
    }
}

/// What must hold of the object at the moment at which it is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `If-Match`: the object still is this version.
    Match(ETag),
    /// `If-None-Match: *`: there is no such object.
    Absent,
}

/// The two conditions that name a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phrase {
    /// `If-Match`, on a put.
    Match,
    /// `If-None-Match`, on a get.
    NoneMatch,
}

/// The answer to a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// The object as it was at some moment between the request and the answer.
    Object {
        /// Its content.
        bytes: Bytes,
        /// Its version.
        etag: ETag,
    },
    /// The object was still the version that the caller named.
    Unchanged,
    /// There was no such object.
    Absent,
}

/// What an answer tells about the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dated {
    /// The store's clock when it answered, in seconds since the beginning of 1970.
    pub date: u64,
    /// How old a cache says the answer is, in seconds.
    pub age: u64,
    /// When the request was sent.
    pub sent: Instant,
    /// When the head of the answer was received.
    pub received: Instant,
}

/// Keeps objects by name and replaces them conditionally.
///
/// The contract: `put` is atomic, and durable once it has answered `Ok`. The store evaluates the condition at the moment
/// of the replacement. A version that `get` returned is durable too, even if its writer has not been answered yet. The
/// bytes and the tag that `get` returns belong together. A dropped future leaves the fate of its operation unclear and
/// does no other harm. A store does not retry a `put`.
pub trait Store: Send + Sync + 'static {
    /// Reads an object, unless it still is the version `known`.
    fn get(&self, name: &str, known: Option<&ETag>) -> impl Future<Output = Result<Got, StoreError>> + Send;

    /// Replaces or creates an object if the condition holds, and returns the new version.
    fn put(
        &self,
        name: &str,
        bytes: Bytes,
        condition: &Condition,
    ) -> impl Future<Output = Result<ETag, StoreError>> + Send;

    /// Stores an object that nobody will ever replace, unless it is there. Nobody needs its version, so a store may prove its
    /// body in another way.
    fn create(&self, name: &str, bytes: Bytes) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { self.put(name, bytes, &Condition::Absent).await.map(drop) }
    }

    /// Reads an object that nobody ever replaces. The caller checks its bytes, so the store need not prove that they belong to
    /// their version.
    fn fetch(&self, name: &str) -> impl Future<Output = Result<Got, StoreError>> + Send {
        self.get(name, None)
    }

    /// The names that begin with `prefix`, sorted.
    fn list(&self, prefix: &str) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;

    /// Removes objects, whatever their versions; an absent object is success. Once this has answered `Ok`, they stay away.
    /// After an error, any of them may be gone.
    fn delete(&self, names: &[String]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Writes a condition in another form from now on, if the store has one. The proof calls this when the server behind
    /// the store took a true condition for a false one.
    fn rephrase(&self, _: Phrase) {}

    /// Whether its answers tell the time.
    fn tells_time(&self) -> bool {
        false
    }

    /// What answers have told about the time since this was asked last.
    fn dated(&self) -> Vec<Dated> {
        Vec::new()
    }

    /// How many answers could not be true, so that the store asked again.
    fn rereads(&self) -> u64 {
        0
    }

    /// Says where an object is, in words that an operator can follow.
    fn locate(&self, name: &str) -> String;
}
