//! The only seam: a few objects, and conditional replacement of one.
//!
//! Everything above this line asks for compare-and-swap and nothing else, so a store is whatever can do that
//! honestly. What a failure means to the caller is part of the contract, because the caller must decide whether a
//! write may still land.

pub mod directory;
pub mod memory;
pub mod patience;
pub mod proof;
pub mod s3;

use std::future::Future;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// Names a version of an object. Equal tags mean equal bytes; kept without quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(pub String);

impl ETag {
    /// A tag made of the content alone, as S3's are. The database never stores the same bytes twice (see `root`), so
    /// an equal tag does mean that nothing happened in between.
    pub fn of(bytes: &[u8]) -> ETag {
        use std::fmt::Write as _;
        Sha256::digest(bytes).iter().fold(ETag(String::with_capacity(64)), |mut tag, byte| {
            let _ = write!(tag.0, "{byte:02x}"); // a String takes whatever is written to it
            tag
        })
    }
}

/// What has to be true of the object at the moment it is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `If-Match`: it still is this version.
    Match(ETag),
    /// `If-None-Match: *`: there is none.
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

/// The answer of a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// The object as it was at some moment between asking and answering.
    Object {
        /// Its content.
        bytes: Bytes,
        /// Its version.
        etag: ETag,
    },
    /// It still was the version that the caller named.
    Unchanged,
    /// There was none.
    Absent,
}

/// Why a store did not do what it was asked, sorted by what the caller may conclude.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The condition did not hold. From one attempt alone this proves little: an intermediary may have sent it twice.
    #[error("conflict: {0}")]
    Conflict(String),
    /// Nothing was sent, or it was refused before it could have had an effect, and never will have one.
    #[error("did not happen: {0}")]
    DidNotHappen(String),
    /// It may have happened, and may yet.
    #[error("unclear: {0}")]
    Unclear(String),
    /// What stands in the object's place is no object, here in words that follow its name. Only from reads; and to try
    /// again is of no use before somebody has mended it.
    #[error("obstructed: what stands in the object's place {0}")]
    Obstructed(String),
}

impl StoreError {
    /// What happened, whatever may be concluded from it.
    pub fn why(&self) -> &str {
        match self {
            StoreError::Conflict(why)
            | StoreError::DidNotHappen(why)
            | StoreError::Unclear(why)
            | StoreError::Obstructed(why) => why,
        }
    }
}

/// A place that keeps objects by name and replaces them conditionally.
///
/// Contract: `put` is atomic and, once it answered `Ok`, durable; its condition is evaluated at the moment of
/// replacement. A version that `get` returned is durable too, even if whoever wrote it has not been answered yet.
/// Dropping a future leaves the operation's fate unclear and nothing else. A store does not retry a `put`.
pub trait Store: Send + Sync + 'static {
    /// Reads an object, unless it still is the version `known`.
    fn get(&self, name: &str, known: Option<&ETag>) -> impl Future<Output = Result<Got, StoreError>> + Send;

    /// Replaces or creates an object if the condition holds, and names the new version.
    fn put(
        &self,
        name: &str,
        bytes: Bytes,
        condition: &Condition,
    ) -> impl Future<Output = Result<ETag, StoreError>> + Send;

    /// The names that begin with `prefix`, sorted.
    fn list(&self, prefix: &str) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;

    /// Removes an object, whatever its version; that there is none is success. Once it answered, the object stays away.
    fn delete(&self, name: &str) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Puts a condition to the store in another form from now on, if there is one: a right condition has been taken
    /// for a wrong one.
    fn rephrase(&self, _: Phrase) {}

    /// Says where an object is, in words that an operator can follow.
    fn locate(&self, name: &str) -> String;
}
