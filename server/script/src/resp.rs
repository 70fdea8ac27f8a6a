//! Replies, as commands give them to scripts and scripts give them to clients.
//!
//! The server has a type of its own for replies and converts. So the engine can be built, tested and fuzzed without it.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::number::{ALL_DIGITS, general};

/// The version of the protocol that a connection speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// The protocol of a new connection.
    #[default]
    Resp2,
    /// The protocol with its own nulls, maps, sets and verbatim strings.
    Resp3,
}

/// The reply to a command.
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
    /// A text of another format.
    VerbatimAs([u8; 3], Bytes),
    /// A bulk string in RESP2, `,` in RESP3.
    Double(f64),
    /// The same, in digits that the command has chosen.
    Decimal(Bytes),
    /// `:1` or `:0` in RESP2, `#` in RESP3.
    Boolean(bool),
    /// A bulk string in RESP2, `(` in RESP3.
    BigNumber(Bytes),
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
    /// A flat array in RESP2, an array of arrays of two in RESP3.
    Pairs(Vec<(Reply, Reply)>),
}

impl Reply {
    /// `+OK`
    pub const OK: Reply = Reply::Simple(Bytes::from_static(b"OK"));

    /// An error. The text begins with its code, like `ERR`.
    pub fn error(text: impl Into<Bytes>) -> Reply {
        Reply::Error(text.into())
    }

    /// A bulk string.
    pub fn bulk(bytes: impl Into<Bytes>) -> Reply {
        Reply::Bulk(bytes.into())
    }

    /// Appends the bytes of the whole reply.
    pub fn encode(&self, protocol: Protocol, out: &mut BytesMut) {
        let third = protocol == Protocol::Resp3;
        match self {
            Reply::Simple(text) => line(b'+', text, out),
            Reply::Error(text) => line(b'-', text, out),
            Reply::Integer(number) => header(b':', *number, out),
            Reply::Bulk(bytes) => bulk(b'$', b"", bytes, out),
            Reply::Verbatim(text) if third => bulk(b'=', b"txt:", text, out),
            Reply::VerbatimAs([a, b, c], text) if third => bulk(b'=', &[*a, *b, *c, b':'], text, out),
            Reply::Verbatim(text) | Reply::VerbatimAs(_, text) => bulk(b'$', b"", text, out),
            Reply::Double(number) if third => line(b',', general(*number, ALL_DIGITS).as_bytes(), out),
            Reply::Double(number) => bulk(b'$', b"", general(*number, ALL_DIGITS).as_bytes(), out),
            Reply::Decimal(digits) if third => line(b',', digits, out),
            Reply::Decimal(digits) => bulk(b'$', b"", digits, out),
            Reply::Boolean(value) if third => line(b'#', if *value { b"t" } else { b"f" }, out),
            Reply::Boolean(value) => header(b':', i64::from(*value), out),
            Reply::BigNumber(text) if third => line(b'(', text, out),
            Reply::BigNumber(text) => bulk(b'$', b"", text, out),
            Reply::Null | Reply::NullArray if third => out.extend_from_slice(b"_\r\n"),
            Reply::Null => out.extend_from_slice(b"$-1\r\n"),
            Reply::NullArray => out.extend_from_slice(b"*-1\r\n"),
            Reply::Array(replies) => {
                header(b'*', replies.len() as i64, out);
                replies.iter().for_each(|reply| reply.encode(protocol, out));
            }
            Reply::Set(replies) => {
                header(if third { b'~' } else { b'*' }, replies.len() as i64, out);
                replies.iter().for_each(|reply| reply.encode(protocol, out));
            }
            Reply::Pairs(pairs) => {
                header(b'*', if third { pairs.len() } else { 2 * pairs.len() } as i64, out);
                for (name, value) in pairs {
                    if third {
                        header(b'*', 2, out);
                    }
                    name.encode(protocol, out);
                    value.encode(protocol, out);
                }
            }
            Reply::Map(pairs) => {
                let (kind, length) = if third { (b'%', pairs.len()) } else { (b'*', 2 * pairs.len()) };
                header(kind, length as i64, out);
                for (key, value) in pairs {
                    key.encode(protocol, out);
                    value.encode(protocol, out);
                }
            }
        }
    }
}

fn line(kind: u8, text: &[u8], out: &mut BytesMut) {
    out.put_u8(kind);
    out.extend(text.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
    out.extend_from_slice(b"\r\n");
}

fn bulk(kind: u8, prefix: &[u8], bytes: &[u8], out: &mut BytesMut) {
    header(kind, (prefix.len() + bytes.len()) as i64, out);
    out.extend_from_slice(prefix);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn header(kind: u8, number: i64, out: &mut BytesMut) {
    out.put_u8(kind);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Statuses and errors end at their first NUL, as in other servers.
pub(crate) fn before_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}
