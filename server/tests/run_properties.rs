//! What holds of the bytes of runs, and of what they become in memory, for any rows.

mod run;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use proptest::{collection::btree_set, collection::vec, prelude::*, sample::Index};
use run::{
    MOMENTS, Rows, SALT, database, decode, decode_side_by_side, encode, get, is_refused, layer, made, mention, rows,
    rows_of, table, text,
};
use valthree::row::{Head, Made, Row, Shape, Table};
use valthree::run::{BLOCK, Layer, Merger, Reach, RowPlace, Work as _};

/// Whether every way to read a layer finds exactly these rows.
fn check(layer: &Layer, rows: &Rows) {
    let mut read = Vec::new();
    let mut place = RowPlace::default();
    while let Some(found) = layer.at(place) {
        read.push(((found.table, found.shared_name()), found.row()));
        place = found.next;
    }
    assert!(read.is_sorted_by(|a, b| a.0 < b.0));
    assert_eq!(&read.into_iter().collect::<Rows>(), rows);
    assert_eq!(&rows_of(layer), rows);
    for ((table, name), row) in rows {
        assert_eq!(get(layer, *table, name), mention(Some(row)));
    }
    let tables: BTreeSet<Table> = rows.keys().map(|(table, _)| *table).collect();
    assert!(layer.tables().eq(tables.iter().copied()));
    for table in tables {
        let of_table = rows.iter().filter(|((other, _), _)| *other == table);
        let of_table: Vec<_> = of_table.map(|((_, name), row)| (name.clone(), row.clone())).collect();
        assert_eq!(layer.rows(table).collect::<Vec<_>>(), of_table);
    }
    assert_eq!(layer.count().rows, rows.len() as u64);
}

proptest! {
    #[test]
    fn every_run_survives_a_round_trip(rows in rows(), absent in (table(), text())) {
        let bytes = encode(layer(&rows));
        let read = decode(bytes.clone()).unwrap();
        check(&read, &rows);
        prop_assert_eq!(get(&read, absent.0, &absent.1), mention(rows.get(&absent)));
        prop_assert_eq!(read.rows(absent.0).count(), rows.keys().filter(|(table, _)| *table == absent.0).count());
        prop_assert_eq!(&read, &layer(&rows));
        prop_assert_eq!(&decode_side_by_side(bytes.clone()).unwrap(), &read);
        prop_assert_eq!(encode(read), bytes, "equal rows have equal bytes");
    }

    #[test]
    fn a_run_with_one_wrong_byte_is_never_read(rows in rows(), at in any::<Index>(), change in 1..=255_u8) {
        let mut bytes = encode(layer(&rows)).to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        prop_assert!(is_refused(bytes));
    }

    #[test]
    fn a_run_that_is_cut_short_or_continued_is_never_read(
        rows in rows(),
        end in any::<Index>(),
        more in vec(any::<u8>(), 1..40),
    ) {
        let bytes = encode(layer(&rows));
        prop_assert!(is_refused(bytes.slice(..end.index(bytes.len()))));
        prop_assert!(is_refused([&bytes[..], &more].concat()));
        let cut = [&bytes[..end.index(bytes.len())], &bytes[end.index(bytes.len()) + 1..]].concat();
        prop_assert!(is_refused(cut));
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in vec(any::<u8>(), 0..400), format in 0..4_u64) {
        let line = match format {
            0 => String::new(),
            1 => format!("{{\"run\":1,\"database\":\"{}\",\"entries\":1,\"length\":9}}\n", database()),
            _ => format!("{{\"run\":{format},\"database\":\"{}\",\"rows\":1,\"length\":9}}\n", database()),
        };
        prop_assert!(is_refused([line.as_bytes(), &bytes].concat()));
    }

    #[test]
    fn a_merge_keeps_what_counts_and_can_still_be_seen(
        parts in vec(rows(), 1..6),
        whole in any::<bool>(),
        databases in btree_set(made(), 0..9),
        collections in btree_set(made(), 0..9),
        now in 0..MOMENTS,
    ) {
        let mut expected = Rows::new();
        parts.iter().for_each(|part| expected.extend(part.clone()));
        expected.retain(|(table, _), row| {
            let is_past = row.as_ref().and_then(Row::end).is_some_and(|end| end <= now);
            if is_past && matches!(table, Table::Keys(_)) {
                *row = None;
            }
            let seen = match table {
                Table::Keys(id) => *id == Made::SYSTEM || databases.contains(id),
                Table::Elements(id) => collections.contains(id),
            };
            seen && (row.is_some() || !whole)
        });
        let layers: Vec<_> = parts.iter().map(|part| Arc::new(layer(part))).collect();
        prop_assert!(Merger::fits(&layers));
        let reach = Reach { databases, collections: Arc::new(collections.into_iter().collect()), now, ..Reach::default() };
        let merged = Merger::new(layers, whole, reach, SALT).finish();
        check(&merged, &expected);
        prop_assert_eq!(merged.count(), layer(&expected).count());
        for (table, name) in parts.iter().flat_map(Rows::keys) {
            prop_assert_eq!(get(&merged, *table, name), mention(expected.get(&(*table, name.clone()))));
        }
    }
}

#[test]
fn no_single_bit_of_a_run_can_change() {
    let mut rows = Rows::new();
    for (table, name) in [(Table::Keys(Made::first(0)), "a"), (Table::Keys(Made::SYSTEM), "b")] {
        rows.insert((table, name.into()), Some(Row::Value("value".into())));
    }
    rows.insert((Table::Elements(Made { generation: 300, ordinal: 1 }), "field".into()), None);
    let bytes = encode(layer(&rows));
    for at in 0..bytes.len() {
        assert!(is_refused(bytes.slice(..at)));
        for bit in 0..8 {
            let mut wrong = bytes.to_vec();
            wrong[at] ^= 1 << bit;
            assert!(is_refused(wrong), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn rows_may_be_longer_than_a_block() {
    let value = |length: usize| Bytes::from_iter((0..length).map(|at| (at % 251) as u8));
    for length in (BLOCK - 40..BLOCK + 4).chain([2 * BLOCK, 3 * BLOCK + 1]) {
        let (first, second) = (Table::Keys(Made::first(0)), Table::Elements(Made::first(9)));
        let mut rows = Rows::from([
            ((first, "a".into()), Some(Row::Value("before".into()))),
            ((first, "b".into()), Some(Row::Value(value(length)))),
            ((first, "c".into()), None),
            ((second, value(length)), Some(Row::Member)),
            ((second, "z".into()), Some(Row::Fields(vec![value(length), "after".into()]))),
        ]);
        for number in 0..2000 {
            rows.insert((second, format!("{number:05}").into()), Some(Row::Value(value(80))));
        }
        let bytes = encode(layer(&rows));
        assert!(bytes.len() < 2 * length, "it is compressed");
        check(&decode(bytes.clone()).unwrap(), &rows);
        for at in (0..bytes.len()).step_by(997) {
            let mut wrong = bytes.to_vec();
            wrong[at] ^= 0x10;
            assert!(is_refused(wrong));
        }
    }
}

#[test]
fn many_rows_fill_many_blocks_and_parts_of_the_filter() {
    let mut rows = Rows::new();
    for number in 0..40_000_u64 {
        let table = Table::Elements(Made { generation: number / 3 % 5000, ordinal: 0 });
        rows.insert((table, number.to_string().into()), Some(Row::Value((number * number).to_string().into())));
    }
    let bytes = encode(layer(&rows));
    assert_eq!(decode(bytes).unwrap(), layer(&rows));
    let none = Rows::new();
    check(&decode(encode(layer(&none))).unwrap(), &none);
}

#[test]
fn what_a_merge_copies_in_many_steps_is_what_it_copies_in_one() {
    let part = |from: u64, step: usize| -> Rows {
        let names = (from..9000).step_by(step);
        let table = |number: u64| Table::Elements(Made { generation: number / 100, ordinal: 0 });
        names
            .map(|number| ((table(number), number.to_string().into()), Some(Row::Value(vec![b'x'; step].into()))))
            .collect()
    };
    let parts = [part(0, 2), part(1, 3), part(2, 500)];
    let mut expected = Rows::new();
    parts.iter().for_each(|part| expected.extend(part.clone()));
    let reached: HashSet<Made> = (0..80).map(|generation| Made { generation, ordinal: 0 }).collect();
    expected.retain(|(table, _), _| reached.contains(&table.id()));
    let layers = parts.iter().map(|part| Arc::new(layer(part))).collect();
    let reach = Reach { databases: BTreeSet::new(), collections: Arc::new(reached), ..Reach::default() };
    assert_eq!(rows_of(&Merger::new(layers, true, reach, SALT).finish()), expected);
}

#[test]
fn a_run_of_format_1_holds_strings_of_the_first_database() {
    let bytes = Bytes::from_static(include_bytes!("fixtures/format-1/runs/20-fedcba9876543210fedcba9876543210"));
    let long = Bytes::from_iter((0..300_000).map(|at| (at % 251) as u8));
    let table = Table::Keys(Made::first(0));
    let mut expected: BTreeMap<Bytes, Option<Bytes>> = BTreeMap::from([
        (Bytes::new(), Some("the empty key".into())),
        ((&b"binary\xff\x00"[..]).into(), Some((&b"\x00\x80\xfe"[..]).into())),
        ("empty".into(), Some(Bytes::new())),
        ("gone".into(), None),
        ("greeting".into(), Some("hello".into())),
        ("long".into(), Some(long.clone())),
        (vec![0xfe; 200].into(), Some(vec![1; 127].into())),
        (vec![0xff; 128].into(), Some(vec![2; 128].into())),
    ]);
    for number in 0..100 {
        let value = (number % 7 != 3).then(|| long.slice(..number * 2));
        expected.insert(format!("user:{number:03}").into(), value);
    }
    let expected = expected.into_iter().map(|(name, value)| ((table, name), value.map(Row::Value))).collect();
    let read = decode(bytes.clone()).unwrap();
    check(&read, &expected);
    assert_eq!(decode(encode(read)).unwrap(), layer(&expected), "it becomes a run of format 2");
    for at in 0..bytes.len() {
        let mut wrong = bytes.to_vec();
        wrong[at] ^= 1;
        assert!(is_refused(wrong));
        assert!(is_refused(bytes.slice(..at)));
    }
}

#[test]
fn a_run_that_was_written_once_is_read_for_ever() {
    let id = |generation| Made { generation, ordinal: 1 };
    let head = Head { collection: id(17), until: Some(99), size: 200, shape: Shape::Hash { fields: 1, last: 0 } };
    let (keys, hash) = (Table::Keys(Made::first(0)), Table::Elements(id(17)));
    let mut rows = Rows::from([
        ((keys, "gone".into()), None),
        ((keys, "greeting".into()), Some(Row::Value("hello".into()))),
        ((keys, "lease".into()), Some(Row::Expiring("held".into(), 1_764_380_000_123))),
        ((keys, "user:1".into()), Some(head.into())),
        ((Table::Keys(Made::SYSTEM), "default".into()), Some(Row::Fields(vec!["on".into(), "~*".into()]))),
        ((hash, "name".into()), Some(Row::Value("Ann".into()))),
        ((Table::Elements(id(18)), "member".into()), Some(Row::Member)),
        ((Table::Elements(id(19)), "large".into()), Some(Row::Value(vec![b'x'; 70_000].into()))),
    ]);
    rows.extend((0..100).map(|number| ((Table::Elements(id(20)), number.to_string().into()), Some(Row::Member))));
    let bytes = Bytes::from_static(include_bytes!("fixtures/format-2.run"));
    check(&decode(bytes).unwrap(), &rows);
}
