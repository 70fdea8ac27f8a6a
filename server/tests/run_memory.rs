//! What a layer takes beyond names and values.

use bytes::Bytes;
use valthree::row::{Made, Row, Table};
use valthree::run::{Building, Salt};

/// The most that a row may take beyond its name and its value, in bytes.
const MOST: u64 = 25;

/// The bytes that a row takes beyond name and value, of rows that a decoder or a fold adds, which know how many.
fn overhead(what: &str, rows: usize, row: impl Fn(usize) -> (Table, String)) -> u64 {
    let value = Row::Value(Bytes::from_static(b"a value of 21 letters"));
    let content = 21 + row(rows - 1).1.len();
    let mut building = Building::new(Salt(7), rows * (content + 3), rows);
    for number in 0..rows {
        let (table, name) = row(number);
        building.push(table, name.as_bytes(), Some(&value));
    }
    let layer = building.done();
    let beyond = layer.memory() - (rows * content) as u64;
    println!("{what}: {:.1} bytes per row beyond name and value", beyond as f64 / rows as f64);
    beyond / rows as u64
}

#[test]
fn a_row_takes_few_bytes_beyond_its_name_and_its_value() {
    let (keys, made) = (Table::Keys(Made::first(0)), |generation| Made { generation, ordinal: 0 });
    // So many rows that the table of places has just doubled. With 1,000,000 rows the numbers are the same.
    let strings = overhead("120,000 strings", 120_000, |number| (keys, format!("key:{number:07}")));
    let fields = overhead("120,000 fields of one hash", 120_000, |number| {
        (Table::Elements(made(7)), format!("field:{number:07}"))
    });
    let small = overhead("40,000 hashes of 3 fields", 120_000, |number| {
        (Table::Elements(made(number as u64 / 3)), format!("field{}", number % 3))
    });
    assert!([strings, fields, small].iter().all(|overhead| *overhead <= MOST));
}
