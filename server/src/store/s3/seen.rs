//! Which objects this server has seen.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// How many names a server remembers to have seen. A database has a few hundred objects.
const REMEMBERED: usize = 4096;

/// The names of the objects that this server has read or written, and not deleted since.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<BTreeSet<String>>);

impl Seen {
    pub(super) fn note(&self, name: &str) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= REMEMBERED {
            names.clear(); // costs certainty for the absence of some objects, which is asked for less often then
        }
        if !names.contains(name) {
            names.insert(name.to_owned());
        }
    }

    pub(super) fn forget(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }
}
