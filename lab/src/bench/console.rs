//! A connection for a few commands outside of any load: to fill a database, and to read it back.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::ledger::Ledger;
use super::words::{self, NotAReply, ServerReply};

/// How long a client waits for a reply. Longer than any deadline of a server.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The MSETs that a fill has under way: enough for a full commit, and fewer than a server's limit.
const FILLING: usize = 64;

/// The keys that are read back in one pipeline.
const READ_BACK: usize = 4096;

/// A connection for a few commands.
pub struct Console {
    stream: TcpStream,
    bytes: BytesMut,
}

impl Console {
    pub async fn open(server: SocketAddr) -> anyhow::Result<Console> {
        let stream = TcpStream::connect(server).await.context("the server accepts no connection")?;
        stream.set_nodelay(true)?;
        Ok(Console { stream, bytes: BytesMut::new() })
    }

    /// Sends commands and waits for this many replies.
    pub async fn ask(&mut self, commands: &[u8], replies: usize) -> anyhow::Result<Vec<ServerReply>> {
        let Console { stream, bytes } = self;
        let (mut reader, mut writer) = stream.split();
        let sending = async { anyhow::Ok(writer.write_all(commands).await?) };
        let receiving = async {
            let mut received = Vec::with_capacity(replies);
            while received.len() < replies {
                match next(bytes)? {
                    Some(reply) => received.push(reply),
                    None if reader.read_buf(bytes).await? == 0 => bail!("the server closed the connection"),
                    None => {}
                }
            }
            Ok(received)
        };
        let asked = async { tokio::try_join!(sending, receiving) };
        let ((), received) = timeout(PATIENCE, asked).await.context("the server does not reply")??;
        Ok(received)
    }

    /// Sends one command and waits for its reply.
    pub async fn ask_one(&mut self, command: &[u8]) -> anyhow::Result<ServerReply> {
        self.ask(command, 1).await?.pop().context("one reply was received")
    }
}

/// The next reply in a buffer. `None` if it is not complete yet.
pub fn next(bytes: &mut BytesMut) -> Result<Option<ServerReply>, NotAReply> {
    if bytes.is_empty() { Ok(None) } else { words::next_reply(bytes) }
}

/// Writes each of these keys once, `at_once` of them in one command.
pub async fn fill(server: SocketAddr, ledger: &Ledger, keys: Range<usize>, at_once: usize) -> anyhow::Result<()> {
    let mut console = Console::open(server).await?;
    let chunks: Vec<_> = keys.clone().step_by(at_once).map(|from| from..keys.end.min(from + at_once)).collect();
    for chunks in chunks.chunks(FILLING) {
        let mut out = Vec::new();
        chunks.iter().for_each(|chunk| ledger.set_all(chunk.clone(), &mut out));
        for (reply, chunk) in console.ask(&out, chunks.len()).await?.iter().zip(chunks) {
            anyhow::ensure!(words::is_ok(reply), "the server answered an MSET with {reply:?}");
            chunk.clone().for_each(|key| ledger.acknowledge_all(key));
        }
    }
    Ok(())
}

/// Reads these keys and checks that no acknowledged write is lost.
pub async fn read_back(server: SocketAddr, ledger: &Ledger, keys: &[usize]) -> anyhow::Result<()> {
    let mut console = Console::open(server).await?;
    for keys in keys.chunks(READ_BACK) {
        let mut out = Vec::new();
        keys.iter().for_each(|key| words::get(*key, &mut out));
        for (reply, key) in console.ask(&out, keys.len()).await?.into_iter().zip(keys) {
            let ServerReply::Bulk(value) = reply else { bail!("the server answered a GET with {reply:?}") };
            ledger.check(*key, value.as_deref(), ledger.acknowledged(*key))?;
        }
    }
    Ok(())
}
