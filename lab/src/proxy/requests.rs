//! A reader that finds the requests in a stream of HTTP/1.1, whatever pieces it arrives in. It parses bodies, since a body
//! may look like a request, and since pipelined requests share a piece.

use serde::Serialize;

/// The longest line of a request, in bytes. Servers accept less.
const MAX_LINE: usize = 64 * 1024;

/// The methods of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "their names say it")]
pub enum Method {
    Get,
    Head,
    Put,
    Post,
    Delete,
    Options,
    Patch,
    Trace,
}

impl Method {
    fn parse(name: &[u8]) -> Option<Method> {
        Some(match name {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            b"PUT" => Method::Put,
            b"POST" => Method::Post,
            b"DELETE" => Method::Delete,
            b"OPTIONS" => Method::Options,
            b"PATCH" => Method::Patch,
            b"TRACE" => Method::Trace,
            _ => return None,
        })
    }
}

/// The reader of one connection's requests.
#[derive(Debug, Default)]
pub struct RequestReader {
    expected: NextElement,
    /// The beginning of an incomplete line.
    line: Vec<u8>,
}

/// The next element of the stream.
#[derive(Debug, Default)]
enum NextElement {
    /// The first line of a request, or an empty one before it.
    #[default]
    Request,
    /// A header or the empty line after them.
    Header { method: Method, body: Body },
    /// The rest of a body or of a chunk.
    Bytes { left: u64, then: Then },
    /// The line with a chunk's size.
    ChunkSize,
    /// The line end after a chunk.
    ChunkEnd,
    /// A header after the last chunk, or the empty line after them.
    Trailer,
    /// Nothing: this is not HTTP/1.1.
    Nothing,
}

/// How a request's body ends, by its headers so far. A chunked encoding overrules a length.
#[derive(Clone, Copy, Debug)]
enum Body {
    Length(u64),
    Chunked,
}

/// The element after counted bytes.
#[derive(Clone, Copy, Debug)]
enum Then {
    Request,
    ChunkEnd,
}

impl RequestReader {
    /// A reader at the beginning of a connection.
    pub fn new() -> RequestReader {
        RequestReader::default()
    }

    /// Whether the stream has turned out to be something other than HTTP/1.1, or left it with CONNECT. The reader then finds
    /// no more requests.
    pub fn foreign(&self) -> bool {
        matches!(self.expected, NextElement::Nothing)
    }

    /// Whether the last request is complete and the next one has not begun.
    pub fn between(&self) -> bool {
        matches!(self.expected, NextElement::Request) && self.line.is_empty()
    }

    /// Reads these bytes. Calls `found` for every request whose head ends in them, with the index of the head's last byte.
    pub fn read(&mut self, mut bytes: &[u8], mut found: impl FnMut(Method, usize)) {
        let length = bytes.len();
        while !bytes.is_empty() {
            match &mut self.expected {
                NextElement::Nothing => return,
                NextElement::Bytes { left, then } => {
                    let now = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = &bytes[now..];
                    *left -= now as u64;
                    if *left == 0 {
                        self.expected = match then {
                            Then::Request => NextElement::Request,
                            Then::ChunkEnd => NextElement::ChunkEnd,
                        };
                    }
                }
                _ => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    self.line.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
                    bytes = end.map_or(&[], |end| &bytes[end + 1..]);
                    if self.line.len() > MAX_LINE {
                        self.expected = NextElement::Nothing;
                        self.line = Vec::new();
                    } else if end.is_some() {
                        let mut line = std::mem::take(&mut self.line);
                        let at = length - bytes.len() - 1;
                        let line_text = line.strip_suffix(b"\r").unwrap_or(&line);
                        self.expected = self.after(line_text, &mut |method| found(method, at));
                        line.clear();
                        self.line = line; // keeps the allocation
                    }
                }
            }
        }
    }

    /// The element after this line; `Nothing` if the line is wrong here.
    fn after(&self, line: &[u8], count: &mut impl FnMut(Method)) -> NextElement {
        let next = match self.expected {
            NextElement::Request if line.is_empty() => Some(NextElement::Request),
            NextElement::Request => {
                request_line(line).map(|method| NextElement::Header { method, body: Body::Length(0) })
            }
            NextElement::Header { method, body } if line.is_empty() => {
                count(method);
                Some(match body {
                    Body::Length(0) => NextElement::Request,
                    Body::Length(left) => NextElement::Bytes { left, then: Then::Request },
                    Body::Chunked => NextElement::ChunkSize,
                })
            }
            NextElement::Header { method, body } => header(line, body).map(|body| NextElement::Header { method, body }),
            NextElement::ChunkSize => chunk_size(line).map(|size| match size {
                0 => NextElement::Trailer,
                left => NextElement::Bytes { left, then: Then::ChunkEnd },
            }),
            NextElement::ChunkEnd => line.is_empty().then_some(NextElement::ChunkSize),
            NextElement::Trailer if line.is_empty() => Some(NextElement::Request),
            NextElement::Trailer => Some(NextElement::Trailer),
            NextElement::Bytes { .. } | NextElement::Nothing => unreachable!("these elements are not lines"),
        };
        next.unwrap_or(NextElement::Nothing)
    }
}

fn request_line(line: &[u8]) -> Option<Method> {
    let mut words = line.split(|byte| *byte == b' ');
    let (method, _target, version) = (words.next()?, words.next()?, words.next()?);
    (words.next().is_none() && version.starts_with(b"HTTP/1.")).then(|| Method::parse(method))?
}

/// How the body ends, given one more header. `None` if that cannot be told.
fn header(line: &[u8], body: Body) -> Option<Body> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    if name.eq_ignore_ascii_case(b"transfer-encoding") {
        // Chunked must be the last encoding. Otherwise the body ends with the connection.
        let last = value.rsplit(|byte| *byte == b',').next()?.trim_ascii();
        return last.eq_ignore_ascii_case(b"chunked").then_some(Body::Chunked);
    }
    if name.eq_ignore_ascii_case(b"content-length") && matches!(body, Body::Length(_)) {
        let value = std::str::from_utf8(value).ok()?;
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        return digits.then(|| value.parse().ok())?.map(Body::Length);
    }
    Some(body)
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let size = line.split(|byte| *byte == b';').next()?.trim_ascii();
    let size = std::str::from_utf8(size).ok()?;
    let digits = size.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u64::from_str_radix(size, 16).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The methods that a reader finds in a stream, in pieces of these sizes in turn, and whether it turned foreign.
    fn read(stream: &[u8], pieces: &[usize]) -> (Vec<Method>, bool) {
        let (mut requests, mut methods, mut rest) = (RequestReader::new(), Vec::new(), stream);
        for piece in pieces.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*piece).min(rest.len()));
            requests.read(now, |method, at| {
                assert_eq!(now[at], b'\n');
                methods.push(method);
            });
            rest = later;
        }
        (methods, requests.foreign())
    }

    const LURE: &str = "GET /x HTTP/1.1\r\n\r\n";

    #[derive(Clone, Debug)]
    enum Sent {
        Bare(Method),
        Length(Method, Vec<u8>),
        Chunked(Method, Vec<Vec<u8>>),
    }

    fn method() -> impl Strategy<Value = Method> {
        prop_oneof![Just(Method::Get), Just(Method::Head), Just(Method::Put), Just(Method::Delete)]
    }

    /// Bodies that look like requests, like chunks, or random.
    fn body() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            Just(LURE.as_bytes().to_vec()),
            Just(b"0\r\n\r\nPUT /x HTTP/1.1\r\n\r\n".to_vec()),
            proptest::collection::vec(any::<u8>(), 1..200),
        ]
    }

    fn sent() -> impl Strategy<Value = Sent> {
        prop_oneof![
            method().prop_map(Sent::Bare),
            (method(), body()).prop_map(|(method, body)| Sent::Length(method, body)),
            (method(), proptest::collection::vec(body(), 0..4)).prop_map(|(method, body)| Sent::Chunked(method, body)),
        ]
    }

    impl Sent {
        fn write(&self, stream: &mut Vec<u8>) -> Method {
            let name = |method: &Method| serde_json::to_string(method).unwrap().trim_matches('"').to_owned();
            match self {
                Sent::Bare(method) => {
                    stream.extend(format!("{} / HTTP/1.1\r\nhost: x\r\n\r\n", name(method)).bytes());
                    *method
                }
                Sent::Length(method, body) => {
                    let length = body.len();
                    stream.extend(format!("{} / HTTP/1.1\r\nContent-Length:{length}\r\n\r\n", name(method)).bytes());
                    stream.extend(body);
                    *method
                }
                Sent::Chunked(method, chunks) => {
                    let head = format!("{} / HTTP/1.1\r\nTRANSFER-ENCODING: gzip, Chunked \r\n\r\n", name(method));
                    stream.extend(head.bytes());
                    for chunk in chunks {
                        stream.extend(format!("{:X};chunk-signature=x\r\n", chunk.len()).bytes());
                        stream.extend(chunk);
                        stream.extend(b"\r\n");
                    }
                    stream.extend(b"0\r\nx-amz-checksum-crc32: x\r\n\r\n");
                    *method
                }
            }
        }
    }

    proptest! {
        #[test]
        fn pipelined_requests_are_found_in_pieces_of_any_size(
            sent in proptest::collection::vec(sent(), 0..12),
            pieces in proptest::collection::vec(1usize..300, 1..20),
        ) {
            let mut stream = Vec::new();
            let methods: Vec<_> = sent.iter().map(|sent| sent.write(&mut stream)).collect();
            prop_assert_eq!(read(&stream, &pieces), (methods, false));
        }

        #[test]
        fn random_bytes_read_the_same_in_pieces_of_any_size(stream in proptest::collection::vec(any::<u8>(), 0..400), piece in 1usize..50) {
            let whole = read(&stream, &[stream.len().max(1)]);
            prop_assert_eq!(read(&stream, &[piece]), whole);
        }
    }

    #[test]
    fn a_stream_that_is_not_http_1_has_no_requests() {
        let foreign: [&[u8]; 7] = [
            b"*1\r\n$4\r\nPING\r\n",
            b"PRI * HTTP/2.0\r\n\r\n",
            b"CONNECT x:1 HTTP/1.1\r\n\r\n",
            b"PUT / HTTP/1.1\r\ncontent-length: +4\r\n\r\n",
            b"PUT / HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n",
            b"PUT / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n",
            b"PUT / HTTP/1.1\r\nno colon\r\n\r\n",
        ];
        for start in foreign {
            let stream = [start, LURE.as_bytes()].concat();
            assert_eq!(read(&stream, &[7]), (vec![], true), "{}", String::from_utf8_lossy(start));
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_not_http() {
        assert_eq!(read(&vec![b'x'; MAX_LINE + 1], &[1000]), (vec![], true));
        assert_eq!(read(&vec![b'x'; MAX_LINE], &[1000]), (vec![], false));
    }
}
