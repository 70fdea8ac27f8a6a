//! Bytes that came in, until they are whole requests.

use std::io;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::time::timeout;

use crate::budget::Budget;
use crate::resp::{Limits, Parser, ProtocolError};

/// The least that a read asks for.
const READ_BYTES: usize = 16 << 10;

/// The most that we read before we execute anything. A longer pipeline spans several batches.
const GULP_BYTES: usize = 1 << 20;

/// An empty buffer that has grown beyond this is freed. Ten thousand idle connections keep two buffers each.
const KEEP_BYTES: usize = READ_BYTES;

/// How long we read and discard after the last reply. If we closed at once, the kernel would reset the connection because
/// of unread bytes, and the client could lose the reply that says why.
const FAREWELL: Duration = Duration::from_millis(200);

/// The input of one connection.
pub(super) struct Inbound {
    parser: Parser,
    bytes: BytesMut,
    /// Whether we still read from the client.
    pub(super) open: bool,
    /// Whether `bytes` may hold whole requests.
    pub(super) unparsed: bool,
}

impl Inbound {
    pub(super) fn new(limits: Limits) -> Inbound {
        Inbound { parser: Parser::new(limits), bytes: BytesMut::new(), open: true, unparsed: false }
    }

    /// The memory of requests that are not taken yet.
    pub(super) fn held(&self) -> usize {
        self.bytes.len() + self.parser.held()
    }

    /// Takes the next whole request, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<Vec<Bytes>>, ProtocolError> {
        let request = self.parser.next(&mut self.bytes)?;
        self.unparsed = request.is_some();
        Ok(request)
    }

    /// Reads all bytes that have come, up to a limit, and waits if there are none.
    ///
    /// Returns how many bytes have come. Asks the budget only when something has come: the wait may have been long, and many
    /// connections may wake at once.
    pub(super) async fn fill<IO: AsyncRead>(
        &mut self,
        reader: &mut ReadHalf<IO>,
        budget: &Budget,
    ) -> io::Result<usize> {
        if self.bytes.is_empty() {
            shrink(&mut self.bytes);
        }
        self.bytes.reserve(READ_BYTES);
        let mut asked = READ_BYTES;
        let mut read = reader.read_buf(&mut (&mut self.bytes).limit(asked)).await?;
        self.unparsed = true;
        let mut total = read;
        // A read that brought everything it asked for has probably left something behind.
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
        Ok(total)
    }

    /// Stops reading, and frees whatever has come.
    pub(super) fn close(&mut self) {
        *self = Inbound { open: false, ..Inbound::new(Limits::default()) };
    }

    /// Ends a connection after its last reply.
    pub(super) async fn part<IO>(&mut self, mut reader: ReadHalf<IO>, mut writer: WriteHalf<IO>) -> io::Result<()>
    where
        IO: AsyncRead + AsyncWrite,
    {
        writer.shutdown().await?;
        let _ = timeout(FAREWELL, self.discard(&mut reader)).await; // neither outcome matters
        Ok(())
    }

    async fn discard<IO: AsyncRead>(&mut self, reader: &mut ReadHalf<IO>) -> io::Result<()> {
        loop {
            self.bytes.clear();
            shrink(&mut self.bytes);
            self.bytes.reserve(READ_BYTES);
            if reader.read_buf(&mut self.bytes).await? == 0 {
                return Ok(());
            }
        }
    }
}

/// Frees an empty buffer if it has grown large.
pub(super) fn shrink(bytes: &mut BytesMut) {
    // `capacity` does not count the bytes that were taken from the front, so we ask whether it could be reclaimed.
    if bytes.try_reclaim(KEEP_BYTES + 1) {
        *bytes = BytesMut::new();
    }
}
