//! The replies of one connection, in the order of its requests, whatever finishes first.

use std::collections::VecDeque;

use bytes::BytesMut;
use smallvec::smallvec;

use crate::commit::{Answer, Awaited};
use crate::resp::{Protocol, Reply, Unwritten};
use crate::zoo::planted;

/// The places for replies to come that are kept when there are none.
const KEEP_PENDING: usize = 1 << 10;

/// Replies that may be there without the client having taken them, before we stop executing and reading its requests.
/// Only what one batch brings may exceed it, and of that no more than this
/// is written down.
pub(super) const UNWRITTEN_BYTES: usize = 64 << 20;

/// Requests that may be unanswered before we stop executing and reading more of them.
const UNANSWERED: usize = 1 << 17;

/// What these requests may hold together: while a store does not answer, this and the deadline bound what a client can
/// make us keep.
const UNANSWERED_BYTES: usize = 64 << 20;

/// Replies that are to be sent in their turn.
enum Pending {
    /// Known already, but behind one that is not.
    Encoded(BytesMut),
    Expected(Expected),
}

/// A reply that the commit loop will give.
pub(super) struct Expected {
    pub(super) awaited: Awaited,
    /// What was spoken when the request came.
    pub(super) protocol: Protocol,
    /// Whether the client wants it. If not, what follows must wait for it all the same.
    pub(super) wanted: bool,
    /// What the request holds as long as it is unanswered.
    pub(super) request_bytes: usize,
}

/// The replies to come, in the order of the requests.
#[derive(Default)]
pub(super) struct Replies {
    /// What is known and may be written down as soon as there is room.
    next: Unwritten,
    /// What comes after it.
    queue: VecDeque<Pending>,
    /// How many bytes of it are encoded.
    encoded_bytes: usize,
    /// How many of it are expected of the commit loop.
    expected: usize,
    /// What their requests hold.
    pub(super) request_bytes: usize,
}

impl Replies {
    /// Whether so much is unanswered, or not taken by the client, that the next requests have to wait.
    pub(super) fn at_a_limit(&self, outbound: &BytesMut) -> bool {
        self.unwritten(outbound) >= UNWRITTEN_BYTES
            || self.expected >= UNANSWERED
            || self.request_bytes >= UNANSWERED_BYTES
    }

    /// The bytes of all replies that are known.
    pub(super) fn unwritten(&self, outbound: &BytesMut) -> usize {
        self.next.bytes() + outbound.len() + self.encoded_bytes
    }

    /// What of this is held for this client alone. Values that are not written yet are the database's.
    pub(super) fn held(&self, outbound: &BytesMut) -> usize {
        self.next.held() + outbound.len() + self.encoded_bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.next.is_empty() && self.queue.is_empty()
    }

    /// Puts a known reply in its place.
    pub(super) fn push(&mut self, reply: &Reply, protocol: Protocol, outbound: &mut BytesMut) {
        if self.is_empty() {
            return reply.encode(protocol, outbound);
        }
        if !matches!(self.queue.back(), Some(Pending::Encoded(_))) {
            self.queue.push_back(Pending::Encoded(BytesMut::new()));
        }
        if let Some(Pending::Encoded(bytes)) = self.queue.back_mut() {
            let before = bytes.len();
            reply.encode(protocol, bytes);
            self.encoded_bytes += bytes.len() - before;
        }
    }

    pub(super) fn expect(&mut self, expected: Expected) {
        self.expected += 1;
        self.request_bytes += expected.request_bytes;
        self.queue.push_back(Pending::Expected(expected));
        if planted!("pipelined-replies-swapped") && self.queue.len() == 4 {
            self.queue.swap(2, 3);
        }
    }

    /// Waits for the answer that is next, if that is what is missing. It is lost unless it is kept.
    pub(super) async fn next_answer(&mut self) -> Answer {
        match self.queue.front_mut() {
            Some(Pending::Expected(expected)) if self.next.is_empty() => (&mut expected.awaited).await,
            _ => std::future::pending().await,
        }
    }

    /// Writes down the replies that are next and known, and says whether there was too little room for them.
    pub(super) fn encode_known(&mut self, outbound: &mut BytesMut, room: usize) -> bool {
        loop {
            self.next.encode(outbound, room);
            if outbound.len() >= room {
                return !self.is_empty();
            }
            match self.queue.front_mut() {
                Some(Pending::Encoded(bytes)) => {
                    self.encoded_bytes -= bytes.len();
                    outbound.unsplit(std::mem::take(bytes));
                    self.queue.pop_front();
                }
                Some(Pending::Expected(expected)) => match expected.awaited.take() {
                    None => return false,
                    Some(answer) => self.keep(answer),
                },
                None => {
                    if self.queue.capacity() > KEEP_PENDING {
                        self.queue = VecDeque::new();
                    }
                    return false;
                }
            }
        }
    }

    /// The first answer that is expected is this: it may be written down next.
    pub(super) fn keep(&mut self, answer: Answer) {
        let Some(Pending::Expected(expected)) = self.queue.pop_front() else { return };
        self.expected -= 1;
        self.request_bytes -= expected.request_bytes;
        let replies = match answer {
            _ if !expected.wanted => return,
            Ok(replies) => replies,
            Err(refusal) => smallvec![refusal.reply()],
        };
        self.next = Unwritten::new(expected.protocol, replies);
    }
}
