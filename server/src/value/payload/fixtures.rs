//! Payloads built by hand: the forms that no current server writes, and values that no server accepts.

use super::footer::{VERSION, VERSION_EXPIRING, seal};
use super::{PayloadError, Whole, WholeConsumer, WholeEntry, WholeGroup, WholePending, WholeStream, decode, form};
use bytes::Bytes;

const LIMIT: usize = 1 << 20;

fn read(body: &[u8]) -> Result<Whole, PayloadError> {
    decode(&seal(body.to_vec(), VERSION_EXPIRING), LIMIT)
}

fn texts(texts: &[&str]) -> Vec<Bytes> {
    texts.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect()
}

fn fields(pairs: &[(&str, &str)]) -> Vec<(Bytes, Bytes, Option<u64>)> {
    pairs.iter().map(|(field, value)| (texts(&[field]).remove(0), texts(&[value]).remove(0), None)).collect()
}

/// Puts a packed collection behind its form and its length.
fn body(form: u8, blob: &[u8]) -> Vec<u8> {
    let length = u8::try_from(blob.len()).expect("fixtures are short");
    [&[form, 0x40, length], blob].concat()
}

/// A ziplist of elements that are written out, each without the size of the one before.
fn ziplist(elements: &[&[u8]]) -> Vec<u8> {
    let mut blob = vec![0; 10];
    let (mut tail, mut before) = (10, 0);
    for element in elements {
        tail = blob.len();
        blob.push(before);
        blob.extend_from_slice(element);
        before = (blob.len() - tail) as u8;
    }
    blob.push(0xff);
    let size = blob.len() as u32;
    blob[..4].copy_from_slice(&size.to_le_bytes());
    blob[4..8].copy_from_slice(&(tail as u32).to_le_bytes());
    blob[8..10].copy_from_slice(&(elements.len() as u16).to_le_bytes());
    blob
}

/// A listpack of elements that are written out, each without its length.
fn listpack(elements: &[&[u8]]) -> Vec<u8> {
    let mut blob = vec![0; 6];
    for element in elements {
        blob.extend_from_slice(element);
        blob.push(element.len() as u8);
    }
    blob.push(0xff);
    let size = blob.len() as u32;
    blob[..4].copy_from_slice(&size.to_le_bytes());
    blob[4..6].copy_from_slice(&(elements.len() as u16).to_le_bytes());
    blob
}

/// Every kind of element that a ziplist has: three widths of strings, and all of integers.
const ZIPLIST_ELEMENTS: [&[u8]; 10] = [
    b"\x03one",
    b"\x40\x03two",
    b"\x80\0\0\0\x05three",
    b"\xf1",
    b"\xfd",
    b"\xfe\xf0",
    b"\xc0\x00\x80",
    b"\xf0\xff\xff\x7f",
    b"\xd0\x00\x00\x00\x80",
    b"\xe0\xff\xff\xff\xff\xff\xff\xff\x7f",
];

const ZIPLIST_TEXTS: [&str; 10] =
    ["one", "two", "three", "0", "12", "-16", "-32768", "8388607", "-2147483648", "9223372036854775807"];

/// The body of a stream in the form before counters, with a deleted entry and an entry with fields of its own.
fn old_stream(form: u8) -> Vec<u8> {
    let key = [&[16][..], &1000_u64.to_be_bytes(), &0_u64.to_be_bytes()].concat();
    let blob = listpack(&[
        &[2], // entries
        &[1], // deleted
        &[1], // fields of the master entry
        b"\x81f",
        &[0],
        &[3], // deleted, with the fields of the master entry
        &[0],
        &[0],
        b"\x81x",
        &[4],
        &[2],
        &[5], // 1005-1
        &[1],
        b"\x81y",
        &[4],
        &[0],
        &[5], // 1005-2
        &[2],
        &[1],
        b"\x81g",
        &[7],
        &[6],
    ]);
    let mut body = vec![form, 1];
    body.extend(key);
    body.extend([0x40, blob.len() as u8]);
    body.extend(blob);
    body.push(2); // entries
    body.extend(b"\x43\xed\x02"); // last id 1005-2
    if form != form::STREAM {
        body.extend(b"\x43\xed\x01\x43\xe8\x00\x09"); // first id, greatest deleted id, entries added
    }
    body.extend(b"\x01\x01G\x43\xed\x01"); // a group at 1005-1
    if form != form::STREAM {
        body.push(1); // entries read
    }
    let pending = [1005_u64.to_be_bytes(), 1_u64.to_be_bytes()].concat();
    body.push(1);
    body.extend(&pending);
    body.extend(77_u64.to_le_bytes());
    body.push(3); // deliveries
    body.extend(b"\x01\x01C");
    body.extend(99_u64.to_le_bytes());
    if form == form::STREAM_ACTIVE {
        body.extend((-1_i64).to_le_bytes());
    }
    body.push(1);
    body.extend(&pending);
    body
}

fn expected_stream(form: u8) -> WholeStream {
    let entry = |sequence, field: &'static str, value: &'static str| WholeEntry {
        id: (1005, sequence),
        fields: vec![(field.into(), value.into())],
    };
    let counted = form != form::STREAM;
    WholeStream {
        entries: vec![entry(1, "f", "y"), entry(2, "g", "7")],
        last_id: (1005, 2),
        max_deleted_id: if counted { (1000, 0) } else { (0, 0) },
        entries_added: if counted { 9 } else { 2 },
        groups: vec![WholeGroup {
            name: "G".into(),
            last_id: (1005, 1),
            entries_read: Some(1),
            pending: vec![WholePending { id: (1005, 1), consumer: "C".into(), delivery_time: 77, delivery_count: 3 }],
            consumers: vec![WholeConsumer {
                name: "C".into(),
                seen_time: 99,
                active_time: (form != form::STREAM_ACTIVE).then_some(99),
            }],
        }],
    }
}

/// A body of each form that is built here, for other tests to change.
pub(super) fn bodies() -> Vec<Vec<u8>> {
    let ziplist = ziplist(&ZIPLIST_ELEMENTS);
    let texts = listpack(&[b"\x81a", b"\x81b", &[3], &[4]]);
    vec![
        b"\x01\x02\x01a\x01b".to_vec(),
        b"\x03\x02\x01a\x03-.5\x01b\xfe".to_vec(),
        body(form::HASH_ZIPMAP, b"\x02\x01a\x01\x00x\x01b\x01\x02yzz\xff"),
        body(form::LIST_ZIPLIST, &ziplist),
        body(form::HASH_ZIPLIST, &ziplist),
        [&[form::LIST_ZIPLISTS, 2][..], &body(0, &ziplist)[1..], &body(0, &ziplist)[1..]].concat(),
        body(form::SET_LISTPACK, &texts),
        [&[form::LIST_LISTPACKS, 2, 1, 1, b'a', 2][..], &body(0, &texts)[1..]].concat(),
        old_stream(form::STREAM),
        old_stream(form::STREAM_COUNTED),
        old_stream(form::STREAM_ACTIVE),
        [b"\x16\x01\x01a\x01b".as_slice(), &5_i64.to_le_bytes()].concat(),
    ]
}

#[test]
fn every_width_of_string_is_read() {
    for (body, text) in [
        (&b"\0\x02hi"[..], "hi"),
        (b"\0\x40\x02hi", "hi"),
        (b"\0\x80\0\0\0\x02hi", "hi"),
        (b"\0\x81\0\0\0\0\0\0\0\x02hi", "hi"),
        (b"\0\xc0\xff", "-1"),
        (b"\0\xc1\x00\x01", "256"),
        (b"\0\xc2\x00\x00\x00\x80", "-2147483648"),
        (b"\0\xc3\x04\x05\x00a\x40\x00", "aaaaa"),
    ] {
        assert_eq!(read(body), Ok(Whole::String(text.into())), "{body:?}");
    }
}

#[test]
fn lists_of_old_servers_are_read() {
    assert_eq!(read(b"\x01\x03\x01a\xc0\x07\x01a"), Ok(Whole::List(texts(&["a", "7", "a"]))));
    let blob = ziplist(&ZIPLIST_ELEMENTS);
    assert_eq!(read(&body(form::LIST_ZIPLIST, &blob)), Ok(Whole::List(texts(&ZIPLIST_TEXTS))));
    let empty = ziplist(&[]);
    let nodes =
        [&[form::LIST_ZIPLISTS, 3][..], &body(0, &blob)[1..], &body(0, &empty)[1..], &body(0, &blob)[1..]].concat();
    assert_eq!(read(&nodes), Ok(Whole::List(texts(&[ZIPLIST_TEXTS, ZIPLIST_TEXTS].concat()))));
}

#[test]
fn a_ziplist_element_after_a_long_one_is_read() {
    let long = "x".repeat(260);
    let mut blob = vec![0; 10];
    blob.extend(b"\x00\x41\x04"); // 260 bytes
    blob.extend(long.as_bytes());
    let tail = blob.len() as u32;
    blob.extend(b"\xfe\x07\x01\x00\x00\x01y\xff"); // 263 bytes before
    let size = blob.len() as u32;
    blob[..4].copy_from_slice(&size.to_le_bytes());
    blob[4..8].copy_from_slice(&tail.to_le_bytes());
    blob[8] = 2;
    let body = [&[form::LIST_ZIPLIST, 0x41, (size - 256) as u8], &blob[..]].concat();
    assert_eq!(read(&body), Ok(Whole::List(texts(&[&long, "y"]))));
}

#[test]
fn quicklists_with_plain_nodes_are_read() {
    let packed = listpack(&[b"\x81b", &[3]]);
    let nodes = [&[form::LIST_LISTPACKS, 2, 1, 1, b'a', 2][..], &body(0, &packed)[1..]].concat();
    assert_eq!(read(&nodes), Ok(Whole::List(texts(&["a", "b", "3"]))));
}

#[test]
fn hashes_of_old_servers_are_read() {
    let zipmap = b"\x02\x01a\x01\x00x\x01b\xfe\x01\x00\x00\x00\x02yzz\xff";
    let expected = Whole::Hash(fields(&[("a", "x"), ("b", "y")]));
    assert_eq!(read(&body(form::HASH_ZIPMAP, zipmap)), Ok(expected));
    let ziplist = ziplist(&[b"\x01a", b"\xf2", b"\xf8", b"\x01b"]);
    let expected = Whole::Hash(fields(&[("a", "1"), ("7", "b")]));
    assert_eq!(read(&body(form::HASH_ZIPLIST, &ziplist)), Ok(expected));
}

#[test]
fn fields_that_expire_are_read() {
    let mut body = b"\x16\x02\x01a\x01x".to_vec();
    body.extend(1234_i64.to_le_bytes());
    body.extend(b"\x01b\x01y");
    body.extend((-1_i64).to_le_bytes());
    let mut expected = fields(&[("a", "x"), ("b", "y")]);
    expected[0].2 = Some(1234);
    assert_eq!(read(&body), Ok(Whole::Hash(expected)));
}

#[test]
fn sets_of_all_forms_are_read() {
    let expected = Ok(Whole::Set(texts(&["-1", "5"])));
    assert_eq!(read(b"\x02\x02\xc0\xff\x015"), expected);
    for width in [2_usize, 4, 8] {
        let members = [-1_i64, 5].map(|member| member.to_le_bytes()[..width].to_vec()).concat();
        let blob = [&(width as u32).to_le_bytes(), &2_u32.to_le_bytes(), &members[..]].concat();
        assert_eq!(read(&body(form::SET_INTSET, &blob)), expected, "{width}");
    }
    let blob = listpack(&[b"\xdf\xff", &[5]]);
    assert_eq!(read(&body(form::SET_LISTPACK, &blob)), expected);
}

#[test]
fn sorted_sets_of_all_forms_are_read() {
    let scored = |one, two| Ok(Whole::Zset(vec![("a".into(), one), ("b".into(), two)]));
    assert_eq!(read(b"\x03\x02\x01a\x03-.5\x01b\x041e10"), scored(-0.5, 1e10));
    assert_eq!(read(b"\x03\x02\x01a\xff\x01b\xfe"), scored(f64::NEG_INFINITY, f64::INFINITY));
    let binary = [&b"\x05\x02\x01a"[..], &0.1_f64.to_le_bytes(), b"\x01b", &3_f64.to_le_bytes()].concat();
    assert_eq!(read(&binary), scored(0.1, 3.0));
    let blob = ziplist(&[b"\x01a", b"\xf2", b"\x01b", b"\x031.5"]);
    assert_eq!(read(&body(form::ZSET_ZIPLIST, &blob)), scored(1.0, 1.5));
    let blob = listpack(&[b"\x81a", b"\x84-inf", b"\x81b", b"\x83inf"]);
    assert_eq!(read(&body(form::ZSET_LISTPACK, &blob)), scored(f64::NEG_INFINITY, f64::INFINITY));
}

#[test]
fn streams_of_all_forms_are_read() {
    for form in [form::STREAM, form::STREAM_COUNTED, form::STREAM_ACTIVE] {
        assert_eq!(read(&old_stream(form)), Ok(Whole::Stream(expected_stream(form))), "{form}");
    }
}

#[test]
fn the_body_of_a_real_payload_is_read() {
    let payload = b"\x00\x05hello\n\x00cr\xdfve4 \n";
    assert_eq!(decode(payload, LIMIT), Ok(Whole::String("hello".into())));
    assert_eq!(super::encode(&Whole::String("hello".into())), payload);
}

#[test]
fn empty_collections_are_bad_data() {
    let (empty_ziplist, empty_listpack) = (ziplist(&[]), listpack(&[]));
    for form in
        [form::LIST, form::SET, form::ZSET_TEXT, form::HASH, form::ZSET, form::LIST_ZIPLISTS, form::LIST_LISTPACKS]
    {
        assert_eq!(read(&[form, 0]), Err(PayloadError::Format), "{form}");
    }
    for form in [form::LIST_ZIPLIST, form::ZSET_ZIPLIST, form::HASH_ZIPLIST] {
        assert_eq!(read(&body(form, &empty_ziplist)), Err(PayloadError::Format), "{form}");
    }
    for form in [form::HASH_LISTPACK, form::ZSET_LISTPACK, form::SET_LISTPACK] {
        assert_eq!(read(&body(form, &empty_listpack)), Err(PayloadError::Format), "{form}");
    }
    assert_eq!(read(&body(form::HASH_ZIPMAP, b"\0\xff")), Err(PayloadError::Format));
    assert_eq!(read(&body(form::SET_INTSET, &[2, 0, 0, 0, 0, 0, 0, 0])), Err(PayloadError::Format));
}

#[test]
fn duplicates_are_bad_data() {
    let twice = listpack(&[b"\x81a", &[1], b"\x81a", &[2]]);
    let twice_old = ziplist(&[b"\x01a", b"\xf2", b"\x01a", b"\xf3"]);
    for body in [
        b"\x02\x02\x01a\x01a".to_vec(),
        b"\x02\x02\xc0\x05\x015".to_vec(), // the same member, once in binary
        b"\x04\x02\x01a\x01x\x01a\x01y".to_vec(),
        b"\x03\x02\x01a\x011\x01a\x012".to_vec(),
        body(form::SET_LISTPACK, &twice),
        body(form::HASH_LISTPACK, &twice),
        body(form::ZSET_LISTPACK, &twice),
        body(form::HASH_ZIPLIST, &twice_old),
        body(form::ZSET_ZIPLIST, &twice_old),
        body(form::HASH_ZIPMAP, b"\x02\x01a\x01\x00x\x01a\x01\x00y\xff"),
        body(form::SET_INTSET, &[2, 0, 0, 0, 2, 0, 0, 0, 7, 0, 7, 0]),
    ] {
        assert_eq!(read(&body), Err(PayloadError::Format), "{body:?}");
    }
}

#[test]
fn scores_that_are_no_numbers_are_bad_data() {
    assert_eq!(read(b"\x03\x01\x01a\xfd"), Err(PayloadError::Format));
    assert_eq!(read(b"\x03\x01\x01a\x03nan"), Err(PayloadError::Format));
    assert_eq!(read(b"\x03\x01\x01a\x00"), Err(PayloadError::Format));
    assert_eq!(read(&[&b"\x05\x01\x01a"[..], &f64::NAN.to_le_bytes()].concat()), Err(PayloadError::Format));
    assert_eq!(read(&body(form::ZSET_LISTPACK, &listpack(&[b"\x81a", b"\x83nan"]))), Err(PayloadError::Format));
    assert_eq!(read(&body(form::ZSET_LISTPACK, &listpack(&[b"\x81a", b"\x81x"]))), Err(PayloadError::Format));
}

#[test]
fn odd_numbers_of_elements_are_bad_data() {
    let odd = listpack(&[b"\x81a", &[1], b"\x81b"]);
    for form in [form::HASH_LISTPACK, form::ZSET_LISTPACK] {
        assert_eq!(read(&body(form, &odd)), Err(PayloadError::Format));
    }
}

#[test]
fn modules_and_unknown_forms_are_bad_data() {
    for form in [6, 7, 8, 23, 24, 25, 250, 255] {
        assert_eq!(read(&[form, 1, 1, b'a', 1, b'b']), Err(PayloadError::Format), "{form}");
    }
}

#[test]
fn bytes_after_the_value_are_bad_data() {
    assert_eq!(read(b"\0\x02hi!"), Err(PayloadError::Format));
}

#[test]
fn streams_that_contradict_themselves_are_bad_data() {
    let body = old_stream(form::STREAM);
    let pending = [1005_u64.to_be_bytes(), 1_u64.to_be_bytes()].concat();
    let owned = body.len() - pending.len();
    let places: Vec<usize> = (0..body.len()).filter(|&place| body[place..].starts_with(&pending)).collect();
    assert_eq!(places.last(), Some(&owned));
    // The pending entry of the consumer is not one of the group.
    let mut foreign = body.clone();
    foreign[owned + 15] = 2;
    assert_eq!(read(&foreign), Err(PayloadError::Format));
    // A pending entry of the group has no consumer.
    let mut orphan = body.clone();
    orphan.truncate(owned);
    orphan[owned - 1] = 0;
    assert_eq!(read(&orphan), Err(PayloadError::Format));
    // A consumer owns the entry twice.
    let mut twice = body.clone();
    twice[owned - 1] = 2;
    twice.extend(&pending);
    assert_eq!(read(&twice), Err(PayloadError::Format));
    // The last id is lower than that of the last entry.
    let last_id = body.windows(3).rposition(|three| three == b"\x43\xed\x02").expect("it is there");
    let mut low = body.clone();
    low[last_id + 2] = 1;
    assert_eq!(read(&low), Err(PayloadError::Format));
    // The number of entries is not that of the listpacks.
    let mut count = body.clone();
    count[last_id - 1] = 3;
    assert_eq!(read(&count), Err(PayloadError::Format));
}

#[test]
fn versions_before_ours_are_read() {
    for version in [1, 6, 9, VERSION] {
        assert!(decode(&seal(b"\0\x02hi".to_vec(), version), LIMIT).is_ok(), "{version}");
    }
}
