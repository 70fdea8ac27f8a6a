//! One connection: requests in, replies out, in the same order.
//!
//! Each connection is a task. The task parses all requests that have come before it hands any of them on, so that a
//! pipeline becomes part of one batch and costs one round trip to the store. While replies are missing it goes on
//! reading, so that a client may send its whole pipeline before it takes the first reply.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadHalf};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout};

use super::inbound::Inbound;
use super::intake::{Context, Intake, TURN_BYTES};
use super::last_words::LastWords;
use super::outbox::{Outbox, write};
use crate::budget::{Budget, Holding, PATIENCE};
use crate::clients::Traffic;
use crate::commit::{Answer, Awaited};
use crate::resp::{Limits, Protocol, Reply};
use crate::session::Session;
use crate::stats::Stats;

/// How long a rejected client has to take the reason.
const REJECTION: Duration = Duration::from_millis(200);

/// The reply to an unfinished request that the budget can no longer hold.
const TOO_MUCH: Reply = Reply::fault("ERR max memory of clients reached");

/// Serves a connection until either side ends it.
pub(super) async fn serve<IO: AsyncRead + AsyncWrite>(
    stream: IO,
    session: Session,
    peer: &str,
    context: Context,
) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut last_words = LastWords::new(context.stopping.clone());
    let mut inbound = Inbound::new(context.shared.settings.limits);
    let budget = Arc::clone(&context.shared.budget);
    let mut holding = Holding::new(&budget);
    let mut killed = session.client().watch_kill();
    let pause = context.shared.clients.watch_pause();
    let mut pause_changes = pause.clone();
    let mut intake = Intake { session, context, peer, postponed: None, pause };
    let mut outbox = Outbox::default();
    loop {
        let requests = inbound.held() + intake.session.held() + intake.postponed_bytes();
        let asleep = intake.session.wake(Instant::now());
        encode(&mut outbox, requests, &mut holding);
        traffic(&intake).hold(requests, outbox.held());
        let all_is_done = outbox.is_empty() && !inbound.unparsed && intake.postponed.is_none();
        if all_is_done && is_over(&mut inbound, &mut reader, &budget, traffic(&intake), &last_words).await? {
            break;
        }
        let own = requests + outbox.held();
        let allowance = holding.pressure.allowance();
        let is_full = outbox.is_full();
        let (is_postponed, is_paused) = (intake.postponed.is_some(), intake.is_paused());
        let may_take = !is_paused && asleep.is_none() && may_take(&intake.session, &outbox, allowance);
        let may_read = !is_full && own + outbox.request_bytes() < allowance;
        let too_much = own > 0 && own >= allowance;
        let patience = holding.progress + PATIENCE;
        let (ready, missing) = outbox.parts();
        tokio::select! {
            biased;
            answer = answered(missing), if ready.len() < holding.room() => {
                intake.keep(answer, &mut outbox, Instant::now());
            }
            // The client hears no more, so the replies that it has not taken are lost.
            () = is_killed(&mut killed) => return Ok(()),
            written = write(&mut writer, ready, is_full), if !ready.is_empty() && asleep.is_none() => {
                traffic(&intake).left(written?);
                holding.progress = Instant::now();
            }
            // Other connections have their turn before this one has another.
            () = yield_now(), if (inbound.unparsed || is_postponed) && may_take => {
                intake.take(&mut inbound, &mut outbox).await;
            }
            filled = inbound.fill(&mut reader, &budget), if inbound.open && !inbound.unparsed && !is_postponed && may_read => {
                traffic(&intake).came(filled?);
                holding.progress = Instant::now();
                intake.take(&mut inbound, &mut outbox).await;
                last_words.hear(!outbox.is_empty());
            }
            () = Intake::pause_changes(&mut pause_changes), if is_paused => {}
            () = sleep_until(asleep.unwrap_or(patience)), if asleep.is_some() => {}
            () = holding.pressure_changes(), if own > 0 || !may_read => {}
            () = sleep_until(patience), if too_much => {
                give_up(requests, &mut inbound, &mut outbox, intake.session.protocol())?;
                holding.progress = Instant::now();
            }
            () = last_words.next(), if inbound.open => {
                // A server that cannot execute commands need not wait for more of them.
                let is_refusing = intake.context.status.borrow().refusal().is_some();
                inbound.open = last_words.proceed(is_refusing || !outbox.is_empty());
            }
        }
    }
    inbound.part(reader, writer).await
}

/// Whether a connection ends on which everything is answered.
async fn is_over<IO: AsyncRead>(
    inbound: &mut Inbound,
    reader: &mut ReadHalf<IO>,
    budget: &Budget,
    traffic: Passing<'_>,
    last_words: &LastWords,
) -> io::Result<bool> {
    if inbound.open && last_words.is_due() {
        // Bytes that have come while we wrote the last reply are answered, too.
        yield_now().await;
        match inbound.fill(reader, budget).now_or_never() {
            Some(filled) => traffic.came(filled?),
            None => return Ok(true),
        }
        return Ok(false);
    }
    Ok(!inbound.open)
}

/// Whether the replies leave room for more of them. To execute what has come frees the memory of the requests, so that
/// does not count.
fn may_take(session: &Session, outbox: &Outbox, allowance: usize) -> bool {
    !outbox.is_full() && outbox.held() < allowance && !session.is_waiting()
}

/// Gives up a client that holds too much memory and moves nothing. It hears so if an unfinished request holds the memory.
/// If untaken replies do, it would not take this one either.
fn give_up(requests: usize, inbound: &mut Inbound, outbox: &mut Outbox, protocol: Protocol) -> io::Result<()> {
    if requests == 0 {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "other clients need the memory of its replies"));
    }
    inbound.close();
    outbox.push(TOO_MUCH, protocol);
    Ok(())
}

/// Waits until another client ends the connection.
async fn is_killed(killed: &mut watch::Receiver<bool>) {
    // The session keeps the other end of the channel.
    drop(killed.wait_for(|killed| *killed).await);
}

/// What `CLIENT LIST` tells of the connection.
fn traffic<'a>(intake: &'a Intake<'_>) -> Passing<'a> {
    Passing { client: &intake.session.client().traffic, stats: &intake.context.shared.stats }
}

/// Encodes what the client can take next, in steps: other connections may take memory between two of them. Counts it,
/// and the memory of the requests that are not handed over.
fn encode(outbox: &mut Outbox, requests: usize, holding: &mut Holding) {
    holding.refresh();
    loop {
        let step = holding.room().min(outbox.ready() + TURN_BYTES);
        let more = outbox.encode(step);
        holding.count(requests, outbox.held());
        outbox.release_counted();
        if !more || outbox.ready() >= holding.room() {
            break;
        }
    }
}

/// Waits for an answer of the commit loop.
async fn answered(missing: Option<&mut Awaited>) -> Answer {
    match missing {
        Some(awaited) => awaited.await,
        None => std::future::pending().await,
    }
}

/// Tells a client why the server does not serve it.
pub(super) async fn reject<IO: AsyncRead + AsyncWrite>(stream: IO, why: &Reply) -> io::Result<()> {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut bytes = BytesMut::new();
    why.encode(Protocol::default(), &mut bytes);
    timeout(REJECTION, writer.write_all(&bytes)).await??;
    Inbound::new(Limits::default()).part(reader, writer).await
}

/// Counts what passes a connection, for `CLIENT LIST` and `INFO`.
struct Passing<'a> {
    client: &'a Traffic,
    stats: &'a Stats,
}

impl Passing<'_> {
    fn came(&self, bytes: usize) {
        self.client.bytes_in.add(bytes as u64);
        self.stats.net_input_bytes.add(bytes as u64);
    }

    fn left(&self, bytes: usize) {
        self.client.bytes_out.add(bytes as u64);
        self.stats.net_output_bytes.add(bytes as u64);
    }

    fn hold(&self, requests: usize, replies: usize) {
        self.client.held_requests.set(requests as u64);
        self.client.held_replies.set(replies as u64);
    }
}
