//! What WATCH notes of a key, and why a transaction may be refused because of it.

use bytes::Bytes;

/// A key as WATCH has found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The number of the database.
    pub database: usize,
    /// The key.
    pub key: Bytes,
    /// The generation of the stored version that WATCH has looked at.
    pub generation: u64,
    /// When the key ends, or the first of its fields, in milliseconds since 1970. None if nothing of it ends, or if it did
    /// not exist.
    pub until: Option<u64>,
}

/// Why a transaction is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// The key was touched.
    Touched,
    /// The key has ended, or a field of it.
    Ended,
    /// The number maps to another database. The key may have been untouched.
    Remapped,
    /// The server does not remember so many generations. The key may have been untouched.
    Forgotten,
}
