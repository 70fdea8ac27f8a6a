//! The link of one direction: it reads bytes, and writes them unchanged, in order, when they are due.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};

use super::direction::{Break, DueItem, Item};

/// The most bytes of one read.
const CHUNK: usize = 64 * 1024;

/// The least room for a read, in bytes. Small chunks share an allocation down to this size.
const SMALLEST_READ: usize = 4 * 1024;

/// The memory of a chunk beyond its bytes, roughly.
const OVERHEAD: usize = 128;

/// The most bytes under way in one direction of a connection: 10 Gbit/s for 100 ms. Beyond this the sender has to wait.
const UNDER_WAY: usize = 128 * 1024 * 1024;

/// The mean lateness of a timer. The link sets its timers earlier by as much, since tokio rounds both the end and the wait
/// up to whole milliseconds. It is a little less than one millisecond: in paused time, where everything happens at whole
/// milliseconds, the rounding undoes it and the delay is exact.
const LATE: Duration = Duration::from_micros(999);

/// A part under way. The last part of a read gives back the room of the whole read.
struct Chunk {
    part: DueItem,
    _room: Option<OwnedSemaphorePermit>,
}

/// Forwards everything from one side to the other. `steer` gets the bytes that arrived (no bytes mean the end), and returns
/// the parts to forward with their times. The end travels like bytes, so bytes that a client sent before it died still
/// arrive. A stream's error ends only this direction; a `Break` ends the connection.
pub(super) async fn pass<R: AsyncRead, W: AsyncWrite>(
    from: R,
    to: W,
    steer: impl FnMut(Bytes, Instant, &mut Vec<DueItem>),
) -> Result<io::Result<()>, Break> {
    // The semaphore of `take` bounds this channel.
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut taking = pin!(take(from, sender, steer));
    let mut giving = pin!(give(receiver, to));
    tokio::select! {
        biased; // the same in every run of a simulation
        taken = &mut taking => {
            let given = giving.await?;
            Ok(given.and(taken))
        }
        // The far side accepts no more bytes, so reading on is pointless.
        given = &mut giving => given,
    }
}

/// Reads until the end, and stamps the bytes with their arrival.
async fn take<R: AsyncRead>(
    from: R,
    sender: mpsc::UnboundedSender<Chunk>,
    mut steer: impl FnMut(Bytes, Instant, &mut Vec<DueItem>),
) -> io::Result<()> {
    let mut from = pin!(from);
    let room = Arc::new(Semaphore::new(UNDER_WAY));
    let mut buffer = BytesMut::new();
    let mut parts = Vec::new();
    loop {
        if buffer.capacity() < SMALLEST_READ {
            buffer.reserve(CHUNK);
        }
        let read = from.read_buf(&mut buffer).await;
        let arrived = Instant::now();
        let bytes = buffer.split().freeze();
        // A read error counts as the end of the stream.
        let ended = bytes.is_empty();
        let cost = u32::try_from(bytes.len() + OVERHEAD).expect("a chunk is small");
        steer(bytes, arrived, &mut parts);
        let mut permit = match ended {
            true => None,
            false => Some(Arc::clone(&room).acquire_many_owned(cost).await.expect("nobody closes it")),
        };
        let last = parts.len().saturating_sub(1);
        for (place, part) in parts.drain(..).enumerate() {
            let _room = if place == last { permit.take() } else { None };
            if sender.send(Chunk { part, _room }).is_err() {
                return Ok(());
            }
        }
        if ended {
            return read.map(|_| ());
        }
    }
}

/// Writes every part when it is due, until the end.
async fn give<W: AsyncWrite>(mut receiver: mpsc::UnboundedReceiver<Chunk>, to: W) -> Result<io::Result<()>, Break> {
    let mut to = pin!(to);
    while let Some(Chunk { part, _room }) = receiver.recv().await {
        if part.due > Instant::now() {
            sleep_until(part.due - LATE).await;
        }
        let written = match part.item {
            Item::Bytes(bytes) => match to.write_all(&bytes).await {
                Ok(()) => to.flush().await,
                error => error,
            },
            Item::End => return Ok(to.shutdown().await),
            Item::Break(how) => return Err(how),
        };
        if written.is_err() {
            return Ok(written);
        }
    }
    Ok(Ok(()))
}
