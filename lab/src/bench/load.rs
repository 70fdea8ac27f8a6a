//! Clients that keep a server busy: each sends its next commands when it has the replies to the last.
//!
//! All of them share one thread, and a command costs little: it is written down in place, and its reply is looked at
//! where it lies. What a client writes, it alone writes, so what may be read back is known (`words`).

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::store::{Traffic, Way};
use super::words::{self, Ledger, Reply};

/// Connections are made so many at a time: the system's queue for them is short.
const CONNECTING: usize = 64;

/// A reply that has not come by then will not come. Longer than any deadline of a server.
const PATIENCE: Duration = Duration::from_secs(20);

/// Keys that are read back in one pipeline.
const READ_BACK: usize = 4096;

/// What clients send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Set,
    Get,
}

/// A load.
#[derive(Clone)]
pub struct Load {
    /// The clients take these in turns.
    pub servers: Vec<SocketAddr>,
    pub clients: usize,
    /// Commands that a client sends at once.
    pub pipeline: usize,
    pub kind: Kind,
    pub ledger: Arc<Ledger>,
    /// The clients share these keys among themselves.
    pub keys: Range<usize>,
    /// So long nothing is counted,
    pub warmth: Duration,
    /// and then everything.
    pub time: Duration,
    /// Whether a client may lose its server, or wait for it for ever. Otherwise that is an error.
    pub may_break: bool,
}

/// A command that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub took: Duration,
    /// Which server was asked.
    pub server: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Commands that were answered while it was counted, by server.
    pub answered: Vec<u64>,
    /// So long it was counted.
    pub time: Duration,
    /// Commands that were answered altogether.
    pub altogether: u64,
    /// Of what was sent and answered while it was counted: one for each pipeline, in the order of `took`.
    pub samples: Vec<Sample>,
    /// What passed to and from the store meanwhile.
    pub traffic: Traffic,
    /// Of the error replies the first, and how many there were.
    pub errors: Option<(String, u64)>,
}

impl Outcome {
    /// Commands answered in a second.
    pub fn rate(&self) -> f64 {
        self.answered.iter().sum::<u64>() as f64 / self.time.as_secs_f64()
    }

    /// How long a command took, in seconds, at this share of all.
    pub fn latency(&self, share: f64) -> f64 {
        let place = (self.samples.len().saturating_sub(1)) as f64 * share;
        self.samples.get(place as usize).map_or(f64::NAN, |sample| sample.took.as_secs_f64())
    }

    /// The same of one server's.
    pub fn latency_at(&self, server: usize, share: f64) -> f64 {
        let own: Vec<_> = self.samples.iter().filter(|sample| sample.server == server).collect();
        own.get((own.len().saturating_sub(1) as f64 * share) as usize)
            .map_or(f64::NAN, |sample| sample.took.as_secs_f64())
    }

    /// Requests to the store for each thousand commands.
    pub fn requests_per_thousand(&self) -> f64 {
        self.traffic.requests() as f64 * 1000.0 / self.answered.iter().sum::<u64>() as f64
    }
}

const WARMING: u8 = 0;
const COUNTING: u8 = 1;
const ENDING: u8 = 2;

struct Shared {
    load: Load,
    phase: AtomicU8,
    answered: Vec<AtomicU64>,
    /// Pipelines that were sent and answered while it was counted.
    sampled: AtomicU64,
    errors: Mutex<Option<(String, u64)>>,
}

impl Load {
    /// Plays it. The errors of servers are counted; a reply that can't be right ends it.
    pub async fn play(self, way: Option<&Way>) -> anyhow::Result<Outcome> {
        let streams = connect(&self.servers, self.clients).await?;
        let answered = self.servers.iter().map(|_| AtomicU64::new(0)).collect();
        let (warmth, time, may_break) = (self.warmth, self.time, self.may_break);
        let phase = AtomicU8::new(WARMING);
        let sampled = AtomicU64::new(0);
        let shared = Arc::new(Shared { load: self, phase, answered, sampled, errors: Mutex::default() });
        let mut clients = JoinSet::new();
        for (number, stream) in streams.into_iter().enumerate() {
            let client = Client::new(number, stream, Arc::clone(&shared));
            clients.spawn(client.run());
        }
        sleep(warmth).await;
        let traffic = way.map(Way::traffic).unwrap_or_default();
        let counts = || shared.answered.iter().map(|count| count.load(Ordering::Relaxed)).collect::<Vec<_>>();
        let (before, from) = (counts(), Instant::now());
        shared.phase.store(COUNTING, Ordering::Relaxed);
        sleep(time).await;
        // Of nothing there are no rates and no latencies, however slow the machine is.
        let is_enough = || match may_break {
            true => counts() != before,
            false => shared.sampled.load(Ordering::Relaxed) > 0,
        };
        while !is_enough() && from.elapsed() < PATIENCE {
            sleep(time).await;
        }
        let (after, time) = (counts(), from.elapsed());
        let traffic = way.map(Way::traffic).unwrap_or_default().since(&traffic);
        shared.phase.store(ENDING, Ordering::Relaxed);
        let mut outcome = Outcome { time, traffic, ..Outcome::default() };
        outcome.answered = after.iter().zip(before).map(|(after, before)| after - before).collect();
        let end = async {
            while let Some(ended) = clients.join_next().await {
                match ended.context("a client panicked")? {
                    Ok(samples) => outcome.samples.extend(samples),
                    Err(Broken { why, samples }) if may_break => {
                        tracing::debug!("a client ended: {why:#}");
                        outcome.samples.extend(samples);
                    }
                    Err(Broken { why, .. }) => return Err(why),
                }
            }
            Ok(())
        };
        // Those that wait for ever say nothing more.
        let patience = if may_break { Duration::from_millis(200) } else { PATIENCE };
        match timeout(patience, end).await {
            Ok(ended) => ended?,
            Err(_) if may_break => clients.shutdown().await,
            Err(_) => bail!("clients have waited for {PATIENCE:?} without a reply"),
        }
        outcome.altogether = counts().iter().sum();
        outcome.samples.sort_by_key(|sample| sample.took);
        outcome.errors = shared.errors.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(outcome)
    }

    /// Plays it on servers that must not refuse anything.
    pub async fn play_well(self, way: Option<&Way>) -> anyhow::Result<Outcome> {
        let outcome = self.play(way).await?;
        match &outcome.errors {
            None => Ok(outcome),
            Some((first, number)) => bail!("{number} commands were answered with errors, the first with {first}"),
        }
    }
}

async fn connect(servers: &[SocketAddr], clients: usize) -> anyhow::Result<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(clients);
    while streams.len() < clients {
        let now = streams.len()..clients.min(streams.len() + CONNECTING);
        let connecting = now.map(|client| TcpStream::connect(servers[client % servers.len()]));
        for stream in futures_util::future::join_all(connecting).await {
            let stream = stream.context("a server takes no connection")?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
    }
    Ok(streams)
}

/// Why a client ended early, and what it had seen by then.
struct Broken {
    why: anyhow::Error,
    samples: Vec<Sample>,
}

struct Client {
    server: usize,
    stream: TcpStream,
    shared: Arc<Shared>,
    rng: fastrand::Rng,
    /// Its own keys, or those that it reads.
    keys: Vec<usize>,
    /// Of the commands under way the key, and the number of the value that is written or that has to be there at least.
    under_way: Vec<(usize, u32)>,
    out: Vec<u8>,
    bytes: BytesMut,
    samples: Vec<Sample>,
}

impl Client {
    fn new(number: usize, stream: TcpStream, shared: Arc<Shared>) -> Client {
        let Load { keys, clients, servers, kind, .. } = &shared.load;
        let keys = match kind {
            Kind::Set => keys.clone().skip(number).step_by(*clients).collect(),
            Kind::Get => keys.clone().collect(),
        };
        Client {
            server: number % servers.len(),
            stream,
            rng: fastrand::Rng::with_seed(number as u64),
            keys,
            under_way: Vec::new(),
            out: Vec::new(),
            bytes: BytesMut::with_capacity(16 << 10),
            samples: Vec::new(),
            shared,
        }
    }

    async fn run(mut self) -> Result<Vec<Sample>, Broken> {
        if self.keys.is_empty() {
            return Err(Broken { why: anyhow::anyhow!("more clients than keys"), samples: Vec::new() });
        }
        loop {
            let phase = self.shared.phase.load(Ordering::Relaxed);
            if phase == ENDING {
                return Ok(self.samples);
            }
            let sent = Instant::now();
            if let Err(why) = self.exchange().await {
                return Err(Broken { why, samples: self.samples });
            }
            let count = self.under_way.len() as u64;
            self.shared.answered[self.server].fetch_add(count, Ordering::Relaxed);
            if phase == COUNTING {
                self.shared.sampled.fetch_add(1, Ordering::Relaxed);
                self.samples.push(Sample { took: sent.elapsed(), server: self.server });
            }
        }
    }

    /// Sends a pipeline and takes the replies.
    async fn exchange(&mut self) -> anyhow::Result<()> {
        let Load { pipeline, kind, ledger, .. } = &self.shared.load;
        self.under_way.clear();
        self.out.clear();
        for _ in 0..*pipeline {
            let key = self.keys[self.rng.usize(..self.keys.len())];
            let number = match kind {
                Kind::Set => ledger.set(key, &mut self.out),
                Kind::Get => {
                    words::get(key, &mut self.out);
                    ledger.acknowledged(key)
                }
            };
            self.under_way.push((key, number));
        }
        self.stream.write_all(&self.out).await?;
        let (mut taken, mut well) = (0, true);
        while taken < self.under_way.len() {
            if self.stream.read_buf(&mut self.bytes).await? == 0 {
                bail!("the server ended the connection");
            }
            while taken < self.under_way.len() && !self.bytes.is_empty() {
                let Some(reply) = words::reply(&mut self.bytes).map_err(anyhow::Error::msg)? else { break };
                well &= self.shared.judge(self.under_way[taken], reply)?;
                taken += 1;
            }
        }
        if well && *kind == Kind::Set {
            self.under_way.iter().for_each(|(key, number)| ledger.acknowledge(*key, *number));
        }
        Ok(())
    }
}

impl Shared {
    /// Whether a reply is no error. It must be right.
    fn judge(&self, (key, least): (usize, u32), reply: Reply) -> anyhow::Result<bool> {
        match (self.load.kind, reply) {
            (_, Reply::Error(error)) => {
                let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
                let (_, number) = errors.get_or_insert((error, 0));
                *number += 1;
                return Ok(false);
            }
            (Kind::Set, reply) if words::is_ok(&reply) => {}
            (Kind::Get, Reply::Bulk(value)) => {
                self.load.ledger.check(key, value.as_deref(), least).map_err(anyhow::Error::msg)?;
            }
            (kind, reply) => bail!("a {kind:?} was answered with {reply:?}"),
        }
        Ok(true)
    }
}

/// Writes each of these keys once, so many in one command.
pub async fn fill(server: SocketAddr, ledger: &Ledger, keys: Range<usize>, at_once: usize) -> anyhow::Result<()> {
    let mut connection = Connection::open(server).await?;
    let chunks: Vec<_> = keys.clone().step_by(at_once).map(|from| from..keys.end.min(from + at_once)).collect();
    // So many are under way that a commit is full, and not so many that a server would not take them.
    for chunks in chunks.chunks(64) {
        let mut out = Vec::new();
        chunks.iter().for_each(|chunk| ledger.set_all(chunk.clone(), &mut out));
        for (reply, chunk) in connection.ask(&out, chunks.len()).await?.iter().zip(chunks) {
            anyhow::ensure!(words::is_ok(reply), "an MSET was answered with {reply:?}");
            chunk.clone().for_each(|key| ledger.acknowledge_all(key));
        }
    }
    Ok(())
}

/// Reads keys and demands of each the last value that was acknowledged, or one that was sent later and never answered.
pub async fn read_back(server: SocketAddr, ledger: &Ledger, keys: &[usize]) -> anyhow::Result<()> {
    let mut connection = Connection::open(server).await?;
    for keys in keys.chunks(READ_BACK) {
        let mut out = Vec::new();
        keys.iter().for_each(|key| words::get(*key, &mut out));
        for (reply, key) in connection.ask(&out, keys.len()).await?.into_iter().zip(keys) {
            let Reply::Bulk(value) = reply else { bail!("a GET was answered with {reply:?}") };
            ledger.check(*key, value.as_deref(), ledger.acknowledged(*key)).map_err(anyhow::Error::msg)?;
        }
    }
    Ok(())
}

/// A connection for a few commands.
pub struct Connection {
    stream: TcpStream,
    bytes: BytesMut,
}

impl Connection {
    pub async fn open(server: SocketAddr) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(server).await.context("a server takes no connection")?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, bytes: BytesMut::new() })
    }

    /// Sends commands and takes so many replies.
    pub async fn ask(&mut self, commands: &[u8], replies: usize) -> anyhow::Result<Vec<Reply>> {
        let Connection { stream, bytes } = self;
        let (mut reader, mut writer) = stream.split();
        let sending = async { anyhow::Ok(writer.write_all(commands).await?) };
        let taking = async {
            let mut taken = Vec::with_capacity(replies);
            while taken.len() < replies {
                match (!bytes.is_empty())
                    .then(|| words::reply(bytes))
                    .transpose()
                    .map_err(anyhow::Error::msg)?
                    .flatten()
                {
                    Some(reply) => taken.push(reply),
                    None if reader.read_buf(bytes).await? == 0 => bail!("the server ended the connection"),
                    None => {}
                }
            }
            Ok(taken)
        };
        let asked = async { tokio::try_join!(sending, taking) };
        let ((), taken) = timeout(PATIENCE, asked).await.context("no reply has come")??;
        Ok(taken)
    }
}
