//! What is under way between servers and store.

use std::sync::Arc;

use bytes::Bytes;

use crate::commit::freshness::Check;
use crate::root::{Entry, Root};
use crate::run::{Layer, Name};
use crate::state::{Deriving, Runs};
use crate::store::{Condition, ETag, Got, StoreError};
use crate::upkeep::Uploaded;

/// A message under way.
pub enum Message {
    Put { commit: u64, bytes: Bytes, condition: Condition },
    PutAnswer { commit: u64, result: Result<ETag, StoreError> },
    Get { check: Check },
    GetAnswer { check: Check, got: Got },
    Upload { commit: u64, name: Name, layer: Arc<Layer> },
    Uploaded { commit: u64, uploaded: Option<Uploaded> },
    Fetch { root: Box<Root>, known: Runs },
    Fetched { root: Box<Root>, known: Runs },
    Derive { work: Box<Deriving> },
    Squash { entry: Arc<Entry> },
}

/// A message, the server that it concerns, and that server's life: a crash ends it.
pub struct Mail {
    pub server: usize,
    pub life: u64,
    pub message: Message,
}
