//! Replies, and their bytes in RESP2 and RESP3.

use std::borrow::Cow;

use bytes::{Buf as _, BufMut, Bytes, BytesMut};
use smallvec::SmallVec;

/// The version of the protocol that a connection speaks; `HELLO` changes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What a connection speaks until it says otherwise.
    #[default]
    Resp2,
    /// Has nulls, maps, sets and verbatim strings of its own.
    Resp3,
}

/// What a command answers, before it is known how the connection wants it written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `+OK`
    Simple(Cow<'static, str>),
    /// `-ERR ...`, the code included, the dash not.
    Error(Cow<'static, str>),
    /// `:1`
    Integer(i64),
    /// `$3`, binary-safe.
    Bulk(Bytes),
    /// A text for people: a bulk string in RESP2, `=...txt:` in RESP3.
    Verbatim(String),
    /// The absent value: `$-1` in RESP2, `_` in RESP3.
    Null,
    /// The absent array: `*-1` in RESP2, `_` in RESP3.
    NullArray,
    /// `*2`
    Array(Vec<Reply>),
    /// A flat array in RESP2, `%` in RESP3.
    Map(Vec<(Reply, Reply)>),
    /// An array in RESP2, `~` in RESP3.
    Set(Vec<Reply>),
}

impl Reply {
    /// `+OK`
    pub const OK: Reply = Reply::Simple(Cow::Borrowed("OK"));

    /// A simple string.
    pub fn simple(text: impl Into<Cow<'static, str>>) -> Reply {
        Reply::Simple(text.into())
    }

    /// An error; the text begins with its code, like `ERR`.
    pub fn error(text: impl Into<Cow<'static, str>>) -> Reply {
        Reply::Error(text.into())
    }

    /// A binary-safe string.
    pub fn bulk(bytes: impl Into<Bytes>) -> Reply {
        Reply::Bulk(bytes.into())
    }

    /// A number of things.
    pub fn count(things: usize) -> Reply {
        Reply::Integer(i64::try_from(things).unwrap_or(i64::MAX))
    }

    fn bulk_bytes(&self) -> usize {
        match self {
            Reply::Bulk(bytes) => bytes.len(),
            Reply::Array(replies) => replies.iter().map(Reply::bulk_bytes).sum(),
            _ => 0,
        }
    }

    /// Appends the bytes of the reply to `out`.
    pub fn encode(&self, protocol: Protocol, out: &mut BytesMut) {
        let resp3 = protocol == Protocol::Resp3;
        match self {
            Reply::Simple(text) => line(b'+', text, out),
            Reply::Error(text) => line(b'-', text, out),
            Reply::Integer(number) => header(b':', *number, out),
            Reply::Bulk(bytes) => bulk(bytes, out),
            Reply::Verbatim(text) if resp3 => {
                header(b'=', VERBATIM_FORMAT.len() + text.len(), out);
                out.extend_from_slice(VERBATIM_FORMAT);
                out.extend_from_slice(text.as_bytes());
                out.extend_from_slice(b"\r\n");
            }
            Reply::Verbatim(text) => bulk(text.as_bytes(), out),
            Reply::Null | Reply::NullArray if resp3 => out.extend_from_slice(b"_\r\n"),
            Reply::Null => out.extend_from_slice(b"$-1\r\n"),
            Reply::NullArray => out.extend_from_slice(b"*-1\r\n"),
            Reply::Array(replies) => {
                header(b'*', replies.len(), out);
                encode_all(replies, protocol, out);
            }
            Reply::Set(replies) => {
                header(if resp3 { b'~' } else { b'*' }, replies.len(), out);
                encode_all(replies, protocol, out);
            }
            Reply::Map(pairs) => {
                let (kind, length) = if resp3 { (b'%', pairs.len()) } else { (b'*', 2 * pairs.len()) };
                header(kind, length, out);
                for (key, value) in pairs {
                    key.encode(protocol, out);
                    value.encode(protocol, out);
                }
            }
        }
    }
}

/// Replies that are written down piece by piece, as there is room. Values are only referred to until then, so that an
/// `MGET` which names a large one a hundred thousand times takes no more memory than what was written of it.
#[derive(Debug, Default)]
pub struct Unwritten {
    protocol: Protocol,
    /// The next one last.
    replies: SmallVec<[Reply; 1]>,
    /// The rest of a bulk string that has begun; its line's end follows.
    begun: Option<Bytes>,
    /// What is left of the bulk strings; other replies are small.
    bytes: usize,
}

impl Unwritten {
    /// These replies.
    pub fn new(protocol: Protocol, mut replies: SmallVec<[Reply; 1]>) -> Unwritten {
        let bytes = replies.iter().map(Reply::bulk_bytes).sum();
        replies.reverse();
        Unwritten { protocol, replies, begun: None, bytes }
    }

    /// Whether all is written.
    pub fn is_empty(&self) -> bool {
        self.replies.is_empty() && self.begun.is_none()
    }

    /// The bytes of the values that are not written yet; one that is named twice counts twice.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What it holds itself: not the values that it refers to.
    pub fn held(&self) -> usize {
        self.replies.len() * size_of::<Reply>()
    }

    /// Appends what comes next until `out` holds `room` bytes. Only what is no bulk string may exceed it.
    pub fn encode(&mut self, out: &mut BytesMut, room: usize) {
        while out.len() < room {
            if let Some(bytes) = &mut self.begun {
                let part = bytes.len().min(room - out.len());
                self.bytes -= part;
                out.extend_from_slice(&bytes[..part]);
                bytes.advance(part);
                if bytes.is_empty() {
                    out.extend_from_slice(b"\r\n");
                    self.begun = None;
                }
                continue;
            }
            let Some(reply) = self.replies.pop() else { return };
            match reply {
                Reply::Bulk(bytes) => {
                    header(b'$', bytes.len(), out);
                    self.begun = Some(bytes);
                }
                Reply::Array(replies) => {
                    header(b'*', replies.len(), out);
                    self.replies.extend(replies.into_iter().rev());
                }
                other => other.encode(self.protocol, out),
            }
        }
    }
}

/// A bulk string, or null for an absent one.
impl From<Option<Bytes>> for Reply {
    fn from(bytes: Option<Bytes>) -> Reply {
        bytes.map_or(Reply::Null, Reply::Bulk)
    }
}

/// The format of every verbatim string here: plain text.
const VERBATIM_FORMAT: &[u8] = b"txt:";

/// A line of text. It may quote what a client sent, and a line break in it would let one client forge the replies of another, behind a
/// proxy that shares connections. So line breaks become spaces, as in Valkey's errors.
fn line(kind: u8, text: &str, out: &mut BytesMut) {
    out.put_u8(kind);
    let start = out.len();
    out.extend_from_slice(text.as_bytes());
    for byte in &mut out[start..] {
        if matches!(byte, b'\r' | b'\n') {
            *byte = b' ';
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn bulk(bytes: &[u8], out: &mut BytesMut) {
    header(b'$', bytes.len(), out);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn header(kind: u8, number: impl itoa::Integer, out: &mut BytesMut) {
    out.put_u8(kind);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn encode_all(replies: &[Reply], protocol: Protocol, out: &mut BytesMut) {
    for reply in replies {
        reply.encode(protocol, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(reply: Reply) -> [String; 2] {
        [Protocol::Resp2, Protocol::Resp3].map(|protocol| {
            let mut out = BytesMut::new();
            reply.encode(protocol, &mut out);
            String::from_utf8(out.to_vec()).unwrap()
        })
    }

    #[test]
    fn what_both_protocols_know_is_written_alike() {
        let replies = [
            (Reply::OK, "+OK\r\n"),
            (Reply::error("ERR no"), "-ERR no\r\n"),
            (Reply::Integer(i64::MIN), ":-9223372036854775808\r\n"),
            (Reply::count(7), ":7\r\n"),
            (Reply::bulk("a\r\n"), "$3\r\na\r\n\r\n"),
            (Reply::bulk(""), "$0\r\n\r\n"),
            (Reply::Array(vec![]), "*0\r\n"),
            (Reply::Array(vec![Reply::Integer(1), Reply::bulk("b")]), "*2\r\n:1\r\n$1\r\nb\r\n"),
        ];
        for (reply, wire) in replies {
            assert_eq!(both(reply), [wire, wire]);
        }
    }

    #[test]
    fn what_only_resp3_knows_has_an_older_form() {
        let pair = (Reply::bulk("k"), Reply::Null);
        let replies = [
            (Reply::Null, "$-1\r\n", "_\r\n"),
            (Reply::from(None), "$-1\r\n", "_\r\n"),
            (Reply::NullArray, "*-1\r\n", "_\r\n"),
            (Reply::Verbatim("hé".into()), "$3\r\nhé\r\n", "=7\r\ntxt:hé\r\n"),
            (Reply::Set(vec![Reply::Integer(1)]), "*1\r\n:1\r\n", "~1\r\n:1\r\n"),
            (Reply::Map(vec![pair]), "*2\r\n$1\r\nk\r\n$-1\r\n", "%1\r\n$1\r\nk\r\n_\r\n"),
        ];
        for (reply, resp2, resp3) in replies {
            assert_eq!(both(reply), [resp2, resp3]);
        }
    }

    #[test]
    fn replies_written_in_pieces_are_the_same_bytes() {
        let array = Reply::Array(vec![Reply::bulk("12345"), Reply::Null, Reply::Array(vec![Reply::bulk("")])]);
        let replies = vec![Reply::OK, array, Reply::Map(vec![(Reply::bulk("k"), Reply::Null)]), Reply::bulk("end")];
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            let mut whole = BytesMut::new();
            replies.iter().for_each(|reply| reply.encode(protocol, &mut whole));
            for room in 1..whole.len() + 2 {
                let mut unwritten = Unwritten::new(protocol, replies.clone().into());
                assert_eq!(unwritten.bytes(), 8);
                let mut written = BytesMut::new();
                while !unwritten.is_empty() {
                    let mut piece = BytesMut::new();
                    unwritten.encode(&mut piece, room);
                    assert!(!piece.is_empty());
                    written.unsplit(piece);
                }
                assert_eq!((written, unwritten.bytes()), (whole.clone(), 0), "{room}");
            }
        }
    }

    #[test]
    fn a_large_value_is_written_only_as_far_as_there_is_room() {
        let value = Bytes::from(vec![b'x'; 1 << 20]);
        let array = Reply::Array(vec![Reply::Bulk(value); 1000]);
        let mut unwritten = Unwritten::new(Protocol::Resp2, vec![array].into());
        let mut out = BytesMut::new();
        unwritten.encode(&mut out, 5000);
        assert_eq!(out.len(), 5000);
        assert!(!unwritten.is_empty());
    }

    #[test]
    fn a_line_break_in_an_error_cannot_forge_a_reply() {
        let wire = "-ERR unknown command 'a  +OK'\r\n";
        assert_eq!(both(Reply::error("ERR unknown command 'a\r\n+OK'")), [wire, wire]);
        let wire = "+a b c\r\n";
        assert_eq!(both(Reply::simple("a\rb\nc")), [wire, wire]);
    }
}
