//! Replies that are encoded piece by piece, as the client takes them.

use bytes::{Buf as _, Bytes, BytesMut};
use smallvec::SmallVec;

use super::reply::{Protocol, Reply, header, map_header, set_header, verbatim_header};

/// Replies that are not encoded yet, or only in part.
///
/// Until then they refer to their values. So an MGET that names one large value a hundred thousand times takes no more
/// memory than the bytes that the client is about to take.
#[derive(Debug, Default)]
pub struct Unwritten {
    protocol: Protocol,
    /// The replies that follow. The next one is last.
    replies: SmallVec<[Reply; 1]>,
    /// A string whose beginning is encoded.
    begun: Option<Begun>,
    /// Whether the strings of the replies belong to this client alone.
    owned: bool,
    /// What is left.
    left: Weight,
    /// The strings that a command has made for these replies. They count until everything is encoded. Whether a string
    /// belongs to the database may change meanwhile, so what was added at first could not be taken away piece by piece.
    made: usize,
}

/// A string whose beginning is encoded.
#[derive(Debug)]
struct Begun {
    rest: Bytes,
    /// The bytes that follow the string.
    end: &'static [u8],
    /// The memory that is free when the whole string is encoded.
    memory: usize,
}

impl Unwritten {
    /// Replies whose strings belong to the database, apart from those that nobody else holds.
    pub fn new(protocol: Protocol, replies: SmallVec<[Reply; 1]>) -> Unwritten {
        Unwritten::of(protocol, replies, false)
    }

    /// Replies whose strings belong to this client alone: the words of its request, or texts that were made for it.
    pub fn owned(protocol: Protocol, replies: SmallVec<[Reply; 1]>) -> Unwritten {
        Unwritten::of(protocol, replies, true)
    }

    fn of(protocol: Protocol, mut replies: SmallVec<[Reply; 1]>, owned: bool) -> Unwritten {
        let mut left = Weight::default();
        replies.iter().for_each(|reply| left.add_all(reply, protocol, owned));
        replies.reverse();
        let made = std::mem::take(&mut left.made);
        Unwritten { protocol, replies, begun: None, owned, left, made }
    }

    /// Whether everything is encoded.
    pub fn is_empty(&self) -> bool {
        self.replies.is_empty() && self.begun.is_none()
    }

    /// The bytes of the strings that are not encoded yet. A value that is named twice counts twice.
    pub fn bytes(&self) -> usize {
        self.left.strings
    }

    /// The memory of the replies. It leaves out values of the database and replies that all clients share.
    pub fn held(&self) -> usize {
        if self.is_empty() { 0 } else { self.left.memory + self.made }
    }

    /// Encodes the next replies until `out` holds `room` bytes. Only a line or a number may exceed that.
    pub fn encode(&mut self, out: &mut BytesMut, room: usize) {
        while out.len() < room {
            if let Some(begun) = &mut self.begun {
                let part = begun.rest.len().min(room - out.len());
                out.extend_from_slice(&begun.rest[..part]);
                begun.rest.advance(part);
                self.left.strings -= part;
                if begun.rest.is_empty() {
                    out.extend_from_slice(begun.end);
                    self.left.memory -= begun.memory;
                    self.begun = None;
                }
                continue;
            }
            let Some(reply) = self.replies.pop() else { return };
            self.begin(reply, out);
        }
    }

    /// Encodes a small reply, or the beginning of a large one.
    fn begin(&mut self, reply: Reply, out: &mut BytesMut) {
        let Weight { strings, memory, .. } = Weight::of(&reply, self.protocol, self.owned);
        match reply {
            Reply::Bulk(rest) => {
                header(b'$', rest.len(), out);
                self.begun = Some(Begun { rest, end: b"\r\n", memory });
                return;
            }
            Reply::Verbatim(rest) => {
                verbatim_header(&rest, self.protocol, out);
                self.begun = Some(Begun { rest, end: b"\r\n", memory });
                return;
            }
            Reply::Encoded(rest) => {
                self.begun = Some(Begun { rest, end: b"", memory });
                return;
            }
            Reply::Prepared(prepared) => {
                self.begun = Some(Begun { rest: prepared.encoded(self.protocol).clone(), end: b"", memory });
                return;
            }
            Reply::Array(replies) => {
                header(b'*', replies.len(), out);
                self.replies.extend(replies.into_iter().rev());
            }
            Reply::Set(replies) => {
                set_header(replies.len(), self.protocol, out);
                self.replies.extend(replies.into_iter().rev());
            }
            Reply::Map(pairs) => {
                map_header(pairs.len(), self.protocol, out);
                self.replies.extend(pairs.into_iter().rev().flat_map(|(key, value)| [value, key]));
            }
            Reply::Pairs(pairs) if self.protocol == Protocol::Resp3 => {
                header(b'*', pairs.len(), out);
                self.replies.extend(pairs.into_iter().rev().map(|(name, value)| Reply::Array(vec![name, value])));
            }
            Reply::Pairs(pairs) => {
                header(b'*', 2 * pairs.len(), out);
                self.replies.extend(pairs.into_iter().rev().flat_map(|(name, value)| [value, name]));
            }
            Reply::Simple(_)
            | Reply::Error(_)
            | Reply::Integer(_)
            | Reply::Null
            | Reply::NullArray
            | Reply::Double(_)
            | Reply::Decimal(_)
            | Reply::Boolean(_)
            | Reply::BigNumber(_) => {
                self.left.strings -= strings;
                reply.encode(self.protocol, out);
            }
        }
        self.left.memory -= memory;
    }
}

/// The size of a reply: of its bytes to come, and of its memory.
#[derive(Debug, Default)]
struct Weight {
    strings: usize,
    memory: usize,
    /// The strings that nobody else holds, unless all are owned.
    made: usize,
}

impl Weight {
    /// The weight of one reply, without the replies inside it.
    fn of(reply: &Reply, protocol: Protocol, owned: bool) -> Weight {
        let (strings, own) = match reply {
            Reply::Simple(bytes)
            | Reply::Error(bytes)
            | Reply::Verbatim(bytes)
            | Reply::Decimal(bytes)
            | Reply::BigNumber(bytes)
            | Reply::Bulk(bytes)
            | Reply::Encoded(bytes) => (bytes.len(), if owned { bytes.len() } else { 0 }),
            Reply::Prepared(prepared) => (prepared.encoded(protocol).len(), 0),
            Reply::Integer(_) | Reply::Double(_) | Reply::Boolean(_) | Reply::Null | Reply::NullArray => (0, 0),
            Reply::Array(_) | Reply::Map(_) | Reply::Set(_) | Reply::Pairs(_) => (0, 0),
        };
        Weight { strings, memory: size_of::<Reply>() + own, made: if owned { 0 } else { reply.made() } }
    }

    /// Adds the weight of a reply and of all replies inside it.
    fn add_all(&mut self, reply: &Reply, protocol: Protocol, owned: bool) {
        let Weight { strings, memory, made } = Weight::of(reply, protocol, owned);
        self.strings += strings;
        self.memory += memory;
        self.made += made;
        match reply {
            Reply::Array(replies) | Reply::Set(replies) => {
                replies.iter().for_each(|reply| self.add_all(reply, protocol, owned));
            }
            Reply::Map(pairs) | Reply::Pairs(pairs) => {
                if protocol == Protocol::Resp3 && matches!(reply, Reply::Pairs(_)) {
                    self.memory += pairs.len() * size_of::<Reply>(); // each pair becomes an array
                }
                for (key, value) in pairs {
                    self.add_all(key, protocol, owned);
                    self.add_all(value, protocol, owned);
                }
            }
            Reply::Simple(_) | Reply::Error(_) | Reply::Bulk(_) | Reply::Verbatim(_) => {}
            Reply::Integer(_) | Reply::Null | Reply::NullArray | Reply::Prepared(_) | Reply::Encoded(_) => {}
            Reply::Double(_) | Reply::Decimal(_) | Reply::Boolean(_) | Reply::BigNumber(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::PreparedReply;

    fn prepared() -> &'static PreparedReply {
        let pair = (Reply::text("prepared"), Reply::Set(vec![Reply::Integer(7)]));
        Box::leak(Box::new(PreparedReply::new(Reply::Map(vec![pair]))))
    }

    #[test]
    fn replies_encoded_in_pieces_have_the_same_bytes() {
        let array = Reply::Array(vec![Reply::bulk("12345"), Reply::Null, Reply::Array(vec![Reply::bulk("")])]);
        let map = Reply::Map(vec![(Reply::bulk("k"), Reply::Null), (Reply::OK, Reply::Set(vec![Reply::Integer(1)]))]);
        let replies = vec![
            Reply::OK,
            array,
            Reply::Prepared(prepared()),
            map,
            Reply::Verbatim("text".into()),
            Reply::fault("ERR no"),
            Reply::bulk("end"),
        ];
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            let mut whole = BytesMut::new();
            replies.iter().for_each(|reply| reply.encode(protocol, &mut whole));
            for room in 1..whole.len() + 2 {
                let mut unwritten = Unwritten::new(protocol, replies.clone().into());
                let mut written = BytesMut::new();
                while !unwritten.is_empty() {
                    let mut piece = BytesMut::new();
                    unwritten.encode(&mut piece, room);
                    assert!(!piece.is_empty());
                    written.unsplit(piece);
                }
                assert_eq!((written, unwritten.bytes(), unwritten.held()), (whole.clone(), 0, 0), "{room}");
            }
        }
    }

    #[test]
    fn a_large_value_is_encoded_only_as_far_as_there_is_room() {
        let value = Bytes::from(vec![b'x'; 1 << 20]);
        let array = Reply::Array(vec![Reply::Bulk(value); 1000]);
        let mut unwritten = Unwritten::new(Protocol::Resp2, vec![array].into());
        let mut out = BytesMut::new();
        unwritten.encode(&mut out, 5000);
        assert_eq!(out.len(), 5000);
        assert!(!unwritten.is_empty());
    }

    #[test]
    fn the_memory_of_a_reply_counts_before_its_first_byte_is_encoded() {
        let entries = 1000;
        let bulk = || Reply::Bulk(Bytes::from(vec![b'x'; 100]));
        let weight = |unwritten: Unwritten| (unwritten.bytes(), unwritten.held() / size_of::<Reply>());
        let values = Reply::Array((0..entries).map(|_| bulk()).collect());
        let named = Unwritten::new(Protocol::Resp2, [values.clone()].into());
        assert_eq!(weight(named), (100 * entries, 1 + entries), "the values are held elsewhere");
        assert!(Unwritten::owned(Protocol::Resp2, [values].into()).held() > 100 * entries);
        let mut made = Unwritten::new(Protocol::Resp2, vec![Reply::Array(vec![bulk()]), bulk()].into());
        assert!(made.held() > 200, "nobody else holds them");
        made.encode(&mut BytesMut::new(), 1000);
        assert_eq!(made.held(), 0);
        let same = prepared();
        let prepared = Reply::Array(vec![Reply::Prepared(same); entries]);
        let bytes = same.encoded(Protocol::Resp3).len();
        assert_eq!(weight(Unwritten::owned(Protocol::Resp3, [prepared].into())), (bytes * entries, 1 + entries));
    }
}
