//! The index of `recent`: the newest row of each name that some entry there has.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hasher};

use bytes::Bytes;
use hashbrown::{HashTable, hash_table};

use crate::root::{Entry, Placed};
use crate::row::{Mention, Row, Table};
use crate::run::Salt;

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

/// The rows of one table, by the hashes of their names.
type TableRows = HashTable<Newer>;

/// The newest row of a name, and the generation that wrote it.
#[derive(Clone, Debug)]
struct Newer {
    /// See [`Salt::hash`].
    hash: u64,
    name: Bytes,
    generation: u64,
    /// No entry of an earlier generation that is still in the log says anything of the name.
    first: u64,
    row: Option<Row>,
    /// What the runs say of the name, if that is known. It is for rows that count.
    under: Mention,
}

/// The rows in the order of their names. It compares eight bytes of each first, behind what all names begin with: they stand
/// together, and the names do not.
fn in_order(rows: Vec<&Newer>) -> Vec<&Newer> {
    let shared = rows.iter().skip(1).fold(rows.first().map_or(0, |first| first.name.len()), |shared, newer| {
        let alike = newer.name.iter().zip(&rows[0].name).take(shared);
        alike.take_while(|(one, other)| one == other).count()
    });
    let mut keyed: Vec<(u64, &Newer)> = rows.into_iter().map(|newer| (leading(&newer.name[shared..]), newer)).collect();
    keyed.sort_unstable_by(|one, other| one.0.cmp(&other.0).then_with(|| one.1.name.cmp(&other.1.name)));
    keyed.into_iter().map(|(_, newer)| newer).collect()
}

/// The first eight bytes as a number, with zeros behind a shorter name.
fn leading(name: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let length = name.len().min(8);
    bytes[..length].copy_from_slice(&name[..length]);
    u64::from_be_bytes(bytes)
}

/// Newest rows by table and name.
#[derive(Clone, Debug, Default)]
pub struct Newest {
    tables: HashMap<Table, TableRows, BuildHasherDefault<IdHasher>>,
}

impl Newest {
    /// What the entries say of a name with this hash.
    pub fn get(&self, hash: u64, table: Table, name: &[u8]) -> Mention {
        let newer = self.tables.get(&table).and_then(|rows| rows.find(hash, |newer| newer.name == name));
        newer.map_or(Mention::Nothing, |newer| newer.row.clone().into())
    }

    /// Whether the entries say anything of a name with this hash.
    pub fn says(&self, hash: u64, table: Table, name: &[u8]) -> bool {
        self.tables.get(&table).is_some_and(|rows| rows.find(hash, |newer| newer.name == name).is_some())
    }

    /// How many names of a table the entries say something of.
    pub fn count(&self, table: Table) -> usize {
        self.tables.get(&table).map_or(0, HashTable::len)
    }

    /// Shows what the entries say of a table, without the removals and in no particular order.
    pub fn visit(&self, table: Table, mut see: impl FnMut(&Bytes, &Row)) {
        for Newer { name, row, .. } in self.tables.get(&table).into_iter().flatten() {
            row.iter().for_each(|row| see(name, row));
        }
    }

    /// What the entries say of a table, in the order of the names.
    pub fn rows(&self, table: Table) -> Vec<(Bytes, Option<Row>)> {
        let Some(rows) = self.tables.get(&table) else { return Vec::new() };
        let mut all: Vec<_> = rows.iter().map(|newer| (newer.name.clone(), newer.row.clone())).collect();
        all.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// Everything that the entries say, in the order of tables and names, and what the runs say of each name, as far as
    /// that is known.
    pub fn all(&self) -> Vec<(Placed, Mention)> {
        let mut tables: Vec<_> = self.tables.iter().collect();
        tables.sort_unstable_by_key(|(table, _)| **table);
        let mut all = Vec::with_capacity(tables.iter().map(|(_, rows)| rows.len()).sum());
        for (table, rows) in tables {
            let rows: Vec<&Newer> = rows.iter().collect();
            all.extend(in_order(rows).into_iter().map(|newer| {
                let Newer { name, row, under, .. } = newer;
                ((*table, name.clone(), row.clone()), under.clone())
            }));
        }
        all
    }

    /// Lays a row of a generation over the others. Returns what they have said of the name, and the place for what the runs
    /// say of it.
    pub fn put(
        &mut self,
        generation: u64,
        hash: u64,
        table: Table,
        name: &Bytes,
        row: Option<Row>,
    ) -> (Mention, &mut Mention) {
        let rows = self.tables.entry(table).or_default();
        match rows.entry(hash, |newer| newer.name == *name, |newer| newer.hash) {
            hash_table::Entry::Occupied(place) => {
                let newer = place.into_mut();
                // The old name would keep the whole JSON of the entry that it came with, for as long as the key is written.
                newer.name = name.clone();
                newer.generation = generation;
                (std::mem::replace(&mut newer.row, row).into(), &mut newer.under)
            }
            hash_table::Entry::Vacant(place) => {
                let newer =
                    Newer { hash, name: name.clone(), generation, first: generation, row, under: Mention::Nothing };
                (Mention::Nothing, &mut place.insert(newer).into_mut().under)
            }
        }
    }

    /// Forgets what the runs say. Rows that they share would keep the memory of layers that are merged.
    pub fn forget_runs(&mut self) {
        self.tables.values_mut().flat_map(HashTable::iter_mut).for_each(|newer| newer.under = Mention::Nothing);
    }

    /// Forgets what the entries up to this generation said, where no later one has said something else. They are now part of a
    /// run. Few rows are left then, so it walks over all: to look for those that go would take longer.
    pub fn forget(&mut self, covered: u64) {
        self.tables.retain(|_, rows| {
            rows.retain(|newer| {
                if newer.first <= covered {
                    // The run that the fold has added says something else of the name.
                    (newer.first, newer.under) = (covered + 1, Mention::Nothing);
                }
                newer.generation > covered
            });
            !rows.is_empty()
        });
    }

    /// Takes what one entry says for what the entries up to its generation have said. Where a later one has said something
    /// else, that stays.
    pub fn squash(&mut self, salt: Salt, entry: &Entry) {
        self.forget(entry.generation());
        for (table, name, row) in entry.all_rows() {
            let hash = salt.hash(table, name);
            let rows = self.tables.entry(table).or_default();
            if rows.find(hash, |newer| newer.name == *name).is_none() {
                let (generation, name, row) = (entry.generation(), name.clone(), row.cloned());
                let newer = Newer { hash, name, generation, first: generation, row, under: Mention::Nothing };
                rows.insert_unique(hash, newer, |newer| newer.hash);
            }
        }
    }

    /// `fold-undoes-newer`: forgets these names, whoever wrote them last.
    #[cfg(feature = "bug-zoo")]
    pub(crate) fn forget_names(&mut self, entry: &Entry) {
        for (table, name, _) in entry.all_rows() {
            self.tables.entry(table).or_default().retain(|newer| newer.name != *name);
        }
        self.tables.retain(|_, rows| !rows.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Made;

    #[test]
    fn a_row_that_is_written_again_keeps_nothing_of_the_first_entry() {
        let table = Table::Keys(Made::first(0));
        let entry = |text: &'static [u8]| Bytes::from(text.to_vec());
        let (first, second) = (entry(b"\"key\":\"old\""), entry(b"\"key\":\"new\""));
        let mut newest = Newest::default();
        for (generation, json) in [(1, &first), (2, &second)] {
            newest.put(generation, 9, table, &json.slice(1..4), Some(Row::Value(json.slice(7..10))));
        }
        assert_eq!(newest.get(9, table, b"key"), Mention::Row(Row::Value("new".into())));
        assert!(first.is_unique() && !second.is_unique());
    }

    #[test]
    fn rows_stand_in_the_order_of_their_names() {
        let names: [&[u8]; 13] = [
            b"",
            b"key",
            b"key:",
            b"key:\0",
            b"key:\0\0",
            b"key:1",
            b"key:12345678",
            b"key:123456789",
            b"key:12345679",
            b"kez",
            b"\xff",
            b"\xff\0",
            b"\xff\xff",
        ];
        for from in 0..names.len() {
            for to in from..=names.len() {
                let mut newest = Newest::default();
                let table = Table::Keys(Made { generation: 0, ordinal: 0 });
                for (hash, name) in (0..).zip(names[from..to].iter().rev()) {
                    newest.put(1, hash, table, &Bytes::from_static(name), None);
                }
                let all = newest.all();
                assert!(
                    all.iter().map(|((_, name, _), _)| &name[..]).eq(names[from..to].iter().copied()),
                    "{from} {to}"
                );
            }
        }
    }
}
