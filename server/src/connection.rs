//! One connection: requests in, replies out, in the same order.
//!
//! One task per connection. It parses every request that is already there before it hands any of them on, so that a
//! pipeline becomes part of one batch and costs one round trip. Replies leave in the order of the requests, whatever
//! finishes first; meanwhile the connection goes on reading, so that a client may send its whole pipeline before it
//! takes the first reply.

mod replies;

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, BytesMut};
use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout};

use self::replies::{Expected, Replies, UNWRITTEN_BYTES};
use crate::budget::{ALLOWANCE, Budget, PATIENCE, Pressure, Share};
use crate::command::Command;
use crate::commit::{Closed, Entry, Queue, Sheet};
use crate::resp::{ARGUMENT_OVERHEAD, Limits, Parser, Protocol, Reply};
use crate::server::Status;
use crate::session::{Session, Step};
use crate::shared::Shared;
use crate::zoo::planted;

/// What a read asks for at least.
const READ_BYTES: usize = 16 << 10;

/// What is read at once before anything is executed, if it is there already. A longer pipeline spans several batches.
const GULP_BYTES: usize = 1 << 20;

/// Known replies that are written down at once. Requests that take more to answer wait for the client's next turn, or a
/// mebibyte of small requests for large replies would keep a thread for long.
const TURN_BYTES: usize = 1 << 20;

/// A buffer that has grown beyond this is given back when it is empty. Ten thousand idle connections keep two each.
const KEEP_BYTES: usize = READ_BYTES;

/// A client that has been at one of these limits for so long without taking a byte is cut off: it waits for us to read
/// and we wait for it to read.
const STALL: Duration = Duration::from_secs(10);

/// After the last reply, what the client still sends is read and thrown away for at most this long. Closing at once
/// would make the kernel reset the connection, and the reply that says why could be lost.
const FAREWELL: Duration = Duration::from_millis(200);

/// What a client is told whose unfinished request can't be kept any longer: see [`crate::budget`].
const TOO_MUCH: Reply = Reply::Error(Cow::Borrowed("ERR max memory of clients reached"));

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
    let mut inbound = Inbound::new(context.shared.settings.limits);
    let mut holdings = Holdings::new(&context.shared);
    let budget = Arc::clone(&context.shared.budget);
    let mut requests = Requests { session, context };
    let mut replies = Replies::default();
    let mut outbound = BytesMut::new();
    loop {
        holdings.look_again();
        // In steps, so that what others hold is known before much is added to it.
        loop {
            let step = holdings.room().min(outbound.len() + TURN_BYTES);
            let more = replies.encode_known(&mut outbound, step);
            holdings.count(inbound.held() + replies.held(&outbound));
            if !more || outbound.len() >= holdings.room() {
                break;
            }
        }
        if !inbound.open && !inbound.unparsed && replies.is_empty() && outbound.is_empty() {
            break;
        }
        let own = inbound.held() + replies.held(&outbound);
        let allowance = holdings.pressure.allowance();
        let full = replies.at_a_limit(&outbound);
        // What has come already may go on to be executed, which frees it.
        let may_take = !full && replies.held(&outbound) < allowance;
        let may_read = !full && own + replies.request_bytes < allowance;
        let too_much = own > 0 && own >= allowance;
        let patience = holdings.progress + PATIENCE;
        tokio::select! {
            biased;
            answer = replies.next_answer(), if outbound.len() < holdings.room() => replies.keep(answer),
            written = write(&mut writer, &mut outbound, full), if !outbound.is_empty() => {
                written?;
                holdings.progress = Instant::now();
            }
            // Others have their turn before this client has another.
            () = yield_now(), if inbound.unparsed && may_take => {
                requests.take(&mut inbound, &mut replies, &mut outbound).await;
            }
            filled = inbound.fill(&mut reader, &budget), if inbound.open && !inbound.unparsed && may_read => {
                filled?;
                holdings.progress = Instant::now();
                requests.take(&mut inbound, &mut replies, &mut outbound).await;
            }
            () = holdings.pressure_changes(), if own > 0 || !may_read => {}
            () = sleep_until(patience), if too_much => {
                if inbound.held() == 0 {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "others need what its replies hold"));
                }
                inbound.close();
                replies.push(&TOO_MUCH, requests.session.protocol(), &mut outbound);
                holdings.progress = Instant::now();
            }
            () = stopped(&mut stopping), if inbound.open => inbound.open = false,
        }
    }
    inbound.part(reader, writer).await
}

/// Tells a client why it is not served.
pub async fn turn_away<IO: AsyncRead + AsyncWrite>(stream: IO, why: &Reply) -> io::Result<()> {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut bytes = BytesMut::new();
    why.encode(Protocol::default(), &mut bytes);
    // One that does not even take this is left to itself.
    timeout(FAREWELL, writer.write_all(&bytes)).await??;
    Inbound::new(Limits::default()).part(reader, writer).await
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // A server that is gone has stopped, too.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

async fn write<IO: AsyncWrite>(writer: &mut WriteHalf<IO>, bytes: &mut BytesMut, full: bool) -> io::Result<()> {
    let written = match full {
        false => writer.write_buf(bytes).await?,
        true => timeout(STALL, writer.write_buf(bytes))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the client does not take its replies"))??,
    };
    if written == 0 {
        return Err(io::ErrorKind::WriteZero.into());
    }
    if bytes.is_empty() {
        give_back(bytes);
    }
    Ok(())
}

/// Gives an empty buffer back if it has grown large.
fn give_back(bytes: &mut BytesMut) {
    // What was taken from its front counts, too, though `capacity` does not tell of it.
    if bytes.try_reclaim(KEEP_BYTES + 1) {
        *bytes = BytesMut::new();
    }
}

/// What comes in.
struct Inbound {
    parser: Parser,
    bytes: BytesMut,
    /// Whether more is wanted and may come.
    open: bool,
    /// Whether `bytes` may hold whole requests.
    unparsed: bool,
}

impl Inbound {
    fn new(limits: Limits) -> Inbound {
        Inbound { parser: Parser::new(limits), bytes: BytesMut::new(), open: true, unparsed: false }
    }

    /// What it holds of requests that are not taken yet.
    fn held(&self) -> usize {
        self.bytes.len() + self.parser.held()
    }

    /// Reads what is there, and waits if nothing is. How much may be read at once is asked when something has come: what
    /// the budget allowed when the wait began may be long past, and all who wait may be woken together.
    async fn fill<IO: AsyncRead>(&mut self, reader: &mut ReadHalf<IO>, budget: &Budget) -> io::Result<()> {
        if self.bytes.is_empty() {
            give_back(&mut self.bytes);
        }
        self.bytes.reserve(READ_BYTES);
        let mut asked = READ_BYTES;
        let mut read = reader.read_buf(&mut (&mut self.bytes).limit(asked)).await?;
        self.unparsed = true;
        let mut total = read;
        // A read that brought all that it asked for has probably left something behind.
        while read == asked {
            asked = total.min(GULP_BYTES.min(budget.room()).saturating_sub(total));
            if asked == 0 {
                break;
            }
            self.bytes.reserve(asked);
            match reader.read_buf(&mut (&mut self.bytes).limit(asked)).now_or_never() {
                None => break,
                Some(more) => read = more?,
            }
            total += read;
        }
        self.open = read > 0;
        Ok(())
    }

    /// Nothing that has come, or may come, is of interest, and what it holds is given back.
    fn close(&mut self) {
        *self = Inbound { open: false, ..Inbound::new(Limits::default()) };
    }

    /// Ends a connection after its last reply.
    async fn part<IO>(&mut self, mut reader: ReadHalf<IO>, mut writer: WriteHalf<IO>) -> io::Result<()>
    where
        IO: AsyncRead + AsyncWrite,
    {
        writer.shutdown().await?;
        let _ = timeout(FAREWELL, self.discard(&mut reader)).await; // what is left to be read is of no interest
        Ok(())
    }

    async fn discard<IO: AsyncRead>(&mut self, reader: &mut ReadHalf<IO>) -> io::Result<()> {
        loop {
            self.bytes.clear();
            give_back(&mut self.bytes);
            self.bytes.reserve(READ_BYTES);
            if reader.read_buf(&mut self.bytes).await? == 0 {
                return Ok(());
            }
        }
    }
}

/// What a connection has of the budget, and what that allows it.
struct Holdings {
    share: Share,
    changes: watch::Receiver<Pressure>,
    pressure: Pressure,
    /// When the client last sent or took a byte.
    progress: Instant,
}

impl Holdings {
    fn new(shared: &Shared) -> Holdings {
        let mut changes = shared.budget.watch();
        let pressure = *changes.borrow_and_update();
        Holdings { share: Share::new(&shared.budget, 0), changes, pressure, progress: Instant::now() }
    }

    /// Takes note of the pressure. There is nothing to lock as long as it stays the same.
    fn look_again(&mut self) {
        if self.changes.has_changed().unwrap_or(false) {
            self.pressure = *self.changes.borrow_and_update();
        }
    }

    async fn pressure_changes(&mut self) {
        if self.changes.changed().await.is_err() {
            std::future::pending().await // the budget is gone, which this has a share of
        }
        self.pressure = *self.changes.borrow();
    }

    /// This is what the connection holds now, besides the requests that it has handed over.
    fn count(&mut self, bytes: usize) {
        self.share.resize(bytes);
        self.look_again();
    }

    /// Up to where replies may be written down.
    fn room(&self) -> usize {
        if self.pressure == Pressure::Low { UNWRITTEN_BYTES } else { ALLOWANCE }
    }
}

/// What turns requests into replies or promises of them.
struct Requests {
    session: Session,
    context: Context,
}

impl Requests {
    /// Takes whole requests out of the buffer until there is none, or it is enough for now. All of them are handed over
    /// together, and so become part of one batch.
    async fn take(&mut self, inbound: &mut Inbound, replies: &mut Replies, outbound: &mut BytesMut) {
        let (mut entries, sheet) = (Vec::new(), Sheet::default());
        let mut handed_over = 0;
        let refusal = self.context.status.borrow().refusal();
        let turn = replies.unwritten(outbound) + TURN_BYTES;
        while inbound.unparsed && !replies.at_a_limit(outbound) && replies.unwritten(outbound) < turn {
            let request = match inbound.parser.next(&mut inbound.bytes) {
                Ok(Some(request)) => request,
                Ok(None) => {
                    inbound.unparsed = false;
                    break;
                }
                Err(error) => {
                    replies.push(&error.reply(), self.session.protocol(), outbound);
                    inbound.close();
                    break;
                }
            };
            self.context.shared.stats.commands.add(1);
            let request_bytes: usize = request.iter().map(|word| word.len() + ARGUMENT_OVERHEAD).sum();
            let step = match &refusal {
                None => self.session.handle(request),
                Some(refusal) if request[0].eq_ignore_ascii_case(b"QUIT") => Step::AnswerAndClose(refusal.clone()),
                Some(refusal) => Step::Answer(refusal.clone()),
            };
            let protocol = self.session.protocol();
            let wanted = self.session.wants_reply();
            match step {
                Step::Submit(Command::MultiSet { mut pairs }) if planted!("mset-torn") && pairs.len() > 1 => {
                    let client = self.session.id();
                    for pair in pairs.drain(1..) {
                        let (answer, unit) =
                            (Sheet::default().promise().0, Command::MultiSet { pairs: vec![pair] }.into());
                        let _ = self.context.queue.submit(vec![Entry { client, unit, answer, held: None }]).await;
                        yield_now().await;
                    }
                    let (answer, awaited) = sheet.promise();
                    entries.push(Entry { client, unit: Command::MultiSet { pairs }.into(), answer, held: None });
                    replies.expect(Expected { awaited, protocol, wanted, request_bytes });
                }
                Step::Submit(command) => {
                    let (answer, awaited) = sheet.promise();
                    entries.push(Entry { client: self.session.id(), unit: command.into(), answer, held: None });
                    handed_over += request_bytes;
                    replies.expect(Expected { awaited, protocol, wanted, request_bytes });
                }
                Step::Answer(reply) if wanted => replies.push(&reply, protocol, outbound),
                Step::AnswerAndClose(reply) if wanted => {
                    replies.push(&reply, protocol, outbound);
                    inbound.close();
                }
                Step::Answer(_) => {}
                Step::AnswerAndClose(_) => inbound.close(),
            }
        }
        if !entries.is_empty() {
            let share = Arc::new(Share::new(&self.context.shared.budget, handed_over));
            entries.iter_mut().for_each(|entry| entry.held = Some(Arc::clone(&share)));
            drop(share);
            // If the loop is gone, so are the promises of its answers, and each is answered as such.
            let (Ok(()) | Err(Closed)) = self.context.queue.submit(entries).await;
        }
    }
}
