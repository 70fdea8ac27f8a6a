//! What holds of the bytes of runs, and of what they become in memory, for any entries.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::{collection::btree_map, collection::vec, prelude::*, sample::Index};
use rand::{SeedableRng as _, rngs::StdRng};
use valthree::root::{Id, size};
use valthree::run::{BLOCK, Building, Damage, Decoder, Encoder, Layer, Merger, Salt, Work as _};

type Entries = BTreeMap<Bytes, Option<Bytes>>;

const SALT: Salt = Salt(7);

fn database() -> Id {
    Id::random(&mut StdRng::seed_from_u64(1))
}

/// Any bytes; the lengths around those at which the length of a length changes are not rare.
fn text() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        6 => vec(any::<u8>(), 0..12),
        1 => (126..130_usize, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
    ]
    .prop_map(Bytes::from)
}

fn entries() -> impl Strategy<Value = Entries> {
    btree_map(text(), prop::option::weighted(0.8, text()), 0..40)
}

fn layer(entries: &Entries) -> Layer {
    let mut building = Building::new(SALT, 0, 0);
    entries.iter().for_each(|(key, value)| building.push(key, value.as_deref()));
    building.done()
}

fn encode(layer: Layer) -> Bytes {
    Encoder::new(database(), Arc::new(layer)).unwrap().finish().unwrap()
}

fn decode(bytes: Bytes) -> Result<Layer, Damage> {
    Decoder::new(bytes, SALT)?.finish()
}

/// What it says of a key.
fn get(layer: &Layer, key: &[u8]) -> Option<Option<Bytes>> {
    layer.get(SALT.hash(key), key)
}

proptest! {
    #[test]
    fn every_run_survives_a_round_trip(entries in entries(), absent in text()) {
        let bytes = encode(layer(&entries));
        let read = decode(bytes.clone()).unwrap();
        prop_assert_eq!(read.iter().collect::<Entries>(), entries.clone());
        prop_assert!(read.iter().map(|(key, _)| key).is_sorted());
        for (key, value) in &entries {
            prop_assert_eq!(get(&read, key), Some(value.clone()));
        }
        prop_assert_eq!(get(&read, &absent), entries.get(&absent).cloned());
        let values = || entries.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
        let count = read.count();
        prop_assert_eq!(count.entries, entries.len() as u64);
        prop_assert_eq!(count.keys, values().count() as u64);
        prop_assert_eq!(count.size, values().map(|(key, value)| size(key, value)).sum::<u64>());
        prop_assert_eq!(encode(read), bytes, "equal entries have equal bytes");
    }

    #[test]
    fn a_run_with_one_wrong_byte_is_never_read(entries in entries(), at in any::<Index>(), change in 1..=255_u8) {
        let mut bytes = encode(layer(&entries)).to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        prop_assert!(decode(bytes.into()).is_err());
    }

    #[test]
    fn a_run_that_is_cut_short_or_continued_is_never_read(
        entries in entries(),
        end in any::<Index>(),
        more in vec(any::<u8>(), 1..40),
    ) {
        let bytes = encode(layer(&entries));
        prop_assert!(decode(bytes.slice(..end.index(bytes.len()))).is_err());
        prop_assert!(decode([&bytes[..], &more].concat().into()).is_err());
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in vec(any::<u8>(), 0..200), line in any::<bool>()) {
        let line = if line { format!("{{\"run\":1,\"database\":\"{}\",\"entries\":1,\"length\":9}}\n", database()) } else { String::new() };
        prop_assert!(decode([line.as_bytes(), &bytes].concat().into()).is_err());
    }

    #[test]
    fn of_merged_layers_the_newest_counts(parts in vec(entries(), 1..6), whole in any::<bool>()) {
        let mut expected = Entries::new();
        parts.iter().for_each(|part| expected.extend(part.clone()));
        if whole {
            expected.retain(|_, value| value.is_some());
        }
        let layers = parts.iter().map(|part| Arc::new(layer(part))).collect();
        let merged = Merger::new(layers, whole, SALT).finish();
        prop_assert_eq!(merged.iter().collect::<Entries>(), expected.clone());
        prop_assert_eq!(merged.count(), layer(&expected).count());
        for key in parts.iter().flat_map(Entries::keys) {
            prop_assert_eq!(get(&merged, key), expected.get(key).cloned());
        }
    }
}

#[test]
fn entries_may_be_longer_than_a_block_and_end_anywhere() {
    let value = |length: usize| Some(Bytes::from_iter((0..length).map(|at| (at % 251) as u8)));
    for length in [BLOCK - 6, BLOCK - 5, BLOCK - 4, BLOCK, 3 * BLOCK + 1] {
        let entries = Entries::from([("a".into(), value(length)), ("b".into(), None), ("c".into(), value(7))]);
        let bytes = encode(layer(&entries));
        assert!(bytes.len() < length / 2, "it is compressed");
        assert_eq!(decode(bytes).unwrap().iter().collect::<Entries>(), entries);
    }
}

/// A run with this first line and this body, and the right checksum.
fn forged(line: &str, packed: &[u8]) -> String {
    use sha2::Digest as _;
    let frame = zstd::bulk::compress(packed, 1).unwrap();
    let mut bytes = [line.as_bytes(), b"\n", &frame].concat();
    let hash = sha2::Sha256::digest(&bytes);
    bytes.extend_from_slice(&hash);
    decode(bytes.into()).unwrap_err().to_string()
}

#[test]
fn what_a_run_says_has_to_be_true_even_if_its_checksum_is_right() {
    let line = |run: u64, entries: u64, length: u64| {
        format!("{{\"run\":{run},\"database\":\"{}\",\"entries\":{entries},\"length\":{length}}}", database())
    };
    // The keys a and b, with the values 1 and none.
    let packed = b"\x01a\x01\x011\x01b\x00";
    let cases: [(String, &[u8], &str); 10] = [
        (line(2, 2, 8), packed, "is a run of format 2, and this server reads format 1 only"),
        (line(1, 3, 8), packed, "contradicts itself: 2 of the 3 entries that it claims"),
        (line(1, 5, 8), packed, "contradicts itself: 5 entries in 8 bytes"),
        (line(1, 2, 9), packed, "contradicts itself: 8 of the 9 bytes that it claims"),
        (line(1, 2, 7), packed, "contradicts itself: more than the 7 bytes that it claims"),
        (line(1, 2, 8), b"\x01b\x01\x011\x01a\x00", "contradicts itself: its keys do not ascend"),
        (line(1, 2, 8), b"\x01a\x01\x011\x01a\x00", "contradicts itself: its keys do not ascend"),
        (
            line(1, 2, 8),
            b"\x01a\x01\x011\x01b\x02",
            "contradicts itself: an entry is of a kind that this server does not know",
        ),
        (line(1, 2, 8), b"\x01a\x01\x011\x02b\x00", "contradicts itself: an entry is cut short"),
        (
            line(1, 2, 9),
            b"\x01a\x01\x011\x01b\x80\x00",
            "contradicts itself: an entry is of a kind that this server does not know",
        ),
    ];
    for (line, packed, why) in cases {
        assert_eq!(forged(&line, packed), why);
    }
    let more = line(1, 2, 8).replace('}', ",\"now\":1}");
    assert!(forged(&more, packed).starts_with("is not a run: its first line says something else: unknown field `now`"));
    assert_eq!(forged("[]", packed).split(':').next(), Some("is not a run"));
}
