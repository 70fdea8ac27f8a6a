//! The parser of requests: any bytes give the same requests and the same error, however the network cuts them.
//!
//! The first byte of the input is the number of cuts; the second chooses the limits: Valkey's, or narrow ones that a
//! fuzzer reaches. Then come the lengths of the pieces, and the bytes of the client. The last piece is the rest.

use bytes::{Bytes, BytesMut};
use valthree::resp::{Limits, Parser, ProtocolError};

const NARROW: Limits = Limits { bulk_bytes: 40, arguments: 5, inline_bytes: 30, request_bytes: 250 };

fn parse<'a>(limits: Limits, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<Bytes>>, Option<ProtocolError>) {
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
                    assert_eq!(parser.next(&mut input), Err(error), "an error is for good");
                    return (requests, Some(error));
                }
            }
        }
    }
    (requests, None)
}

/// Cuts bytes into pieces of these lengths; the last piece is the rest.
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

/// Parses the bytes whole, in pieces, and byte by byte.
pub fn check(data: &[u8]) {
    let [cuts, narrow, data @ ..] = data else {
        return;
    };
    let (lengths, bytes) = data.split_at(usize::from(*cuts).min(data.len()));
    let limits = if narrow % 2 == 0 { NARROW } else { Limits::default() };
    let whole = parse(limits, [bytes].into_iter());
    assert_eq!(parse(limits, cut(bytes, lengths).into_iter()), whole);
    assert_eq!(parse(limits, bytes.chunks(1)), whole);
}
