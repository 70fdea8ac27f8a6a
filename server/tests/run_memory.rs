//! What a layer takes beyond names and values.

use bytes::Bytes;
use valthree::row::{Made, Row, Table};
use valthree::run::{Building, Salt};

/// The most that a row may take beyond its name and its value, in bytes: its kind, two lengths, and its part of the index.
const MOST: f64 = 9.2;

/// A table takes 16 bytes: a third of that for each row of a small hash.
const MOST_OF_SMALL: f64 = MOST + 16.0 / 3.0;

/// The bytes that a row takes beyond name and value, of rows that a decoder or a fold adds, which know how many.
fn overhead(what: &str, rows: usize, row: impl Fn(usize) -> (Table, String)) -> f64 {
    let value = Row::Value(Bytes::from_static(b"a value of 21 letters"));
    let content = 21 + row(rows - 1).1.len();
    let mut building = Building::new(Salt(7), rows * (content + 3), rows);
    for number in 0..rows {
        let (table, name) = row(number);
        building.push(table, name.as_bytes(), Some(&value));
    }
    let layer = building.done();
    let beyond = layer.memory() - (rows * content) as u64;
    let each = beyond as f64 / rows as f64;
    println!("{what}: {each:.1} bytes per row beyond name and value");
    each
}

#[test]
fn a_row_takes_few_bytes_beyond_its_name_and_its_value() {
    let (keys, made) = (Table::Keys(Made::first(0)), |generation| Made { generation, ordinal: 0 });
    // So many rows that a table which doubles has just doubled.
    let strings = overhead("120,000 strings", 120_000, |number| (keys, format!("key:{number:07}")));
    let fields = overhead("120,000 fields of one hash", 120_000, |number| {
        (Table::Elements(made(7)), format!("field:{number:07}"))
    });
    let small = overhead("40,000 hashes of 3 fields", 120_000, |number| {
        (Table::Elements(made(number as u64 / 3)), format!("field{}", number % 3))
    });
    assert!(strings < MOST && fields < MOST && small < MOST_OF_SMALL, "{strings} {fields} {small}");
}
