use proptest::prelude::*;

use super::*;

fn parser() -> Parser {
    Parser::new(Limits::default())
}

/// Every request in `bytes`, and the error that ends them, if any.
fn parse(bytes: &[u8]) -> (Vec<Vec<Bytes>>, Option<ProtocolError>) {
    parse_pieces(&mut parser(), bytes.chunks(bytes.len().max(1)))
}

fn parse_pieces<'a>(
    parser: &mut Parser,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Vec<Bytes>>, Option<ProtocolError>) {
    let mut input = BytesMut::new();
    let mut requests = Vec::new();
    for piece in pieces {
        input.extend_from_slice(piece);
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

fn request(words: &[&'static str]) -> Vec<Bytes> {
    words.iter().map(|word| Bytes::from_static(word.as_bytes())).collect()
}

fn error(bytes: &[u8]) -> Option<ProtocolError> {
    let (requests, error) = parse(bytes);
    assert!(requests.is_empty(), "{:?}", bytes.escape_ascii());
    error
}

#[test]
fn both_forms_may_follow_each_other() {
    let (requests, error) = parse(b"*2\r\n$3\r\nGET\r\n$1\r\n\n\r\nPING\n ECHO \"a b\"\r\n*1\r\n$0\r\n\r\n*1");
    assert_eq!(requests, [request(&["GET", "\n"]), request(&["PING"]), request(&["ECHO", "a b"]), request(&[""])]);
    assert_eq!(error, None);
}

#[test]
fn a_request_without_words_is_skipped() {
    let (requests, error) = parse(b"\r\n\n  \r\n*0\r\n*-1\r\n*-9223372036854775808\r\nPING\r\n");
    assert_eq!((requests, error), (vec![request(&["PING"])], None));
}

#[test]
fn the_two_bytes_behind_an_argument_may_be_any() {
    assert_eq!(parse(b"*1\rX$4\rYPINGXY*1"), (vec![request(&["PING"])], None));
}

#[test]
fn a_number_has_one_spelling() {
    for text in ["+1", "01", "-0", "", " 1", "1 ", "1\n", "x", "-", "--1", "9223372036854775808"] {
        assert_eq!(strict_integer(text.as_bytes()), None, "{text:?}");
        assert_eq!(error(format!("*{text}\r\n").as_bytes()), Some(ProtocolError::InvalidCount), "{text:?}");
        let bulk = format!("*1\r\n${text}\r\n");
        assert_eq!(error(bulk.as_bytes()), Some(ProtocolError::InvalidLength), "{text:?}");
    }
    for number in [0, 1, -1, 10, i64::MAX, i64::MIN] {
        assert_eq!(strict_integer(number.to_string().as_bytes()), Some(number));
    }
    assert_eq!(error(b"*1\r\n$-1\r\n"), Some(ProtocolError::InvalidLength));
}

#[test]
fn the_limits_are_those_of_valkey() {
    assert_eq!(error(b"*2147483647\r\n"), None);
    assert_eq!(error(b"*2147483648\r\n"), Some(ProtocolError::InvalidCount));
    assert_eq!(error(b"*1\r\n$536870912\r\n"), None);
    assert_eq!(error(b"*1\r\n$536870913\r\n"), Some(ProtocolError::ArgumentTooLong(Limits::BULK_BYTES)));
}

#[test]
fn a_line_ends_within_64_kib() {
    let cases = [
        ("1", "\n", ProtocolError::InlineTooBig, None),
        ("*", "\r\n", ProtocolError::CountTooBig, Some(ProtocolError::InvalidCount)),
        ("*1\r\n$", "\r\n", ProtocolError::LengthTooBig, Some(ProtocolError::InvalidLength)),
        ("*1\r\n!", "\r\n", ProtocolError::LengthTooBig, Some(ProtocolError::ExpectedBulk(b'!'))),
    ];
    for (begin, end, too_big, when_whole) in cases {
        let longest = format!("{begin}{}", "1".repeat(Limits::INLINE_BYTES - 1));
        assert_eq!(error(longest.as_bytes()), None, "it may still end: {begin:?}");
        assert_eq!(parse(format!("{longest}{end}").as_bytes()).1, when_whole, "{begin:?}");
        for too_long in [format!("{longest}1"), format!("{longest}1{end}")] {
            assert_eq!(error(too_long.as_bytes()), Some(too_big), "{begin:?}");
        }
    }
}

#[test]
fn a_line_with_a_nul_never_ends() {
    let cases = [
        ("ECHO a", ProtocolError::InlineTooBig),
        ("\"", ProtocolError::InlineTooBig),
        ("*1", ProtocolError::CountTooBig),
        ("*1\r\n$4", ProtocolError::LengthTooBig),
        ("*1\r\n", ProtocolError::LengthTooBig),
    ];
    for (begin, too_big) in cases {
        let line = format!("{begin}\0b\r\n");
        let length = line.len() - begin.rfind('\n').map_or(0, |end| end + 1);
        let most = format!("{line}{}", "PING\r\n".repeat(20_000)).into_bytes();
        let most = &most[..Limits::INLINE_BYTES + line.len() - length];
        assert_eq!(parse(most), (vec![], None), "{begin:?}");
        assert_eq!(parse(&[most, b"x"].concat()), (vec![], Some(too_big)), "{begin:?}");
    }
    let (requests, error) = parse(b"PING\r\n\0\r\nPING\r\n");
    assert_eq!((requests, error), (vec![request(&["PING"])], None));
    assert_eq!(parse(b"ECHO \"a\\x00b\"\n"), (vec![request(&["ECHO", "a\0b"])], None), "an escaped NUL is a byte");
}

#[test]
fn a_request_is_limited_as_a_whole() {
    let limits = Limits { request_bytes: 2 * (ARGUMENT_OVERHEAD + 10), ..Limits::default() };
    let twenty = b"*2\r\n$9\r\n123456789\r\n$11\r\n12345678901\r\n";
    let parse = |bytes: &[u8]| parse_pieces(&mut Parser::new(limits), [bytes]);
    let (requests, error) = parse(&twenty.repeat(3));
    assert_eq!((requests.len(), error), (3, None), "each request is counted for itself");
    assert_eq!(
        parse(b"*2\r\n$9\r\n123456789\r\n$12\r\n"),
        (vec![], Some(ProtocolError::RequestTooBig(limits.request_bytes)))
    );
    let empty = b"$0\r\n\r\n".repeat(3);
    let (_, error) = parse(&[b"*3\r\n", empty.as_slice()].concat());
    assert_eq!(error, Some(ProtocolError::RequestTooBig(limits.request_bytes)), "empty arguments count, too");
}

#[test]
fn errors_are_told_in_the_words_of_valkey() {
    let cases: [(&[u8], &str); 6] = [
        (b"ECHO 'a\n", "unbalanced quotes in request"),
        (b"*x\r\n", "invalid multibulk length"),
        (b"*1\r\nx\r\n", "expected '$', got 'x'"),
        (b"*1\r\n\r\n", "expected '$', got ' '"),
        (b"*1\r\n$x\r\n", "invalid bulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
    ];
    for (bytes, text) in cases {
        let mut out = BytesMut::new();
        error(bytes).unwrap().reply().encode(crate::resp::Protocol::Resp2, &mut out);
        assert_eq!(out, format!("-ERR Protocol error: {text}\r\n"));
    }
    let mut out = BytesMut::new();
    error(b"*1\r\n\xff\r\n").unwrap().reply().encode(crate::resp::Protocol::Resp2, &mut out);
    assert_eq!(&out[..], b"-ERR Protocol error: expected '$', got '\xff'\r\n");
    let too_long = ProtocolError::ArgumentTooLong(1024).to_string();
    assert_eq!(too_long, "invalid bulk length: a value, key or other word may have 1024 bytes, see --max-value");
    let too_big = ProtocolError::RequestTooBig(2048).to_string();
    assert!(
        too_big.starts_with("too big request: ") && too_big.ends_with("2048 bytes, see --max-request"),
        "{too_big}"
    );
    assert_eq!(ProtocolError::InlineTooBig.to_string(), "too big inline request");
    assert_eq!(ProtocolError::CountTooBig.to_string(), "too big mbulk count string");
    assert_eq!(ProtocolError::LengthTooBig.to_string(), "too big bulk count string");
}

#[test]
fn after_an_error_there_is_only_that_error() {
    let mut parser = Parser::new(Limits { request_bytes: 50, ..Limits::default() });
    let mut input = BytesMut::from(&b"*1\r\n$30\r\nPING\r\n"[..]);
    for _ in 0..3 {
        assert_eq!(parser.next(&mut input), Err(ProtocolError::RequestTooBig(50)));
        input.extend_from_slice(b"PING\r\n");
    }
}

/// What the parser holds, the unparsed input not counted.
fn held_bytes(parser: &Parser) -> usize {
    let bytes: usize = parser.arguments.iter().map(Bytes::len).sum();
    bytes + parser.arguments.capacity() * mem::size_of::<Bytes>()
}

#[test]
fn an_announcement_takes_no_memory() {
    let mut parser = parser();
    let mut input = BytesMut::from(&b"*2147483647\r\n$536870912\r\n"[..]);
    assert_eq!(parser.next(&mut input), Ok(None));
    assert!(held_bytes(&parser) <= FIRST_ARGUMENTS * mem::size_of::<Bytes>());
    assert!(input.capacity() <= KEEP_BUFFER_BYTES);
}

fn mset(pairs: usize, value: usize) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n$4\r\nMSET\r\n", 1 + 2 * pairs).into_bytes();
    for pair in 0..pairs {
        let key = format!("key:{pair}");
        bytes.extend_from_slice(format!("${}\r\n{key}\r\n${value}\r\n", key.len()).as_bytes());
        bytes.resize(bytes.len() + value, b'v');
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

#[test]
fn no_byte_is_touched_twice_however_a_request_dribbles_in() {
    let inline = [b"ECHO ".as_slice(), &[b'x'; 60_000], b"\n"].concat();
    for bytes in [mset(10_000, 80), mset(1, 1 << 20), inline] {
        for piece in [1, 2, 7, 1_000, bytes.len()] {
            let mut parser = parser();
            let (requests, error) = parse_pieces(&mut parser, bytes.chunks(piece));
            assert_eq!((requests.len(), error), (1, None));
            // The line ends are searched once more if the last byte of a line is late, hence not `bytes.len()`.
            let lines = 2 * requests[0].len() + 1;
            assert!(parser.touched <= bytes.len() + lines, "{} for {}", parser.touched, bytes.len());
        }
    }
}

#[test]
fn a_large_argument_is_not_copied_when_it_is_whole() {
    let mut parser = parser();
    let bytes = mset(1, 1 << 20);
    let (requests, _) = parse_pieces(&mut parser, bytes.chunks(16 << 10));
    assert_eq!(requests[0][2].len(), 1 << 20);
    assert!(parser.touched < 32 << 10, "{}", parser.touched);
}

#[test]
fn an_argument_does_not_pin_a_buffer_far_larger_than_itself() {
    let large = format!("*1\r\n$40000\r\n{}\r\n", "v".repeat(40_000)).into_bytes();
    // So many that the large argument ends where the buffer does, which then looks as if it were hardly larger.
    let pings = b"*1\r\n$4\r\nPING\r\n".repeat(72_000);
    for bytes in [b"*1\r\n$4\r\nPING\r\n", &large[..], &[pings, large.clone()].concat()] {
        let mut input = BytesMut::with_capacity(1 << 20);
        input.extend_from_slice(bytes);
        let buffer = input.as_ptr_range().start..input.as_ptr().wrapping_add(1 << 20);
        let mut parser = parser();
        while let Some(request) = parser.next(&mut input).unwrap() {
            assert!(!buffer.contains(&request[0].as_ptr()));
        }
    }
}

#[test]
fn an_argument_is_copied_out_of_a_buffer_that_grew_too_far() {
    let mut parser = parser();
    let mut input = BytesMut::from(&b"*1\r\n$40000\r\n"[..]);
    assert_eq!(parser.next(&mut input), Ok(None));
    input.reserve(1 << 20);
    let buffer = input.as_ptr();
    input.extend_from_slice(&[b'v'; 40_002]);
    let request = parser.next(&mut input).unwrap().unwrap();
    assert_eq!(request[0].len(), 40_000);
    assert_ne!(request[0].as_ptr(), buffer);
}

proptest! {
    #[test]
    fn memory_follows_what_was_received(pieces in prop::collection::vec(wire_piece(), 0..200)) {
        let mut parser = parser();
        let mut input = BytesMut::new();
        let mut received = 0;
        for piece in pieces {
            received += piece.len();
            input.extend_from_slice(&piece);
            while let Ok(Some(_)) = parser.next(&mut input) {}
            // An empty argument takes six bytes on the wire and 32 in memory, twice that while the list of arguments doubles.
            let constant = KEEP_BUFFER_BYTES + FIRST_ARGUMENTS * mem::size_of::<Bytes>();
            prop_assert!(held_bytes(&parser) + input.capacity() <= constant + 12 * received);
        }
    }
}

/// Something that may occur in a request, whole or broken.
fn wire_piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => (0..3_000_000_000_i64).prop_map(|count| format!("*{count}\r\n").into_bytes()),
        1 => (0..600_000_000_u32).prop_map(|length| format!("${length}\r\n").into_bytes()),
        8 => Just(b"$0\r\n\r\n".to_vec()),
        4 => Just(b"$3\r\nabc\r\n".to_vec()),
        1 => (any::<u8>(), 0..100_000_usize).prop_map(|(byte, length)| vec![byte; length]),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}
