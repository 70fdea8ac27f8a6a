//! Hashes of rows in memory.

use std::hash::{DefaultHasher, Hasher as _};

use crate::row::Table;

/// What rows are hashed with. Somebody who does not know it can't choose names that all land in one place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Salt(pub u128);

impl Salt {
    /// Where a row is looked for. Every GET hashes its key, so the table costs nothing here: it fits into the bits of the
    /// salt, and each table has bits of its own.
    pub fn hash(self, table: Table, name: &[u8]) -> u64 {
        let (kind, id) = match table {
            Table::Keys(id) => (0, id),
            Table::Elements(id) => (1, id),
        };
        let bits = u128::from(id.generation) << 64 | u128::from(id.ordinal) << 1 | kind;
        let mut hasher = DefaultHasher::new();
        hasher.write_u128(self.0 ^ bits);
        hasher.write(name);
        hasher.finish()
    }
}
