//! The index of `recent`: the newest row of each name that some entry there has.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hasher};

use bytes::Bytes;

use crate::root::Entry;
use crate::row::{Mention, Row, Table};
use crate::run::Salt;
use crate::zoo::planted;

impl BuildHasher for Salt {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u128(self.0);
        hasher
    }
}

/// Hashes the ids of tables. Servers make the ids, so nobody can choose ids that all land in one place, and a
/// multiplication is enough. It takes a tenth of the time, and every look at a row needs it.
#[derive(Clone, Copy, Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number.cast_unsigned() as u64);
    }

    fn finish(&self) -> u64 {
        // The table takes its places from the low bits, and the multiplication has mixed the high ones.
        self.0.rotate_left(26)
    }
}

/// The rows of one table.
type TableRows = HashMap<Bytes, Newer, Salt>;

/// The newest row of a name, and the generation that wrote it.
#[derive(Clone, Debug)]
pub struct Newer {
    generation: u64,
    row: Option<Row>,
}

/// Newest rows by table and name.
#[derive(Clone, Debug)]
pub struct Newest {
    salt: Salt,
    tables: HashMap<Table, TableRows, BuildHasherDefault<IdHasher>>,
}

impl Newest {
    /// No rows.
    pub fn new(salt: Salt) -> Newest {
        Newest { salt, tables: HashMap::default() }
    }

    /// What the entries say of a name.
    pub fn get(&self, table: Table, name: &[u8]) -> Mention {
        let newer = self.tables.get(&table).and_then(|rows| rows.get(name));
        newer.map_or(Mention::Nothing, |newer| newer.row.clone().into())
    }

    /// What the entries say of a table.
    pub fn table(&self, table: Table) -> Option<&TableRows> {
        self.tables.get(&table)
    }

    /// Shows what the entries say of a table, without the removals and in no particular order.
    pub fn visit(&self, table: Table, mut see: impl FnMut(&Bytes, &Row)) {
        for (name, newer) in self.tables.get(&table).into_iter().flatten() {
            newer.row.iter().for_each(|row| see(name, row));
        }
    }

    /// What the entries say of a table, in the order of the names.
    pub fn rows(&self, table: Table) -> Vec<(Bytes, Option<Row>)> {
        let Some(rows) = self.tables.get(&table) else { return Vec::new() };
        let mut all: Vec<_> = rows.iter().map(|(name, newer)| (name.clone(), newer.row.clone())).collect();
        all.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// Everything that the entries say, in the order of tables and names.
    pub fn all(&self) -> Vec<(Table, Bytes, Option<Row>)> {
        let mut tables: Vec<Table> = self.tables.keys().copied().collect();
        tables.sort_unstable();
        let rows = tables
            .into_iter()
            .flat_map(|table| self.rows(table).into_iter().map(move |(name, row)| (table, name, row)));
        rows.collect()
    }

    /// Lays a row of a generation over the others. Returns what they have said of the name.
    pub fn put(&mut self, generation: u64, table: Table, name: &Bytes, row: Option<Row>) -> Mention {
        let salt = self.salt;
        let rows = self.tables.entry(table).or_insert_with(|| HashMap::with_hasher(salt));
        let before = rows.insert(name.clone(), Newer { generation, row });
        before.map_or(Mention::Nothing, |newer| newer.row.into())
    }

    /// Forgets what an entry said, where no later one has said something else. The entry is now part of a run.
    pub fn forget(&mut self, entry: &Entry) {
        for (table, name, _) in entry.all_rows() {
            let Some(rows) = self.tables.get_mut(&table) else { continue };
            let is_newest = |newer: &Newer| newer.generation <= entry.generation() || planted!("fold-undoes-newer");
            if rows.get(&name[..]).is_some_and(is_newest) {
                rows.remove(&name[..]);
            }
            if rows.is_empty() {
                self.tables.remove(&table);
            }
        }
    }
}
