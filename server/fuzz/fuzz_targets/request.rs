//! Any bytes, cut into any pieces, are the same requests and the same error.
//!
//! The first byte of the input says how many of the next are the lengths of the pieces; the last piece is the rest. The second says
//! whether the limits are Valkey's, or so narrow that a fuzzer reaches them.

#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use valthree::resp::{Limits, Parser, ProtocolError};

const NARROW: Limits = Limits {
    bulk_bytes: 40,
    arguments: 5,
    inline_bytes: 30,
    request_bytes: 250,
};

fn parse<'a>(
    limits: Limits,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Vec<Bytes>>, Option<ProtocolError>) {
    let mut parser = Parser::new(limits);
    let mut input = BytesMut::new();
    let mut requests = Vec::new();
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match parser.next(&mut input) {
                Ok(Some(request)) => requests.push(request),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(parser.next(&mut input), Err(error));
                    return (requests, Some(error));
                }
            }
        }
    }
    (requests, None)
}

/// Cuts `bytes` into pieces of these lengths; the last piece is the rest.
fn cut<'a>(mut bytes: &'a [u8], lengths: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for &length in lengths {
        let (piece, rest) = bytes.split_at(usize::from(length).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}

fuzz_target!(|data: &[u8]| {
    let [cuts, narrow, data @ ..] = data else {
        return;
    };
    let (lengths, bytes) = data.split_at(usize::from(*cuts).min(data.len()));
    let limits = if narrow % 2 == 0 {
        NARROW
    } else {
        Limits::default()
    };
    let whole = parse(limits, [bytes].into_iter());
    assert_eq!(parse(limits, cut(bytes, lengths).into_iter()), whole);
    assert_eq!(parse(limits, bytes.chunks(1)), whole);
});
