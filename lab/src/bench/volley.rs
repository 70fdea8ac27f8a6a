//! Volleys: a fixed number of commands of one kind in pipelines, and the CPU time that a server spends on them.
//!
//! The CPU time of a process hardly depends on what else the machine does, so a volley can run where throughput cannot be
//! measured. It counts what the server does behind the commands, too: folds, merges, and requests to the store.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::child::ServerProcess;
use super::console::{self, PATIENCE};
use super::harness::Bench;
use super::sizes;
use super::words::ServerReply;

/// The clients of a volley.
const CLIENTS: usize = 256;

/// The commands that a client sends at once.
pub const PIPELINE: usize = 16;

/// How long a volley may take.
const LONGEST: Duration = Duration::from_secs(120);

/// Appends the command of this number.
pub type Write = dyn Fn(usize, &mut Vec<u8>) + Send + Sync;

/// Commands of one kind.
#[derive(Clone)]
pub struct Volley {
    /// How many there are.
    pub commands: usize,
    /// What they say.
    pub write: Arc<Write>,
    /// Whether a reply can be right.
    pub is_right: fn(&ServerReply) -> bool,
}

/// What a volley has cost.
#[derive(Clone, Copy, Debug)]
pub struct Fired {
    /// The CPU time of the server for one command, in seconds.
    pub cpu: f64,
    /// The bytes that went to the store for one command.
    pub stored: f64,
    /// How long all replies took.
    pub took: Duration,
}

impl Volley {
    /// Commands of one kind.
    pub fn new(
        commands: usize,
        is_right: fn(&ServerReply) -> bool,
        write: impl Fn(usize, &mut Vec<u8>) + Send + Sync + 'static,
    ) -> Volley {
        Volley { commands, write: Arc::new(write), is_right }
    }

    /// Sends all commands to a server of Valthree, and waits until it has nothing left to do.
    pub async fn at_own(&self, bench: &Bench, server: &ServerProcess) -> anyhow::Result<Fired> {
        let streams = self.connect(server).await?;
        let (before, busy) = (bench.backend.route.traffic(), server.busy()?);
        let took = self.send(streams).await?;
        sizes::quiet(bench).await?;
        let traffic = bench.backend.route.traffic().since(&before);
        let each = |value: f64| value / self.commands as f64;
        Ok(Fired { cpu: each(server.busy()? - busy), stored: each(traffic.bytes_there as f64), took })
    }

    /// Sends all commands to another server. Returns its CPU time for one, in seconds.
    pub async fn at_yardstick(&self, server: &ServerProcess) -> anyhow::Result<f64> {
        let streams = self.connect(server).await?;
        let busy = server.busy()?;
        self.send(streams).await?;
        Ok((server.busy()? - busy) / self.commands as f64)
    }

    /// Sends all commands and checks each reply, without counting anything.
    pub async fn fire(&self, server: &ServerProcess) -> anyhow::Result<()> {
        self.send(self.connect(server).await?).await?;
        Ok(())
    }

    /// Connects all clients. The server has accepted each of them when this returns, so that it is not counted.
    async fn connect(&self, server: &ServerProcess) -> anyhow::Result<Vec<TcpStream>> {
        let mut streams = Vec::new();
        for _ in 0..CLIENTS.min(self.commands.div_ceil(PIPELINE)) {
            let mut stream = TcpStream::connect(server.address).await.context("the server accepts no connection")?;
            stream.set_nodelay(true)?;
            stream.write_all(b"*1\r\n$4\r\nPING\r\n").await?;
            let mut pong = [0; 7];
            timeout(PATIENCE, stream.read_exact(&mut pong)).await.context("the server does not reply")??;
            streams.push(stream);
        }
        Ok(streams)
    }

    /// Sends all commands and checks each reply. Returns how long that took.
    async fn send(&self, streams: Vec<TcpStream>) -> anyhow::Result<Duration> {
        let (began, clients) = (Instant::now(), streams.len());
        let mut running = JoinSet::new();
        for (client, stream) in streams.into_iter().enumerate() {
            running.spawn(self.clone().play(stream, client, clients));
        }
        let all = async {
            while let Some(ended) = running.join_next().await {
                ended.context("a client panicked")??;
            }
            anyhow::Ok(())
        };
        timeout(LONGEST, all).await.context("the server is too slow for this benchmark")??;
        Ok(began.elapsed())
    }

    /// One client: it sends every so manyth command.
    async fn play(self, mut stream: TcpStream, first: usize, step: usize) -> anyhow::Result<()> {
        let (mut out, mut bytes) = (Vec::new(), BytesMut::with_capacity(16 << 10));
        let numbers: Vec<usize> = (first..self.commands).step_by(step).collect();
        for numbers in numbers.chunks(PIPELINE) {
            out.clear();
            numbers.iter().for_each(|number| (self.write)(*number, &mut out));
            stream.write_all(&out).await?;
            let mut missing = numbers.len();
            while missing > 0 {
                if stream.read_buf(&mut bytes).await? == 0 {
                    bail!("the server closed the connection");
                }
                while missing > 0
                    && let Some(reply) = console::next(&mut bytes)?
                {
                    anyhow::ensure!((self.is_right)(&reply), "the server answered a volley with {reply:?}");
                    missing -= 1;
                }
            }
        }
        Ok(())
    }
}

/// A number that looks random. No two numbers below 2^27 have the same.
pub fn scrambled(number: usize) -> usize {
    number.wrapping_mul(2_654_435_761) % (1 << 27)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrambled_numbers_are_different() {
        let mut numbers: Vec<usize> = (0..100_000).map(scrambled).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 100_000);
    }
}
