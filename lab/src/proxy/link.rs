//! One direction of a connection: bytes go in, and come out unchanged, in order, when they are due.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};

use super::way::{Break, Part, What};

/// The most that is read at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// The least room to read into, in bytes. Small chunks share an allocation down to this.
const SMALLEST_READ: usize = 4 * 1024;

/// What keeping a chunk costs on top of its bytes, roughly, in bytes.
const OVERHEAD: usize = 128;

/// The most that is under way in one direction of a connection, in bytes: as much as 10 Gbit/s bring in 100 ms. Only
/// beyond this the sender is made to wait.
const UNDER_WAY: usize = 128 * 1024 * 1024;

/// How much too late a timer goes off on the average, and by how much earlier it is set: tokio rounds its end up to a
/// whole millisecond, and then the wait for it. A little less than one, so that under paused time, where everything
/// happens on whole milliseconds, the same rounding undoes this and the delay is exact.
const LATE: Duration = Duration::from_micros(999);

/// A part of what is under way. The last part of what was read together gives the room for it back.
struct Chunk {
    part: Part,
    _room: Option<OwnedSemaphorePermit>,
}

/// Passes everything from one side to the other: `steer` is shown what arrived, nothing being the end, and says in which
/// parts it goes on, and when. The end passes like the bytes: what a client sent before it died is still delivered. An
/// error of a stream ends this direction alone, a `Break` the connection.
pub(super) async fn pass<R: AsyncRead, W: AsyncWrite>(
    from: R,
    to: W,
    steer: impl FnMut(Bytes, Instant, &mut Vec<Part>),
) -> Result<io::Result<()>, Break> {
    // Bounded by the room that each chunk takes.
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut taking = pin!(take(from, sender, steer));
    let mut giving = pin!(give(receiver, to));
    tokio::select! {
        biased; // the same in every run of a simulation
        taken = &mut taking => {
            let given = giving.await?;
            Ok(given.and(taken))
        }
        // The far side takes no more: there is no point in reading on.
        given = &mut giving => given,
    }
}

/// Reads until the end, and stamps what it reads.
async fn take<R: AsyncRead>(
    from: R,
    sender: mpsc::UnboundedSender<Chunk>,
    mut steer: impl FnMut(Bytes, Instant, &mut Vec<Part>),
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
        // An error ends a stream as well as its end does. The giver outlives this, or says why not.
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

/// Writes what is due, until the end.
async fn give<W: AsyncWrite>(mut receiver: mpsc::UnboundedReceiver<Chunk>, to: W) -> Result<io::Result<()>, Break> {
    let mut to = pin!(to);
    while let Some(Chunk { part, _room }) = receiver.recv().await {
        if part.due > Instant::now() {
            sleep_until(part.due - LATE).await;
        }
        let written = match part.what {
            What::Bytes(bytes) => match to.write_all(&bytes).await {
                Ok(()) => to.flush().await,
                error => error,
            },
            What::End => return Ok(to.shutdown().await),
            What::Break(how) => return Err(how),
        };
        if written.is_err() {
            return Ok(written);
        }
    }
    Ok(Ok(()))
}
