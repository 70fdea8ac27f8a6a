//! The store of a schedule.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::root::{Placed, Root};
use crate::run::Name;
use crate::store::{Condition, ETag, Got, StoreError};

/// `db.json` as the store has it, and every version that it ever was.
#[derive(Default)]
pub struct Stored {
    pub versions: Vec<(Bytes, ETag)>,
    /// The runs that were stored, named or not.
    pub runs: BTreeMap<Name, Vec<Placed>>,
}

impl Stored {
    pub fn current(&self) -> Option<&(Bytes, ETag)> {
        self.versions.last()
    }

    pub fn put(&mut self, bytes: &Bytes, condition: &Condition) -> Result<ETag, StoreError> {
        let holds = match (condition, self.current()) {
            (Condition::Absent, None) => true,
            (Condition::Match(etag), Some((_, current))) => etag == current,
            (Condition::Absent, Some(_)) | (Condition::Match(_), None) => false,
        };
        if !holds {
            return Err(StoreError::Conflict("412".into()));
        }
        let etag = ETag::of(bytes);
        self.versions.push((bytes.clone(), etag.clone()));
        Ok(etag)
    }

    /// Reads a version, with the runs that its entries name.
    pub fn read(&self, root: Root) -> Root {
        let named: Vec<Name> = root.recent.iter().filter_map(|entry| Some(entry.missing()?.name)).collect();
        named.into_iter().fold(root, |mut root, name| {
            root.attach(name, self.runs.get(&name).expect("a version names only what is stored"));
            root
        })
    }

    pub fn get(&self, known: Option<&ETag>) -> Got {
        match self.current() {
            None => Got::Absent,
            Some((_, etag)) if Some(etag) == known => Got::Unchanged,
            Some((bytes, etag)) => Got::Object { bytes: bytes.clone(), etag: etag.clone() },
        }
    }
}
