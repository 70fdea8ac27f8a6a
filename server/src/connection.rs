//! One connection: requests in, replies out, in the same order.
//!
//! One task per connection. It parses every request that is already there before it hands any of them on, so that a
//! pipeline becomes part of one batch and costs one round trip. Replies leave in the order of the requests, whatever
//! finishes first; meanwhile the connection goes on reading, so that a client may send its whole pipeline before it
//! takes the first reply.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::commit::{Answer, Closed, Entry, Queue, Refusal};
use crate::resp::{Limits, Parser, Protocol, Reply};
use crate::server::Status;
use crate::session::{Session, Step};
use crate::shared::Shared;

/// What a read asks for at least.
const READ_BYTES: usize = 16 << 10;

/// What is read at once before anything is executed, if it is there already. A longer pipeline spans several batches.
const GULP_BYTES: usize = 1 << 20;

/// A buffer that has grown beyond this is given back when it is empty.
const KEEP_BYTES: usize = 64 << 10;

/// Replies that a client may owe us room for before we stop reading from it.
const UNWRITTEN_BYTES: usize = 64 << 20;

/// Requests that may be unanswered before we stop reading more of them.
const UNANSWERED: usize = 1 << 17;

/// A client that has been at one of these limits for so long without taking a byte is cut off: it waits for us to read
/// and we wait for it to read.
const STALL: Duration = Duration::from_secs(10);

/// After the last reply, what the client still sends is read and thrown away for at most this long. Closing at once
/// would make the kernel reset the connection, and the reply that says why could be lost.
const FAREWELL: Duration = Duration::from_millis(200);

/// What the task of a connection needs of its server.
#[derive(Clone)]
pub struct Context {
    /// What all connections share.
    pub shared: Arc<Shared>,
    /// The way to the commit loop.
    pub queue: Queue,
    /// Whether the database can be used.
    pub status: watch::Receiver<Status>,
    /// Becomes true when the server stops.
    pub stopping: watch::Receiver<bool>,
}

/// Serves a connection until either side ends it.
pub async fn serve<IO: AsyncRead + AsyncWrite>(stream: IO, session: Session, context: Context) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut stopping = context.stopping.clone();
    let mut inbound = Inbound { parser: Parser::new(Limits::default()), bytes: BytesMut::new(), open: true };
    let mut requests = Requests { session, context };
    let mut replies = Replies::default();
    let mut outbound = BytesMut::new();
    loop {
        replies.encode_known(&mut outbound);
        if !inbound.open && replies.is_empty() && outbound.is_empty() {
            break;
        }
        let room = outbound.len() < UNWRITTEN_BYTES;
        let full = !room || replies.0.len() >= UNANSWERED;
        tokio::select! {
            biased;
            () = replies.next_known(), if room && !replies.is_empty() => {}
            written = write(&mut writer, &mut outbound, full), if !outbound.is_empty() => written?,
            filled = inbound.fill(&mut reader), if inbound.open && !full => {
                filled?;
                requests.take(&mut inbound, &mut replies).await;
            }
            () = stopped(&mut stopping), if inbound.open => inbound.open = false,
        }
    }
    writer.shutdown().await?;
    let _ = timeout(FAREWELL, inbound.discard(&mut reader)).await; // what is left to be read is of no interest
    Ok(())
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // A server that is gone has stopped, too.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

async fn write<IO: AsyncWrite>(writer: &mut WriteHalf<IO>, bytes: &mut BytesMut, full: bool) -> io::Result<()> {
    let limit = if full { STALL } else { Duration::MAX };
    let written = timeout(limit, writer.write_buf(bytes)).await;
    match written.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the client does not take its replies"))?? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        _ => Ok(()),
    }
}

/// What comes in.
struct Inbound {
    parser: Parser,
    bytes: BytesMut,
    /// Whether more is wanted and may come.
    open: bool,
}

impl Inbound {
    /// Reads what is there, and waits if nothing is.
    async fn fill<IO: AsyncRead>(&mut self, reader: &mut ReadHalf<IO>) -> io::Result<()> {
        if self.bytes.is_empty() && self.bytes.capacity() > KEEP_BYTES {
            self.bytes = BytesMut::new();
        }
        self.bytes.reserve(READ_BYTES);
        self.open = reader.read_buf(&mut self.bytes).await? > 0;
        // A read that filled the buffer has probably left something behind.
        while self.open && self.bytes.len() == self.bytes.capacity() && self.bytes.len() < GULP_BYTES {
            self.bytes.reserve(self.bytes.len());
            match reader.read_buf(&mut self.bytes).now_or_never() {
                None => break,
                Some(read) => self.open = read? > 0,
            }
        }
        Ok(())
    }

    async fn discard<IO: AsyncRead>(&mut self, reader: &mut ReadHalf<IO>) -> io::Result<()> {
        loop {
            self.bytes.clear();
            self.bytes.reserve(READ_BYTES);
            if reader.read_buf(&mut self.bytes).await? == 0 {
                return Ok(());
            }
        }
    }
}

/// What turns requests into replies or promises of them.
struct Requests {
    session: Session,
    context: Context,
}

impl Requests {
    /// Takes every whole request out of the buffer.
    async fn take(&mut self, inbound: &mut Inbound, replies: &mut Replies) {
        let mut entries = Vec::new();
        while inbound.open {
            let request = match inbound.parser.next(&mut inbound.bytes) {
                Ok(Some(request)) => request,
                Ok(None) => break,
                Err(error) => {
                    replies.push(Pending::Known(error.reply()), self.session.protocol());
                    inbound.open = false;
                    break;
                }
            };
            let pending = match self.handle(request) {
                Step::Submit(command) => {
                    let (answer, receiver) = oneshot::channel();
                    entries.push(Entry { client: self.session.id(), unit: command.into(), answer });
                    Pending::Awaited(receiver)
                }
                Step::Answer(reply) => Pending::Known(reply),
                Step::AnswerAndClose(reply) => {
                    inbound.open = false;
                    Pending::Known(reply)
                }
            };
            let pending = if self.session.wants_reply() { pending } else { pending.muted() };
            replies.push(pending, self.session.protocol());
        }
        if !entries.is_empty() {
            // If the loop is gone, so are the promises of its answers, and each is answered as such.
            let (Ok(()) | Err(Closed)) = self.context.queue.submit(entries).await;
        }
    }

    fn handle(&mut self, request: Vec<Bytes>) -> Step {
        self.context.shared.stats.commands.add(1);
        let refusal = self.context.status.borrow().refusal();
        match refusal {
            None => self.session.handle(request),
            Some(refusal) if request[0].eq_ignore_ascii_case(b"QUIT") => Step::AnswerAndClose(refusal),
            Some(refusal) => Step::Answer(refusal),
        }
    }
}

/// A reply to be sent in its turn.
enum Pending {
    Known(Reply),
    Awaited(oneshot::Receiver<Answer>),
    Answered(Answer),
    /// The client does not want it, but what follows must wait for it.
    Muted(oneshot::Receiver<Answer>),
    Nothing,
}

impl Pending {
    fn muted(self) -> Pending {
        match self {
            Pending::Awaited(receiver) => Pending::Muted(receiver),
            _ => Pending::Nothing,
        }
    }
}

/// The replies to come, in the order of the requests, each in the protocol that was spoken when its request came.
#[derive(Default)]
struct Replies(VecDeque<(Pending, Protocol)>);

impl Replies {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn push(&mut self, pending: Pending, protocol: Protocol) {
        self.0.push_back((pending, protocol));
    }

    /// Waits until the next reply is known.
    async fn next_known(&mut self) {
        let Some((pending, _)) = self.0.front_mut() else { return };
        match pending {
            Pending::Awaited(receiver) => *pending = Pending::Answered(answer(receiver.await.ok())),
            Pending::Muted(receiver) => {
                let _ = receiver.await; // it is known, which is all that matters of it
                *pending = Pending::Nothing;
            }
            Pending::Known(_) | Pending::Answered(_) | Pending::Nothing => {}
        }
    }

    /// Writes down the replies that are next and known, as long as there is room.
    fn encode_known(&mut self, bytes: &mut BytesMut) {
        while bytes.len() < UNWRITTEN_BYTES
            && let Some((pending, protocol)) = self.0.front_mut()
        {
            if let Pending::Awaited(receiver) | Pending::Muted(receiver) = pending {
                let known = match receiver.try_recv() {
                    Err(TryRecvError::Empty) => return,
                    received => answer(received.ok()),
                };
                *pending = if let Pending::Awaited(_) = pending { Pending::Answered(known) } else { Pending::Nothing };
            }
            match pending {
                Pending::Known(reply) => reply.encode(*protocol, bytes),
                Pending::Answered(Ok(replies)) => replies.iter().for_each(|reply| reply.encode(*protocol, bytes)),
                Pending::Answered(Err(refusal)) => refusal.reply().encode(*protocol, bytes),
                Pending::Nothing | Pending::Awaited(_) | Pending::Muted(_) => {}
            }
            self.0.pop_front();
        }
    }
}

/// The loop answers everybody, unless it ends abruptly; what became of a command then, nobody knows.
fn answer(received: Option<Answer>) -> Answer {
    received.unwrap_or(Err(Refusal::Uncertain))
}
