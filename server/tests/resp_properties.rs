//! What holds of the wire protocol for any requests, replies and bytes. The crate redis-protocol knows the protocol independently of us.

use bytes::{Bytes, BytesMut};
use proptest::{collection::vec, prelude::*, sample::Index};
use redis_protocol::{resp2, resp3};
use valthree::resp::{Limits, Parser, Protocol, ProtocolError, Reply};

type Parsed = (Vec<Vec<Bytes>>, Option<ProtocolError>);

/// Parses `bytes`, which arrive in pieces that end at `cuts`.
fn parse(limits: Limits, bytes: &[u8], cuts: &[Index]) -> Parsed {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let mut parser = Parser::new(limits);
    let mut input = BytesMut::new();
    let mut requests = Vec::new();
    let mut begin = 0;
    for end in ends {
        input.extend_from_slice(&bytes[begin..end]);
        begin = end;
        loop {
            match parser.next(&mut input) {
                Ok(Some(request)) => requests.push(request),
                Ok(None) => break,
                Err(error) => return (requests, Some(error)),
            }
        }
    }
    (requests, None)
}

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    vec(any::<Index>(), 0..20)
}

/// Mostly short; some long enough that the parser does not copy them.
fn argument() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        20 => vec(any::<u8>(), 0..20).prop_map(Bytes::from),
        1 => (any::<u8>(), 30_000..100_000_usize).prop_map(|(byte, length)| Bytes::from(vec![byte; length])),
    ]
}

fn requests() -> impl Strategy<Value = Vec<Vec<Bytes>>> {
    vec(vec(argument(), 1..6), 0..6)
}

/// Small limits, so that few bytes suffice to break them.
const NARROW: Limits = Limits { bulk_bytes: 40, arguments: 5, inline_bytes: 30, request_bytes: 250 };

/// Bytes that get far into the parser before they turn out to be wrong, or right.
fn likely_bytes() -> impl Strategy<Value = Vec<u8>> {
    let fragment = prop_oneof![
        8 => (0..6_i64).prop_map(|count| format!("*{count}\r\n").into_bytes()),
        8 => vec(any::<u8>(), 0..40).prop_map(|bytes| {
            [format!("${}\r\n", bytes.len()).as_bytes(), &bytes, b"\r\n"].concat()
        }),
        8 => "[ a-z\"'\\\\]{0,12}(\r?\n|)".prop_map(String::into_bytes),
        1 => "[*$]?[-+ ]?[0-9]{0,20}\r\n".prop_map(String::into_bytes),
        1 => vec(prop::sample::select(&b"*$\r\n\"'\\x0123"[..]), 0..40),
        1 => vec(any::<u8>(), 0..20),
    ];
    vec(fragment, 0..30).prop_map(|fragments| fragments.concat())
}

proptest! {
    #[test]
    fn any_requests_in_any_pieces_are_read_as_they_were_sent(requests in requests(), cuts in cuts()) {
        let mut wire = BytesMut::new();
        for request in &requests {
            Reply::Array(request.iter().cloned().map(Reply::Bulk).collect()).encode(Protocol::Resp2, &mut wire);
        }
        prop_assert_eq!(parse(Limits::default(), &wire, &cuts), (requests, None));
    }

    #[test]
    fn what_another_client_sends_is_understood(requests in requests(), cuts in cuts()) {
        let mut wire = BytesMut::new();
        for request in &requests {
            let bulks = request.iter().cloned().map(resp2::types::BytesFrame::BulkString).collect();
            resp2::encode::extend_encode(&mut wire, &resp2::types::BytesFrame::Array(bulks), false).unwrap();
        }
        prop_assert_eq!(parse(Limits::default(), &wire, &cuts), (requests, None));
    }

    #[test]
    fn a_quoted_line_is_read_as_its_words(words in vec(vec(any::<u8>(), 0..20), 1..6), cuts in cuts()) {
        let quoted = |word: &Vec<u8>| {
            let digits: String = word.iter().map(|byte| format!("\\x{byte:02x}")).collect();
            format!("\"{digits}\"")
        };
        let line = words.iter().map(quoted).collect::<Vec<_>>().join(" ") + "\r\n";
        let words = words.into_iter().map(Bytes::from).collect();
        prop_assert_eq!(parse(Limits::default(), line.as_bytes(), &cuts), (vec![words], None));
    }

    #[test]
    fn pieces_make_no_difference_even_to_garbage(bytes in likely_bytes(), cuts in cuts()) {
        for limits in [NARROW, Limits::default()] {
            prop_assert_eq!(parse(limits, &bytes, &cuts), parse(limits, &bytes, &[]));
        }
    }

    #[test]
    fn single_bytes_make_no_difference_even_to_garbage(bytes in likely_bytes()) {
        let mut parser = Parser::new(NARROW);
        let mut input = BytesMut::new();
        let (mut requests, mut error) = (Vec::new(), None);
        for byte in &bytes {
            input.extend_from_slice(&[*byte]);
            match parser.next(&mut input) {
                Ok(request) => requests.extend(request),
                Err(found) => error = Some(found),
            }
        }
        prop_assert_eq!((requests, error), parse(NARROW, &bytes, &[]));
    }

    #[test]
    fn resp2_replies_are_understood(replies in vec(reply(), 1..4)) {
        let mut wire = BytesMut::new();
        replies.iter().for_each(|reply| reply.encode(Protocol::Resp2, &mut wire));
        for reply in &replies {
            let (frame, length, _) = resp2::decode::decode_bytes_mut(&mut wire).unwrap().unwrap();
            prop_assert!(length > 0);
            prop_assert_eq!(frame, resp2_frame(reply));
        }
        prop_assert!(wire.is_empty());
    }

    #[test]
    fn resp3_replies_are_understood(replies in vec(reply(), 1..4)) {
        let mut wire = BytesMut::new();
        replies.iter().for_each(|reply| reply.encode(Protocol::Resp3, &mut wire));
        for reply in &replies {
            let (frame, length, _) = resp3::decode::complete::decode_bytes_mut(&mut wire).unwrap().unwrap();
            prop_assert!(length > 0);
            prop_assert_eq!(frame, resp3_frame(reply));
        }
        prop_assert!(wire.is_empty());
    }
}

/// Replies without parts, which may be keys of a map or members of a set.
fn scalar() -> impl Strategy<Value = Reply> {
    prop_oneof![
        any::<String>().prop_map(Reply::simple),
        any::<String>().prop_map(Reply::error),
        any::<i64>().prop_map(Reply::Integer),
        argument().prop_map(Reply::Bulk),
        any::<String>().prop_map(|text| Reply::Verbatim(text.into())),
    ]
}

fn reply() -> impl Strategy<Value = Reply> {
    let leaf = prop_oneof![8 => scalar(), 1 => Just(Reply::Null), 1 => Just(Reply::NullArray)];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Reply::Array),
            vec((scalar(), inner), 0..6).prop_map(|pairs| Reply::Map(distinct(pairs))),
            vec(scalar(), 0..6).prop_map(Reply::Set),
        ]
    })
}

/// No map of ours has a key twice, and the other decoder keeps only one of them.
fn distinct(pairs: Vec<(Reply, Reply)>) -> Vec<(Reply, Reply)> {
    let mut distinct: Vec<(Reply, Reply)> = Vec::new();
    for (key, value) in pairs {
        if distinct.iter().all(|(other, _)| resp3_frame(other) != resp3_frame(&key)) {
            distinct.push((key, value));
        }
    }
    distinct
}

/// How a text arrives that must fit on one line.
fn one_line(text: &Bytes) -> String {
    String::from_utf8(text.to_vec()).unwrap().replace(['\r', '\n'], " ")
}

fn resp2_frame(reply: &Reply) -> resp2::types::BytesFrame {
    use resp2::types::BytesFrame;
    match reply {
        Reply::Simple(text) => BytesFrame::SimpleString(one_line(text).into()),
        Reply::Error(text) => BytesFrame::Error(one_line(text).into()),
        Reply::Integer(number) => BytesFrame::Integer(*number),
        Reply::Bulk(bytes) => BytesFrame::BulkString(bytes.clone()),
        Reply::Verbatim(text) => BytesFrame::BulkString(text.clone()),
        Reply::Null | Reply::NullArray => BytesFrame::Null,
        Reply::Array(replies) | Reply::Set(replies) => BytesFrame::Array(replies.iter().map(resp2_frame).collect()),
        Reply::Prepared(prepared) => resp2_frame(prepared.reply()),
        Reply::Map(pairs) => {
            BytesFrame::Array(pairs.iter().flat_map(|(key, value)| [resp2_frame(key), resp2_frame(value)]).collect())
        }
        Reply::Pairs(_)
        | Reply::Double(_)
        | Reply::Decimal(_)
        | Reply::Boolean(_)
        | Reply::BigNumber(_)
        | Reply::Encoded(_) => {
            unreachable!("none is drawn")
        }
    }
}

fn resp3_frame(reply: &Reply) -> resp3::types::BytesFrame {
    use resp3::types::{BytesFrame, VerbatimStringFormat};
    let attributes = None;
    match reply {
        Reply::Simple(text) => BytesFrame::SimpleString { data: one_line(text).into(), attributes },
        Reply::Error(text) => BytesFrame::SimpleError { data: one_line(text).into(), attributes },
        Reply::Integer(number) => BytesFrame::Number { data: *number, attributes },
        Reply::Bulk(bytes) => BytesFrame::BlobString { data: bytes.clone(), attributes },
        Reply::Verbatim(text) => {
            BytesFrame::VerbatimString { data: text.clone(), format: VerbatimStringFormat::Text, attributes }
        }
        Reply::Null | Reply::NullArray => BytesFrame::Null,
        Reply::Array(replies) => BytesFrame::Array { data: replies.iter().map(resp3_frame).collect(), attributes },
        Reply::Set(replies) => BytesFrame::Set { data: replies.iter().map(resp3_frame).collect(), attributes },
        Reply::Prepared(prepared) => resp3_frame(prepared.reply()),
        Reply::Map(pairs) => BytesFrame::Map {
            data: pairs.iter().map(|(key, value)| (resp3_frame(key), resp3_frame(value))).collect(),
            attributes,
        },
        Reply::Pairs(_)
        | Reply::Double(_)
        | Reply::Decimal(_)
        | Reply::Boolean(_)
        | Reply::BigNumber(_)
        | Reply::Encoded(_) => {
            unreachable!("none is drawn")
        }
    }
}
