//! Mistakes of `script`. They remember texts beside the database, as a server would that trusts a cache of its own.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

fn remembered() -> MutexGuard<'static, BTreeMap<Bytes, Bytes>> {
    static TEXTS: Mutex<BTreeMap<Bytes, Bytes>> = Mutex::new(BTreeMap::new());
    TEXTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `flushed-script-runs`: finds a script that the database does not have any more.
pub(crate) fn find_or_recall(name: &Bytes, found: Option<Bytes>) -> Option<Bytes> {
    let mut texts = remembered();
    if let Some(text) = found {
        texts.insert(name.clone(), text);
    }
    texts.get(name).cloned()
}

/// `replaced-library-still-runs`: the first text of a library that was called counts for ever.
pub(crate) fn first_text(name: &Bytes, text: Bytes) -> Bytes {
    remembered().entry(name.clone()).or_insert(text).clone()
}
