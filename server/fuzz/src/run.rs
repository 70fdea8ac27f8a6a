//! Runs: the decoder refuses any bytes, or it encodes and decodes them again to the same entries.
//!
//! A fuzzer does not find checksums or compressed frames by chance. So the first byte of the input says which layer of a
//! run the rest is: the whole object, the object without its checksum, or the unpacked entries.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use valthree::run::{BLOCK, Decoder, Encoder, Salt, Work as _};

const DATABASE: &str = "0000000000000000000000000000051b";

/// Adds the checksum.
fn sealed(mut run: Vec<u8>) -> Vec<u8> {
    let sum = Sha256::digest(&run);
    run.extend_from_slice(&sum);
    run
}

/// A run with these unpacked entries. It claims this number of them.
fn packed(entries: &[u8], count: u8) -> Vec<u8> {
    let length = entries.len();
    let mut run =
        format!("{{\"run\":1,\"database\":\"{DATABASE}\",\"entries\":{count},\"length\":{length}}}\n").into_bytes();
    for block in entries.chunks(BLOCK) {
        run.extend(zstd::bulk::compress(block, 1).expect("there is memory"));
    }
    sealed(run)
}

/// Decodes the bytes, and sends what was decoded through another round trip.
pub fn check(data: &[u8]) {
    let [layer, rest @ ..] = data else { return };
    let run = match (layer % 4, rest) {
        (0, _) => rest.to_vec(),
        (1, _) => sealed(rest.to_vec()),
        (_, [count, entries @ ..]) => packed(entries, *count),
        (_, []) => return,
    };
    let Ok(decoder) = Decoder::new(Bytes::from(run), Salt(7)) else { return };
    let database = decoder.database();
    let Ok(layer) = decoder.finish() else { return };
    let entries: Vec<_> = layer.iter().collect();
    assert_eq!(layer.count().rows, entries.len() as u64);
    assert!(entries.is_sorted_by(|one, next| (one.0, &one.1) < (next.0, &next.1)), "rows ascend: {entries:?}");
    let bytes = Encoder::new(database, Arc::new(layer)).and_then(|encoder| encoder.finish()).expect("there is memory");
    let again = Decoder::new(bytes, Salt(7)).and_then(|decoder| decoder.finish()).expect("it was just encoded");
    assert!(again.iter().eq(entries), "a round trip changes nothing");
}
