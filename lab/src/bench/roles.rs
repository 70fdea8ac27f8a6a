//! The roles of the benchmark's processes. The benchmark starts its own binary again in one of these roles. So a server is
//! a process that can be killed and has its own memory, and it is built like the benchmark.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use clap::Subcommand;
use rand::TryRng as _;
use rand::rngs::SysRng;
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};
use tokio::net::TcpListener;
use tokio::time::Instant;
use valthree::clock::Wall;
use valthree::server::Config;
use valthree::settings::Settings;
use valthree::store::s3::{Address, S3, Style};
use valthree::store::{Condition, ETag, Got, Store as _};

use super::naive;

/// The role of a process.
#[derive(Clone, Debug, Subcommand)]
pub enum Role {
    /// A server of Valthree
    #[command(hide = true)]
    Server {
        /// Where its database is
        #[command(flatten)]
        place: DatabaseFlags,
        /// The deadline of its commands: longer for tests on a slow machine
        #[arg(long, env = "VALTHREE_DEADLINE_MS")]
        deadline_ms: Option<u64>,
    },
    /// A server of the naive algorithm
    #[command(hide = true)]
    Naive(DatabaseFlags),
    /// A process that sends requests to the store and measures them
    #[command(hide = true)]
    Probe(DatabaseFlags),
}

/// Where a database is. Credentials and region come from the environment.
#[derive(Clone, Debug, clap::Args)]
pub struct DatabaseFlags {
    store: Address,
    endpoint: Option<String>,
}

impl Role {
    /// Plays the role until the process is killed.
    pub fn play(self) -> anyhow::Result<()> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = match &self {
            // The server's own command has as many threads.
            Role::Server { .. } => {
                tokio::runtime::Builder::new_multi_thread().worker_threads(cores).enable_all().build()?
            }
            _ => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
        };
        runtime.block_on(async {
            match self {
                Role::Server { place, deadline_ms } => serve(place, cores, deadline_ms).await,
                Role::Naive(place) => {
                    let store = place.open().await?;
                    Ok(naive::serve(listen().await?.0, store).await?)
                }
                Role::Probe(place) => probe(&place.open().await?).await,
            }
        })
    }
}

impl DatabaseFlags {
    async fn open(&self) -> anyhow::Result<S3> {
        Ok(S3::open(&self.store, self.endpoint.clone(), Style::Auto).await?)
    }
}

/// Listens on a free port and prints the address.
async fn listen() -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tell(&address.to_string())?;
    Ok((listener, address))
}

fn tell(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Runs a server as its own command does.
async fn serve(place: DatabaseFlags, threads: usize, deadline_ms: Option<u64>) -> anyhow::Result<()> {
    let (listener, address) = listen().await?;
    let store = place.open().await?;
    let mut seed = [0; 32];
    SysRng.try_fill_bytes(&mut seed).context("the system gives no random numbers")?;
    let usual = Settings::default();
    let settings = Settings {
        deadline: deadline_ms.map_or(usual.deadline, Duration::from_millis),
        bind: address.ip().to_string(),
        port: address.port(),
        store: place.store.to_string(),
        threads,
        ..usual
    };
    let config = Config { seed, wall: Wall::of_the_machine(), settings };
    Ok(valthree::server::run(listener, store, config, std::future::pending()).await?)
}

/// Answers questions of the form `put NUMBER SIZE` or `get NUMBER SIZE`. The answer is as many latencies in microseconds:
/// of conditional PUTs of this size, or of GETs of an object of this size that the store answers with 304.
async fn probe(store: &S3) -> anyhow::Result<()> {
    tell("ready")?;
    let mut lines = BufReader::new(stdin()).lines();
    let mut probed = Probed { store, number: 0, etag: None };
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split(' ').collect();
        let [what, times, size] = words[..] else { anyhow::bail!("not a question: {line}") };
        let (times, size): (usize, usize) = (times.parse()?, size.parse()?);
        // The first PUT may have to connect, and a GET needs an object of the size.
        probed.put(size).await?;
        let mut took: Vec<Duration> = Vec::new();
        for _ in 0..times {
            took.push(if what == "put" { probed.put(size).await? } else { probed.get().await? });
        }
        tell(&took.iter().map(|took| took.as_micros().to_string()).collect::<Vec<_>>().join(" "))?;
    }
    Ok(())
}

/// The object of a probe.
struct Probed<'a> {
    store: &'a S3,
    /// The number of the last version. No two versions have the same bytes.
    number: u64,
    etag: Option<ETag>,
}

impl Probed<'_> {
    const NAME: &'static str = "probe.json";

    /// Replaces the object, and returns the latency.
    async fn put(&mut self, size: usize) -> anyhow::Result<Duration> {
        self.number += 1;
        let mut bytes = vec![b'a' + (self.number % 26) as u8; size.max(20)];
        bytes[..20].copy_from_slice(format!("{:020}", self.number).as_bytes());
        let condition = self.etag.take().map_or(Condition::Absent, Condition::Match);
        let began = Instant::now();
        self.etag = Some(self.store.put(Self::NAME, Bytes::from(bytes), &condition).await?);
        Ok(began.elapsed())
    }

    /// Asks for the object if it has changed, and returns the latency of the 304.
    async fn get(&self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let got = self.store.get(Self::NAME, self.etag.as_ref()).await?;
        anyhow::ensure!(got == Got::Unchanged, "the store answered a matching If-None-Match without 304");
        Ok(began.elapsed())
    }
}
