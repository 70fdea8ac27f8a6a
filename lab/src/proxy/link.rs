//! One direction of a connection: bytes go in, and come out unchanged, in order, a fixed time later.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};

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

/// A part of what is under way. The one without bytes is the end.
struct Chunk {
    bytes: Bytes,
    arrived: Instant,
    _room: Option<OwnedSemaphorePermit>,
}

/// Passes everything from one side to the other, `delay` after it arrived, and shows it to `see` on its arrival. The end
/// passes like the bytes: what a client sent before it died is still delivered.
pub(super) async fn pass<R: AsyncRead, W: AsyncWrite>(
    from: R,
    to: W,
    delay: Duration,
    see: impl FnMut(&[u8]),
) -> io::Result<()> {
    // Bounded by the room that each chunk takes.
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut taking = pin!(take(from, sender, see));
    let mut giving = pin!(give(receiver, to, delay));
    tokio::select! {
        biased; // the same in every run of a simulation
        taken = &mut taking => {
            giving.await?;
            taken
        }
        // The far side takes no more: there is no point in reading on.
        given = &mut giving => given,
    }
}

/// Reads until the end, and stamps what it reads.
async fn take<R: AsyncRead>(
    from: R,
    sender: mpsc::UnboundedSender<Chunk>,
    mut see: impl FnMut(&[u8]),
) -> io::Result<()> {
    let mut from = pin!(from);
    let room = Arc::new(Semaphore::new(UNDER_WAY));
    let mut buffer = BytesMut::new();
    loop {
        if buffer.capacity() < SMALLEST_READ {
            buffer.reserve(CHUNK);
        }
        let read = from.read_buf(&mut buffer).await;
        let arrived = Instant::now();
        let bytes = buffer.split().freeze();
        if bytes.is_empty() {
            // An error ends a stream as well as its end does. The giver outlives this, or says why not.
            let _ = sender.send(Chunk { bytes, arrived, _room: None });
            return read.map(|_| ());
        }
        see(&bytes);
        let cost = u32::try_from(bytes.len() + OVERHEAD).expect("a chunk is small");
        let room = Arc::clone(&room).acquire_many_owned(cost).await.expect("nobody closes it");
        if sender.send(Chunk { bytes, arrived, _room: Some(room) }).is_err() {
            return Ok(());
        }
    }
}

/// Writes what is due, until the end.
async fn give<W: AsyncWrite>(mut receiver: mpsc::UnboundedReceiver<Chunk>, to: W, delay: Duration) -> io::Result<()> {
    let mut to = pin!(to);
    while let Some(chunk) = receiver.recv().await {
        let due = chunk.arrived + delay;
        if due > Instant::now() {
            sleep_until(due - LATE).await;
        }
        if chunk.bytes.is_empty() {
            return to.shutdown().await;
        }
        to.write_all(&chunk.bytes).await?;
        to.flush().await?;
    }
    Ok(())
}
