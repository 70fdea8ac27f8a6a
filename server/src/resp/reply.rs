//! Replies, and their bytes in RESP2 and RESP3.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

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

    /// Appends the bytes of the reply to `out`.
    pub fn encode(&self, _protocol: Protocol, _out: &mut BytesMut) {}
}
