//! Open-loop clients: they send a fixed number of SETs a second, whether or not the last ones were answered.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::bail;
use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::console::{self, PATIENCE};
use super::ledger::Ledger;
use super::words::{self, ServerReply};

/// The connections that share the load.
const CONNECTIONS: u64 = 64;

/// The figures of an open-loop load.
#[derive(Debug, Default)]
pub struct Steady {
    /// The latencies, ascending.
    pub took: Vec<Duration>,
    /// The number of error replies.
    pub errors: u64,
}

impl Steady {
    /// The latency at this quantile, in seconds.
    pub fn latency(&self, share: f64) -> f64 {
        let place = self.took.len().saturating_sub(1) as f64 * share;
        self.took.get(place as usize).map_or(f64::NAN, Duration::as_secs_f64)
    }
}

/// Sends `rate` SETs a second for this time. The connections take turns.
pub async fn play(server: SocketAddr, ledger: &Arc<Ledger>, rate: u64, time: Duration) -> anyhow::Result<Steady> {
    let connections = CONNECTIONS.min(rate).min(ledger.keys() as u64);
    let began = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..connections {
        let every = Duration::from_secs_f64(connections as f64 / rate as f64);
        let turns = Turns {
            next: began + every.mul_f64(client as f64 / connections as f64),
            every,
            until: began + time,
            key: client as usize,
            step: connections as usize,
        };
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        clients.spawn(turns.play(stream, Arc::clone(ledger)));
    }
    let mut steady = Steady::default();
    while let Some(client) = clients.join_next().await {
        let Steady { took, errors } = client??;
        steady.took.extend(took);
        steady.errors += errors;
    }
    steady.took.sort();
    Ok(steady)
}

/// When a connection sends, and which keys it writes.
struct Turns {
    next: Instant,
    every: Duration,
    until: Instant,
    key: usize,
    step: usize,
}

impl Turns {
    async fn play(mut self, mut stream: TcpStream, ledger: Arc<Ledger>) -> anyhow::Result<Steady> {
        let under_way: Mutex<VecDeque<(Instant, usize, u32)>> = Mutex::default();
        let queue = || under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut reader, mut writer) = stream.split();
        let sending = async {
            let mut out = Vec::new();
            while self.next < self.until {
                sleep_until(self.next).await;
                let now = Instant::now();
                out.clear();
                while self.next <= now {
                    let number = ledger.set(self.key, &mut out);
                    queue().push_back((now, self.key, number));
                    self.key = (self.key + self.step) % (ledger.keys() / self.step * self.step);
                    self.next += self.every;
                }
                writer.write_all(&out).await?;
            }
            writer.shutdown().await?; // the server still sends its replies
            anyhow::Ok(())
        };
        let taking = async {
            let (mut steady, mut bytes) = (Steady::default(), BytesMut::new());
            while reader.read_buf(&mut bytes).await? > 0 {
                while let Some(reply) = console::next(&mut bytes)? {
                    let Some((sent, key, number)) = queue().pop_front() else {
                        bail!("the server sent more replies than commands")
                    };
                    match reply {
                        ServerReply::Error(_) => steady.errors += 1,
                        reply if words::is_ok(&reply) => {
                            ledger.acknowledge(key, number);
                            steady.took.push(sent.elapsed());
                        }
                        reply => bail!("the server answered a SET with {reply:?}"),
                    }
                }
            }
            Ok(steady)
        };
        let played = async { tokio::try_join!(sending, taking) };
        let ((), steady) = timeout(self.until + PATIENCE - Instant::now(), played).await??;
        anyhow::ensure!(queue().is_empty(), "the server closed the connection");
        Ok(steady)
    }
}
