//! The replies of one connection, until the client takes them.
//!
//! Replies leave in the order of the requests, whatever finishes first. A large reply is encoded piece by piece as the
//! client takes it, and until then refers to the values of the database. So an MGET that names one large value a thousand
//! times takes little memory.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use smallvec::smallvec;
use tokio::io::{AsyncWrite, AsyncWriteExt as _, WriteHalf};
use tokio::time::{Instant, timeout};

use super::inbound::shrink;
use super::stopwatch::Stopwatch;
use crate::budget::{Share, UNTAKEN_BYTES};
use crate::commit::{Answer, Awaited, Counted};
use crate::resp::{Protocol, Reply, Unwritten};
use crate::session::{Reckoning, Settled};
use crate::zoo::planted;

/// An empty queue keeps room for this many replies.
const KEEP_QUEUED: usize = 1 << 10;

/// A reply that the session gives is encoded at once up to this size. The rest waits until the client has taken the
/// replies before it, and meanwhile we execute no further request.
const AT_ONCE_BYTES: usize = 64 << 10;

/// Requests of one client that may be unanswered. Beyond it we stop executing and reading more of them.
const UNANSWERED: usize = 1 << 17;

/// The memory that these requests may hold together. While a store does not answer, this and the deadline limit what one
/// client makes us keep.
const UNANSWERED_BYTES: usize = 64 << 20;

/// A client that has reached one of the limits above and does not take a byte for this long is cut off: it waits for us
/// to read, and we wait for it to read.
const STALL: Duration = Duration::from_secs(10);

/// A step of the queue.
enum Pending {
    /// Bytes of replies behind one that is not known yet.
    Encoded(BytesMut),
    /// The rest of a large reply whose beginning is encoded.
    Rest(Box<Unwritten>),
    /// A reply that the commit loop will give.
    Expected(Expected),
    /// The replies before this are encoded: their requests no longer count.
    Release(#[expect(dead_code, reason = "dropping it is all")] Arc<Share>),
}

/// A reply that the commit loop will give.
pub(super) struct Expected {
    pub(super) awaited: Awaited,
    /// The protocol of the connection when the request came.
    pub(super) protocol: Protocol,
    /// Whether the client wants the reply. If not, the following replies must wait for it all the same.
    pub(super) wanted: bool,
    /// The memory of the request.
    pub(super) request_bytes: usize,
    /// Whether the session makes the reply of the answer. It decides then whether the client wants it, and in which protocol.
    pub(super) settles: bool,
    /// The time of the request. None in tests.
    pub(super) stopwatch: Option<Stopwatch>,
}

/// The replies of a connection.
#[derive(Default)]
pub(super) struct Outbox {
    /// Encoded replies, ready for the socket.
    ready: BytesMut,
    /// The replies that follow; they are encoded as soon as `ready` has room.
    current: Unwritten,
    /// What comes after them.
    queue: VecDeque<Pending>,
    /// The bytes of the encoded replies in the queue.
    queued_bytes: usize,
    /// The memory that the unencoded rests in the queue hold, and how many there are.
    rests: (usize, usize),
    /// How many replies of the queue the commit loop has to give.
    expected: usize,
    /// The memory of the requests that expect them.
    request_bytes: usize,
    /// The counts of the commit loop for replies that were taken and that the budget does not count yet.
    counted: Vec<Arc<Counted>>,
}

impl Outbox {
    /// Whether the client has so much to wait for, or to take, that its next requests have to wait.
    pub(super) fn is_full(&self) -> bool {
        self.untaken() >= UNTAKEN_BYTES
            || self.expected >= UNANSWERED
            || self.request_bytes >= UNANSWERED_BYTES
            || self.has_rest()
    }

    /// Whether a large reply is known and not fully encoded.
    fn has_rest(&self) -> bool {
        self.rests.1 > 0 || !self.current.is_empty()
    }

    /// The bytes of all known replies, encoded or not.
    pub(super) fn untaken(&self) -> usize {
        self.current.bytes() + self.ready.len() + self.queued_bytes
    }

    /// The memory of these replies. It leaves out values of the database that are not encoded yet.
    pub(super) fn held(&self) -> usize {
        self.current.held() + self.ready.len() + self.queued_bytes + self.rests.0
    }

    /// Ends the counts of the commit loop. The caller has just added [`Outbox::held`] to the budget: so at no moment are the
    /// replies counted nowhere, and the loop makes no others in their place.
    pub(super) fn release_counted(&mut self) {
        self.counted.clear();
    }

    /// The memory of requests that the commit loop has not answered.
    pub(super) fn request_bytes(&self) -> usize {
        self.request_bytes
    }

    /// The encoded bytes that the client can take now.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Whether the client has got everything.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.all_is_ready()
    }

    fn all_is_ready(&self) -> bool {
        self.current.is_empty() && self.queue.is_empty()
    }

    /// Adds a reply that is known.
    pub(super) fn push(&mut self, reply: Reply, protocol: Protocol) {
        let mut rest = Unwritten::owned(protocol, smallvec![reply]);
        if self.all_is_ready() {
            let room = self.ready.len() + AT_ONCE_BYTES;
            rest.encode(&mut self.ready, room);
            self.current = rest;
            return;
        }
        if !matches!(self.queue.back(), Some(Pending::Encoded(_))) {
            self.queue.push_back(Pending::Encoded(BytesMut::new()));
        }
        if let Some(Pending::Encoded(bytes)) = self.queue.back_mut() {
            let before = bytes.len();
            rest.encode(bytes, before + AT_ONCE_BYTES);
            self.queued_bytes += bytes.len() - before;
        }
        if !rest.is_empty() {
            let rest = self.rest(rest);
            self.queue.push_back(rest);
        }
    }

    /// Adds a reply that the session has made of its own.
    pub(super) fn push_settled(&mut self, mut settled: Settled) {
        if settled.whole().is_some() {
            settled.parts.drain(..).for_each(|(reply, protocol)| self.push(reply, protocol));
            return;
        }
        for (protocol, replies) in settled.runs() {
            let rest = self.rest(Unwritten::owned(protocol, replies.into()));
            self.queue.push_back(rest);
        }
    }

    /// A step of the queue that is encoded later.
    fn rest(&mut self, rest: Unwritten) -> Pending {
        self.rests = (self.rests.0 + rest.held(), self.rests.1 + 1);
        Pending::Rest(Box::new(rest))
    }

    /// Adds a reply that the commit loop will give.
    pub(super) fn expect(&mut self, expected: Expected) {
        self.expected += 1;
        self.request_bytes += expected.request_bytes;
        self.queue.push_back(Pending::Expected(expected));
        if planted!("pipelined-replies-swapped") && self.queue.len() == 4 {
            self.queue.swap(2, 3);
        }
    }

    /// Keeps a share of the budget until all replies added so far are encoded. An answer that is given and not encoded
    /// takes about as much memory as its request.
    pub(super) fn release_later(&mut self, requests: Arc<Share>) {
        self.queue.push_back(Pending::Release(requests));
    }

    /// The bytes to [`write`], and the answer of the commit loop that the outbox lacks, if it lacks one. The caller must
    /// [`Outbox::keep`] that answer.
    pub(super) fn parts(&mut self) -> (&mut BytesMut, Option<&mut Awaited>) {
        let next = match self.queue.front_mut() {
            Some(Pending::Expected(expected)) if self.current.is_empty() => Some(&mut expected.awaited),
            _ => None,
        };
        (&mut self.ready, next)
    }

    /// Whether the session has to settle the answer that [`Outbox::parts`] lacks.
    pub(super) fn settles(&self) -> bool {
        matches!(self.queue.front(), Some(Pending::Expected(expected)) if expected.settles)
    }

    /// Takes the answer that [`Outbox::parts`] lacked.
    pub(super) fn keep(&mut self, answer: Answer, now: Instant) {
        let Some(mut expected) = self.next_expected() else { return };
        let (reply, counted) = match answer {
            Ok(result) => (result.reply, result.counted),
            Err(refusal) => (refusal.reply(), None),
        };
        if let Some(stopwatch) = expected.stopwatch.take() {
            stopwatch.stop(Some(&reply), true, now);
        }
        if !expected.wanted {
            return;
        }
        self.counted.extend(counted);
        self.current = Unwritten::new(expected.protocol, smallvec![reply]);
    }

    /// Takes the reply that the session has made of that answer.
    pub(super) fn keep_settled(&mut self, mut settled: Settled, now: Instant) {
        let Some(expected) = self.next_expected() else { return };
        if let Some(stopwatch) = expected.stopwatch.filter(|_| settled.counting != Reckoning::Queued) {
            stopwatch.stop(settled.whole(), settled.counting == Reckoning::Executed, now);
        }
        self.counted.extend(settled.counted.take());
        // Each part is encoded when the client takes it: a part may name one large value many times.
        for (protocol, replies) in settled.runs().into_iter().rev() {
            let rest = self.rest(Unwritten::new(protocol, replies.into()));
            self.queue.push_front(rest);
        }
    }

    fn next_expected(&mut self) -> Option<Expected> {
        let Some(Pending::Expected(expected)) = self.queue.pop_front() else { return None };
        self.expected -= 1;
        self.request_bytes -= expected.request_bytes;
        Some(expected)
    }

    /// Encodes the next replies up to `room` bytes. Returns whether replies are left that need more room.
    pub(super) fn encode(&mut self, room: usize) -> bool {
        // Read once for all answers, and only if there is one.
        let mut now = None;
        loop {
            self.current.encode(&mut self.ready, room);
            if self.ready.len() >= room {
                return !self.all_is_ready();
            }
            if let Some(Pending::Expected(expected)) = self.queue.front_mut() {
                if expected.settles {
                    return false; // the connection takes the answer to its session
                }
                match expected.awaited.take() {
                    None => return false,
                    Some(answer) => self.keep(answer, *now.get_or_insert_with(Instant::now)),
                }
                continue;
            }
            match self.queue.pop_front() {
                Some(Pending::Encoded(bytes)) => {
                    self.queued_bytes -= bytes.len();
                    self.ready.unsplit(bytes);
                }
                Some(Pending::Rest(rest)) => {
                    self.rests = (self.rests.0 - rest.held(), self.rests.1 - 1);
                    self.current = *rest;
                }
                Some(Pending::Release(_) | Pending::Expected(_)) => {}
                None => {
                    if self.queue.capacity() > KEEP_QUEUED {
                        self.queue = VecDeque::new();
                    }
                    return false;
                }
            }
        }
    }
}

/// Writes as many encoded bytes as the client takes, and returns their number. Fails if the client takes none for long
/// although the outbox is full.
pub(super) async fn write<IO: AsyncWrite>(
    writer: &mut WriteHalf<IO>,
    ready: &mut BytesMut,
    is_full: bool,
) -> io::Result<usize> {
    let written = match is_full {
        false => writer.write_buf(ready).await?,
        true => timeout(STALL, writer.write_buf(ready))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the client does not take its replies"))??,
    };
    if written == 0 {
        return Err(io::ErrorKind::WriteZero.into());
    }
    if ready.is_empty() {
        shrink(ready);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::budget::Budget;
    use crate::commit::{Promise, Sheet};

    fn expect(outbox: &mut Outbox) -> Promise {
        let (promise, awaited) = Sheet::default().promise();
        outbox.expect(Expected {
            awaited,
            protocol: Protocol::Resp2,
            wanted: true,
            request_bytes: 10,
            settles: false,
            stopwatch: None,
        });
        promise
    }

    /// Encodes in small steps, and checks that no step exceeds its room by more than a small reply.
    fn take_all(outbox: &mut Outbox, step: usize) -> Vec<u8> {
        let mut taken = Vec::new();
        loop {
            let more = outbox.encode(step);
            assert!(outbox.ready() < step + 100, "{} bytes", outbox.ready());
            taken.extend_from_slice(&outbox.ready.split());
            if !more {
                return taken;
            }
        }
    }

    #[test]
    fn replies_leave_in_the_order_of_the_requests() {
        let mut outbox = Outbox::default();
        let large = Bytes::from(vec![b'x'; 3 * AT_ONCE_BYTES]);
        let first = expect(&mut outbox);
        outbox.push(Reply::Integer(2), Protocol::Resp2);
        outbox.push(Reply::Array(vec![Reply::Bulk(large.clone())]), Protocol::Resp2);
        let last = expect(&mut outbox);
        outbox.push(Reply::Integer(5), Protocol::Resp2);
        last.keep(Ok(Reply::Integer(4).into()));
        assert_eq!(take_all(&mut outbox, 1000), b"");
        assert!(outbox.is_full() && outbox.queued_bytes < 2 * AT_ONCE_BYTES, "most of the large reply is not encoded");
        assert!(outbox.held() > large.len(), "it counts, because it was made for this client alone");
        first.keep(Ok(Reply::Integer(1).into()));
        let bulk = [format!("*1\r\n${}\r\n", large.len()).as_bytes(), &large, b"\r\n"].concat();
        assert_eq!(take_all(&mut outbox, 1000 + AT_ONCE_BYTES), [b":1\r\n:2\r\n", &bulk[..], b":4\r\n:5\r\n"].concat());
        assert!(outbox.is_empty() && !outbox.is_full() && outbox.held() == 0);
    }

    #[test]
    fn requests_count_until_their_replies_are_encoded() {
        let budget = Budget::new(100);
        let mut outbox = Outbox::default();
        let (first, second) = (expect(&mut outbox), expect(&mut outbox));
        outbox.release_later(Arc::new(Share::new(&budget, 70)));
        let third = expect(&mut outbox);
        for (promise, held, bytes) in [(first, 70, 20), (second, 0, 10), (third, 0, 0)] {
            promise.keep(Ok(Reply::OK.into()));
            assert_eq!(take_all(&mut outbox, 1000), b"+OK\r\n");
            assert_eq!((budget.held(), outbox.request_bytes()), (held, bytes));
        }
    }
}
