//! Replies, and their bytes in RESP2 and RESP3.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::value::number::format_double;

/// The version of the protocol that a connection speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// The protocol of a new connection.
    #[default]
    Resp2,
    /// The protocol with its own nulls, maps, sets and verbatim strings.
    Resp3,
}

/// The reply to a command, whatever protocol the connection speaks. Replies are bytes, because errors repeat the bytes of
/// clients.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// `+OK`
    Simple(Bytes),
    /// `-ERR ...`: the text with its code and without the dash.
    Error(Bytes),
    /// `:1`
    Integer(i64),
    /// `$3`
    Bulk(Bytes),
    /// A text for people: a bulk string in RESP2, `=...txt:` in RESP3.
    Verbatim(Bytes),
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
    /// A flat array in RESP2, an array of arrays of two in RESP3: members with scores, fields with values.
    Pairs(Vec<(Reply, Reply)>),
    /// A number with a fraction: a bulk string in RESP2, `,` in RESP3.
    Double(f64),
    /// A number with a fraction, in digits that the command has chosen: a bulk string in RESP2, `,` in RESP3.
    Decimal(Bytes),
    /// `:1` or `:0` in RESP2, `#t` or `#f` in RESP3.
    Boolean(bool),
    /// An integer of any length: a bulk string in RESP2, `(` in RESP3.
    BigNumber(Bytes),
    /// Bytes that were encoded for the protocol of the connection.
    Encoded(Bytes),
    /// A reply that is always the same.
    Prepared(&'static PreparedReply),
}

/// A reply that is encoded once for all who ask for it. Many mentions of it in one reply take little memory.
#[derive(Debug, PartialEq)]
pub struct PreparedReply {
    reply: Reply,
    /// Its bytes in RESP2 and in RESP3.
    encoded: [Bytes; 2],
}

impl PreparedReply {
    /// Encodes a reply.
    pub fn new(reply: Reply) -> PreparedReply {
        let encoded = [Protocol::Resp2, Protocol::Resp3].map(|protocol| {
            let mut bytes = BytesMut::new();
            reply.encode(protocol, &mut bytes);
            bytes.freeze()
        });
        PreparedReply { reply, encoded }
    }

    /// The reply.
    pub fn reply(&self) -> &Reply {
        &self.reply
    }

    /// The bytes of the reply.
    pub fn encoded(&self, protocol: Protocol) -> &Bytes {
        match protocol {
            Protocol::Resp2 => &self.encoded[0],
            Protocol::Resp3 => &self.encoded[1],
        }
    }
}

impl Reply {
    /// The memory that was made for this reply. Values that belong to the database as well do not count.
    pub fn memory(&self) -> usize {
        let inside = match self {
            Reply::Array(replies) | Reply::Set(replies) => replies.iter().map(Reply::memory).sum(),
            Reply::Map(pairs) | Reply::Pairs(pairs) => {
                pairs.iter().map(|(key, value)| key.memory() + value.memory()).sum()
            }
            Reply::Simple(_) | Reply::Error(_) | Reply::Bulk(_) | Reply::Verbatim(_) => 0,
            Reply::Integer(_) | Reply::Null | Reply::NullArray | Reply::Prepared(_) | Reply::Encoded(_) => 0,
            Reply::Double(_) | Reply::Decimal(_) | Reply::Boolean(_) | Reply::BigNumber(_) => 0,
        };
        size_of::<Reply>() + self.made() + inside
    }

    /// The bytes of its own string, if nobody else holds that, neither the database nor another reply.
    pub(super) fn made(&self) -> usize {
        match self {
            Reply::Simple(bytes)
            | Reply::Error(bytes)
            | Reply::Bulk(bytes)
            | Reply::Verbatim(bytes)
            | Reply::Decimal(bytes)
            | Reply::BigNumber(bytes)
            | Reply::Encoded(bytes)
                if bytes.is_unique() =>
            {
                bytes.len()
            }
            Reply::Simple(_) | Reply::Error(_) | Reply::Bulk(_) | Reply::Verbatim(_) => 0,
            Reply::Decimal(_) | Reply::BigNumber(_) | Reply::Encoded(_) | Reply::Prepared(_) => 0,
            Reply::Integer(_) | Reply::Null | Reply::NullArray | Reply::Double(_) | Reply::Boolean(_) => 0,
            Reply::Array(_) | Reply::Map(_) | Reply::Set(_) | Reply::Pairs(_) => 0,
        }
    }

    /// `+OK`
    pub const OK: Reply = Reply::status("OK");

    /// A simple string that is always the same.
    pub const fn status(text: &'static str) -> Reply {
        Reply::Simple(Bytes::from_static(text.as_bytes()))
    }

    /// An error that is always the same. The text begins with its code, like `ERR`.
    pub const fn fault(text: &'static str) -> Reply {
        Reply::Error(Bytes::from_static(text.as_bytes()))
    }

    /// A bulk string that is always the same.
    pub const fn text(text: &'static str) -> Reply {
        Reply::Bulk(Bytes::from_static(text.as_bytes()))
    }

    /// A simple string.
    pub fn simple(text: impl Into<Bytes>) -> Reply {
        Reply::Simple(text.into())
    }

    /// An error. The text begins with its code, like `ERR`.
    pub fn error(text: impl Into<Bytes>) -> Reply {
        Reply::Error(text.into())
    }

    /// A bulk string.
    pub fn bulk(bytes: impl Into<Bytes>) -> Reply {
        Reply::Bulk(bytes.into())
    }

    /// A number of things.
    pub fn count(things: usize) -> Reply {
        Reply::Integer(i64::try_from(things).unwrap_or(i64::MAX))
    }

    /// Appends the bytes of the whole reply.
    pub fn encode(&self, protocol: Protocol, out: &mut BytesMut) {
        match self {
            Reply::Simple(text) => line(b'+', text, out),
            Reply::Error(text) => line(b'-', text, out),
            Reply::Integer(number) => header(b':', *number, out),
            Reply::Bulk(bytes) => {
                header(b'$', bytes.len(), out);
                out.extend_from_slice(bytes);
                out.extend_from_slice(b"\r\n");
            }
            Reply::Verbatim(text) => {
                verbatim_header(text, protocol, out);
                out.extend_from_slice(text);
                out.extend_from_slice(b"\r\n");
            }
            Reply::Null => out.extend_from_slice(if protocol == Protocol::Resp3 { b"_\r\n" } else { b"$-1\r\n" }),
            Reply::NullArray => out.extend_from_slice(if protocol == Protocol::Resp3 { b"_\r\n" } else { b"*-1\r\n" }),
            Reply::Array(replies) => {
                header(b'*', replies.len(), out);
                replies.iter().for_each(|reply| reply.encode(protocol, out));
            }
            Reply::Set(replies) => {
                set_header(replies.len(), protocol, out);
                replies.iter().for_each(|reply| reply.encode(protocol, out));
            }
            Reply::Map(pairs) => {
                map_header(pairs.len(), protocol, out);
                for (key, value) in pairs {
                    key.encode(protocol, out);
                    value.encode(protocol, out);
                }
            }
            Reply::Pairs(pairs) => {
                let resp3 = protocol == Protocol::Resp3;
                header(b'*', if resp3 { pairs.len() } else { 2 * pairs.len() }, out);
                for (name, value) in pairs {
                    if resp3 {
                        header(b'*', 2, out);
                    }
                    name.encode(protocol, out);
                    value.encode(protocol, out);
                }
            }
            Reply::Double(number) => decimal(format_double(*number).as_bytes(), protocol, out),
            Reply::Decimal(digits) => decimal(digits, protocol, out),
            Reply::Boolean(truth) => match protocol {
                Protocol::Resp2 => header(b':', u8::from(*truth), out),
                Protocol::Resp3 => out.extend_from_slice(if *truth { b"#t\r\n" } else { b"#f\r\n" }),
            },
            Reply::BigNumber(digits) => match protocol {
                Protocol::Resp2 => Reply::Bulk(digits.clone()).encode(protocol, out),
                Protocol::Resp3 => line(b'(', digits, out),
            },
            Reply::Encoded(bytes) => out.extend_from_slice(bytes),
            Reply::Prepared(prepared) => out.extend_from_slice(prepared.encoded(protocol)),
        }
    }
}

/// A bulk string, or null.
impl From<Option<Bytes>> for Reply {
    fn from(bytes: Option<Bytes>) -> Reply {
        bytes.map_or(Reply::Null, Reply::Bulk)
    }
}

/// The format of every verbatim string: plain text.
const VERBATIM_FORMAT: &[u8] = b"txt:";

/// Appends a line of text.
///
/// Line breaks become spaces, as in Valkey. The text may repeat bytes of a client, and a line break among them would let
/// one client forge replies to another, behind a proxy that shares connections.
fn line(kind: u8, text: &[u8], out: &mut BytesMut) {
    out.put_u8(kind);
    let start = out.len();
    out.extend_from_slice(text);
    for byte in &mut out[start..] {
        if matches!(byte, b'\r' | b'\n') {
            *byte = b' ';
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a number with a fraction.
fn decimal(digits: &[u8], protocol: Protocol, out: &mut BytesMut) {
    match protocol {
        Protocol::Resp2 => {
            header(b'$', digits.len(), out);
            out.extend_from_slice(digits);
            out.extend_from_slice(b"\r\n");
        }
        Protocol::Resp3 => line(b',', digits, out),
    }
}

/// Appends the line that begins a verbatim string, and its format.
pub(super) fn verbatim_header(text: &[u8], protocol: Protocol, out: &mut BytesMut) {
    match protocol {
        Protocol::Resp2 => header(b'$', text.len(), out),
        Protocol::Resp3 => {
            header(b'=', VERBATIM_FORMAT.len() + text.len(), out);
            out.extend_from_slice(VERBATIM_FORMAT);
        }
    }
}

/// Appends the line that begins a set.
pub(super) fn set_header(length: usize, protocol: Protocol, out: &mut BytesMut) {
    header(if protocol == Protocol::Resp3 { b'~' } else { b'*' }, length, out);
}

/// Appends the line that begins a map.
pub(super) fn map_header(pairs: usize, protocol: Protocol, out: &mut BytesMut) {
    let (kind, length) = if protocol == Protocol::Resp3 { (b'%', pairs) } else { (b'*', 2 * pairs) };
    header(kind, length, out);
}

/// Appends a line with a number, which is a length or an integer.
pub(super) fn header(kind: u8, number: impl itoa::Integer, out: &mut BytesMut) {
    out.put_u8(kind);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(reply: Reply) -> [Vec<u8>; 2] {
        [Protocol::Resp2, Protocol::Resp3].map(|protocol| {
            let mut out = BytesMut::new();
            reply.encode(protocol, &mut out);
            out.to_vec()
        })
    }

    #[test]
    fn common_replies_have_the_same_bytes_in_both_protocols() {
        let replies = [
            (Reply::OK, &b"+OK\r\n"[..]),
            (Reply::fault("ERR no"), b"-ERR no\r\n"),
            (Reply::error(b"ERR '\xff'".to_vec()), b"-ERR '\xff'\r\n"),
            (Reply::Integer(i64::MIN), b":-9223372036854775808\r\n"),
            (Reply::count(7), b":7\r\n"),
            (Reply::bulk("a\r\n"), b"$3\r\na\r\n\r\n"),
            (Reply::bulk(""), b"$0\r\n\r\n"),
            (Reply::Array(vec![]), b"*0\r\n"),
            (Reply::Array(vec![Reply::Integer(1), Reply::bulk("b")]), b"*2\r\n:1\r\n$1\r\nb\r\n"),
        ];
        for (reply, wire) in replies {
            assert_eq!(both(reply), [wire, wire]);
        }
    }

    #[test]
    fn replies_of_resp3_have_an_older_form_in_resp2() {
        let pair = (Reply::bulk("k"), Reply::Null);
        let replies = [
            (Reply::Null, "$-1\r\n", "_\r\n"),
            (Reply::from(None), "$-1\r\n", "_\r\n"),
            (Reply::NullArray, "*-1\r\n", "_\r\n"),
            (Reply::Decimal("0.10".into()), "$4\r\n0.10\r\n", ",0.10\r\n"),
            (Reply::Verbatim("hé".into()), "$3\r\nhé\r\n", "=7\r\ntxt:hé\r\n"),
            (Reply::Set(vec![Reply::Integer(1)]), "*1\r\n:1\r\n", "~1\r\n:1\r\n"),
            (Reply::Map(vec![pair]), "*2\r\n$1\r\nk\r\n$-1\r\n", "%1\r\n$1\r\nk\r\n_\r\n"),
        ];
        for (reply, resp2, resp3) in replies {
            assert_eq!(both(reply.clone()), [resp2.as_bytes(), resp3.as_bytes()]);
            let prepared: &'static PreparedReply = Box::leak(Box::new(PreparedReply::new(reply)));
            assert_eq!(both(Reply::Prepared(prepared)), [resp2.as_bytes(), resp3.as_bytes()]);
        }
    }

    #[test]
    fn a_line_break_in_an_error_cannot_forge_a_reply() {
        let wire = b"-ERR unknown command 'a  +OK'\r\n".to_vec();
        assert_eq!(both(Reply::fault("ERR unknown command 'a\r\n+OK'")), [wire.clone(), wire]);
        let wire = b"+a b c\r\n".to_vec();
        assert_eq!(both(Reply::simple("a\rb\nc")), [wire.clone(), wire]);
    }
}
