//! Runs whose checksums are right and whose content is wrong.

use sha2::{Digest as _, Sha256};
use valthree::run::{Decoder, Salt, Work as _};

const DATABASE: &str = "51b0a3c4d5e6f708192a3b4c5d6e7f80";

/// A filter that says that any row may be there, and one that says that none is.
const OPEN: &[u8] = &[1, 0, 0, 0, 255, 0, 0, 0, 0, 0];
const NONE: &[u8] = &[0, 0, 0, 0];

/// Two rows of the keys of database 0.0: a with the value 1, and the removal of b.
const GROUP: &[u8] = b"\x00\x00\x00\x08\x01a\x01\x011\x01b\x00";

fn line(rows: u64, length: u64) -> String {
    format!("{{\"run\":2,\"database\":\"{DATABASE}\",\"rows\":{rows},\"length\":{length}}}\n")
}

fn number(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// What the index says of a block, and its frames before they are packed.
struct Forgery<'a> {
    first: &'a [u8],
    shift: usize,
    unpacked: usize,
    rows: usize,
    frames: Vec<&'a [u8]>,
}

/// The right one for a single frame of two rows.
fn right(frame: &[u8]) -> Forgery<'_> {
    Forgery { first: b"\x00\x00\x00\x01a", shift: 0, unpacked: frame.len(), rows: 2, frames: vec![frame] }
}

/// Why a run is not read.
fn why(line: &str, blocks: &[Forgery<'_>], filter: &[u8]) -> String {
    let mut run = line.as_bytes().to_vec();
    let mut index = Vec::new();
    for block in blocks {
        let frames: Vec<_> = block.frames.iter().map(|frame| zstd::bulk::compress(frame, 1).unwrap()).collect();
        let bytes = frames.concat();
        index.extend_from_slice(block.first);
        for value in [run.len() + block.shift, bytes.len(), block.unpacked, block.rows] {
            index.extend_from_slice(&number(value));
        }
        index.extend_from_slice(&Sha256::digest(&bytes));
        run.extend_from_slice(&bytes);
    }
    let places = [run.len() as u64, (run.len() + index.len()) as u64];
    run.extend_from_slice(&index);
    run.extend_from_slice(filter);
    let mut footer = places.map(u64::to_le_bytes).concat();
    footer.extend_from_slice(&Sha256::digest(&index));
    footer.extend_from_slice(&Sha256::digest(filter));
    let sum = Sha256::digest([line.as_bytes(), &footer].concat());
    run.extend_from_slice(&footer);
    run.extend_from_slice(&sum);
    match Decoder::new(run.into(), Salt(7)).and_then(|decoder| decoder.finish()) {
        Ok(layer) => format!("{} rows", layer.count().rows),
        Err(damage) => damage.to_string(),
    }
}

#[test]
fn a_right_run_is_read() {
    assert_eq!(why(&line(2, 8), &[right(GROUP)], OPEN), "2 rows");
    assert_eq!(why(&line(0, 0), &[], NONE), "0 rows");
}

#[test]
fn the_first_line_has_to_be_true() {
    let cases = [
        (line(3, 8), "contradicts itself: 2 of the 3 rows that it claims"),
        (line(5, 8), "contradicts itself: 5 rows in 8 bytes"),
        (line(2, 9), "contradicts itself: 8 of the 9 bytes that it claims"),
        (line(2, 7), "contradicts itself: more than the 7 bytes that it claims"),
        (line(2, 1 << 40), "contradicts itself: 2 rows in 1099511627776 bytes"),
        (line(2, 8).replace("2,\"d", "3,\"d"), "is a run of format 3, and this server reads formats 1 and 2 only"),
    ];
    for (line, expected) in &cases {
        assert_eq!(why(line, &[right(GROUP)], OPEN), *expected);
    }
    let more = line(2, 8).replace('}', ",\"now\":1}");
    let unknown = "is not a run: its first line says something else: unknown field `now`";
    assert!(why(&more, &[right(GROUP)], OPEN).starts_with(unknown));
    assert!(why("[]\n", &[right(GROUP)], OPEN).starts_with("is not a run: its first line says something else"));
}

#[test]
fn the_rows_have_to_be_rows_in_order() {
    let cases: [(&[u8], &str); 12] = [
        (b"\x00\x00\x00\x08\x01b\x01\x011\x01a\x00", "a block begins with another row than its index says"),
        (b"\x00\x00\x00\x08\x01a\x01\x011\x01a\x00", "its rows do not ascend"),
        (b"\x00\x00\x00\x08\x01a\x01\x011\x01b\x07", "a row is of kind 7, which this server does not know"),
        (b"\x00\x00\x00\x08\x01a\x01\x011\x02b\x00", "a row is cut short"),
        (b"\x00\x00\x00\x09\x01a\x01\x011\x01b\x00", "a group of rows is cut short"),
        (b"\x00\x00\x00\x05\x01a\x01\x011\x00\x00\x00\x03\x01b\x00", "a group of rows is in pieces"),
        (b"\x00\x00\x00\x05\x01a\x01\x011\x00\x00\x01\x00", "a group of rows is in pieces"),
        (b"\x02\x00\x00\x08\x01a\x01\x011\x01b\x00", "a row has a number that is out of range"),
        (b"\x00\x80\x00\x00\x08\x01a\x01\x011\x01b\x00", "a row has a number that is out of range"),
        (b"\x01\x00\x00\x08\x01a\x01\x011\x01b\x00", "a block begins with another row than its index says"),
        (b"\x00\x00\x00\x08\x01a\x01\x011\x01b\x00\x00", "a row is cut short"),
        (b"", "a block has another length than its index says"),
    ];
    for (groups, expected) in cases {
        assert_eq!(why(&line(2, 8), &[right(groups)], OPEN), format!("contradicts itself: {expected}"), "{groups:?}");
    }
    let two: [&[u8]; 2] = [b"\x01\x00\x00\x05\x01a\x01\x011", b"\x00\x00\x00\x03\x01b\x00"];
    let blocks = [
        Forgery { first: b"\x01\x00\x00\x01a", rows: 1, ..right(two[0]) },
        Forgery { first: b"\x00\x00\x00\x01b", rows: 1, ..right(two[1]) },
    ];
    assert_eq!(why(&line(2, 8), &blocks, OPEN), "contradicts itself: its rows do not ascend");
}

#[test]
fn the_index_has_to_fit_the_blocks() {
    let length = "contradicts itself: a block has another length than its index says";
    let cases = [
        (
            Forgery { first: b"\x00\x00\x00\x01A", ..right(GROUP) },
            "contradicts itself: a block begins with another row than its index says",
        ),
        (Forgery { shift: 1, ..right(GROUP) }, "contradicts itself: a block is not where its index says"),
        (Forgery { unpacked: 11, ..right(GROUP) }, length),
        (
            Forgery { rows: 3, ..right(GROUP) },
            "contradicts itself: a block has another number of rows than its index says",
        ),
        (Forgery { frames: vec![&GROUP[..4], &GROUP[4..]], ..right(GROUP) }, length),
        (
            Forgery { unpacked: 1 << 40, ..right(GROUP) },
            "contradicts itself: a block of one row has another length than its index says",
        ),
        (
            Forgery { first: b"\x02\x00\x00\x01a", ..right(GROUP) },
            "contradicts itself: a row has a number that is out of range",
        ),
        (Forgery { first: b"\x00\x00\x00\x7fa", ..right(GROUP) }, "contradicts itself: a row is cut short"),
    ];
    for (block, expected) in cases {
        assert_eq!(why(&line(2, 8), &[block], OPEN), expected);
    }
    // A block that unpacks to more than a block may hold, and claims so.
    let big = vec![0; 1 << 20];
    let block = Forgery { unpacked: big.len(), ..right(&big) };
    assert!(why(&line(2, 8), &[block], OPEN).starts_with("contradicts itself: a frame is not readable"));
}

#[test]
fn a_large_row_has_to_be_as_long_as_its_heading_says() {
    let value = vec![b'x'; 70_000];
    let row = [b"\x01a\x01", &number(value.len())[..], &value].concat();
    let heading = [b"\x00\x00\x00", &number(row.len())[..]].concat();
    let claim = |length: usize| line(1, length as u64);
    let large = |frames| Forgery { unpacked: heading.len() + row.len(), rows: 1, frames, ..right(GROUP) };
    let (half, rest) = row.split_at(30_000);
    let cases: [(Vec<&[u8]>, &str); 5] = [
        (vec![&heading, half, rest], "1 rows"),
        (vec![&heading, half], "contradicts itself: a frame is not readable"),
        (
            vec![&heading, half, rest, b"x"],
            "contradicts itself: a block of one row has another length than its index says",
        ),
        (vec![&heading, half, half, rest], "contradicts itself: more than the"),
        (vec![&heading, b"\x02", &row[..half.len() - 1], rest], "contradicts itself: a row is cut short"),
    ];
    for (frames, expected) in cases {
        let why = why(&claim(row.len()), &[large(frames)], OPEN);
        assert!(why.starts_with(expected), "{why}");
    }
}

#[test]
fn the_filter_has_to_know_every_row() {
    let cases: [(&[u8], &str); 6] = [
        (NONE, "its filter does not know one of its rows"),
        (&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0], "its filter does not know one of its rows"),
        (&[1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9, 9, 9], "its filter does not know one of its rows"),
        (&[1, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0], "its filter has another length than its parts"),
        (&[2, 0, 0, 0, 255, 0, 0, 0, 0, 0], "its filter has another length than its parts"),
        (&[1, 0, 0, 0, 255, 60, 0, 0, 0, 0], "its filter has a segment that is too long"),
    ];
    for (filter, expected) in cases {
        assert_eq!(why(&line(2, 8), &[right(GROUP)], filter), format!("contradicts itself: {expected}"));
    }
    assert!(why(&line(2, 8), &[right(GROUP)], b"").starts_with("contradicts itself: its filter has another length"));
}
