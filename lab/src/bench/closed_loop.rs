//! A closed-loop client: it sends its next commands as soon as it has the replies to its last ones.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::bail;
use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::console;
use super::ledger::Ledger;
use super::words::{self, ServerReply};

/// The command that clients send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadKind {
    Set,
    Get,
}

/// The stages of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    WarmingUp,
    Counting,
    Ending,
}

/// The latency of one pipeline.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub took: Duration,
    /// The number of the client's server.
    pub server: usize,
}

/// The state that all clients of a load share.
pub struct Play {
    kind: LoadKind,
    pipeline: usize,
    ledger: Arc<Ledger>,
    phase: AtomicU8,
    /// The answered commands of each server.
    answered: Vec<AtomicU64>,
    /// The pipelines that were sent and answered while the load was counted.
    pub sampled: AtomicU64,
    errors: Mutex<Option<(String, u64)>>,
}

impl Play {
    pub fn new(kind: LoadKind, pipeline: usize, ledger: Arc<Ledger>, servers: usize) -> Play {
        let answered = (0..servers).map(|_| AtomicU64::new(0)).collect();
        let (phase, sampled) = (AtomicU8::new(Phase::WarmingUp as u8), AtomicU64::new(0));
        Play { kind, pipeline, ledger, phase, answered, sampled, errors: Mutex::default() }
    }

    /// Moves the load to its next stage.
    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    fn is_in(&self, phase: Phase) -> bool {
        self.phase.load(Ordering::Relaxed) == phase as u8
    }

    /// The answered commands of each server so far.
    pub fn answered(&self) -> Vec<u64> {
        self.answered.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    /// The first error reply, and the number of all.
    pub fn take_errors(&self) -> Option<(String, u64)> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Checks a reply. Returns whether it is a success, and fails if it cannot be right.
    fn judge(&self, (key, least): (usize, u32), reply: ServerReply) -> anyhow::Result<bool> {
        match (self.kind, reply) {
            (_, ServerReply::Error(error)) => {
                let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
                let (_, number) = errors.get_or_insert((error, 0));
                *number += 1;
                return Ok(false);
            }
            (LoadKind::Set, reply) if words::is_ok(&reply) => {}
            (LoadKind::Get, ServerReply::Bulk(value)) => {
                self.ledger.check(key, value.as_deref(), least)?;
            }
            (kind, reply) => bail!("the server answered a {kind:?} with {reply:?}"),
        }
        Ok(true)
    }
}

/// Why a client ended early, and its samples until then.
pub struct Broken {
    pub why: anyhow::Error,
    pub samples: Vec<Sample>,
}

/// One client of a load.
pub struct Client {
    server: usize,
    stream: TcpStream,
    play: Arc<Play>,
    rng: fastrand::Rng,
    /// The keys that it writes alone, or all keys if it reads.
    keys: Vec<usize>,
    /// The commands under way: the key, and the number of the value that is written or must at least be read.
    under_way: Vec<(usize, u32)>,
    out: Vec<u8>,
    bytes: BytesMut,
    samples: Vec<Sample>,
}

impl Client {
    pub fn new(number: usize, server: usize, keys: Vec<usize>, stream: TcpStream, play: Arc<Play>) -> Client {
        Client {
            server,
            stream,
            play,
            rng: fastrand::Rng::with_seed(number as u64),
            keys,
            under_way: Vec::new(),
            out: Vec::new(),
            bytes: BytesMut::with_capacity(16 << 10),
            samples: Vec::new(),
        }
    }

    /// Sends pipelines until the load ends.
    pub async fn run(mut self) -> Result<Vec<Sample>, Broken> {
        if self.keys.is_empty() {
            return Err(Broken { why: anyhow::anyhow!("more clients than keys"), samples: Vec::new() });
        }
        loop {
            if self.play.is_in(Phase::Ending) {
                return Ok(self.samples);
            }
            let (is_counted, sent) = (self.play.is_in(Phase::Counting), Instant::now());
            if let Err(why) = self.exchange().await {
                return Err(Broken { why, samples: self.samples });
            }
            let count = self.under_way.len() as u64;
            self.play.answered[self.server].fetch_add(count, Ordering::Relaxed);
            if is_counted {
                self.play.sampled.fetch_add(1, Ordering::Relaxed);
                self.samples.push(Sample { took: sent.elapsed(), server: self.server });
            }
        }
    }

    /// Sends one pipeline and waits for all its replies.
    async fn exchange(&mut self) -> anyhow::Result<()> {
        let Play { pipeline, kind, ledger, .. } = &*self.play;
        self.under_way.clear();
        self.out.clear();
        for _ in 0..*pipeline {
            let key = self.keys[self.rng.usize(..self.keys.len())];
            let number = match kind {
                LoadKind::Set => ledger.set(key, &mut self.out),
                LoadKind::Get => {
                    words::get(key, &mut self.out);
                    ledger.acknowledged(key)
                }
            };
            self.under_way.push((key, number));
        }
        self.stream.write_all(&self.out).await?;
        let (mut received, mut all_well) = (0, true);
        while received < self.under_way.len() {
            if self.stream.read_buf(&mut self.bytes).await? == 0 {
                bail!("the server closed the connection");
            }
            while received < self.under_way.len() {
                let Some(reply) = console::next(&mut self.bytes)? else { break };
                all_well &= self.play.judge(self.under_way[received], reply)?;
                received += 1;
            }
        }
        if all_well && *kind == LoadKind::Set {
            self.under_way.iter().for_each(|(key, number)| ledger.acknowledge(*key, *number));
        }
        Ok(())
    }
}
