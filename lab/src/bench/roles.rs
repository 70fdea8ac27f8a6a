//! What the benchmark's own processes do: it starts itself again in one of these roles, so that a server is a process
//! with memory of its own that can be killed, built just as the benchmark is.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use bytes::Bytes;
use clap::Subcommand;
use rand::TryRng as _;
use rand::rngs::SysRng;
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};
use tokio::net::TcpListener;
use tokio::time::Instant;
use valthree::server::Config;
use valthree::shared::Settings;
use valthree::store::s3::{Address, S3, Style};
use valthree::store::{Condition, Got, Store as _};

use super::naive;

/// What a process is for.
#[derive(Clone, Debug, Subcommand)]
pub enum Role {
    /// A server of Valthree
    #[command(hide = true)]
    Server {
        /// Where its database is
        #[command(flatten)]
        place: Place,
        /// Where the machine is slow, and it does not matter
        #[arg(long, env = "VALTHREE_DEADLINE_MS")]
        deadline_ms: Option<u64>,
    },
    /// A server of the naive algorithm
    #[command(hide = true)]
    Naive(Place),
    /// One that asks the store and tells how long that takes
    #[command(hide = true)]
    Probe(Place),
}

/// Where the database is. Credentials and region come from the environment.
#[derive(Clone, Debug, clap::Args)]
pub struct Place {
    store: Address,
    endpoint: Option<String>,
}

impl Role {
    /// Plays it until the process is killed.
    pub fn play(self) -> anyhow::Result<()> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = match &self {
            // As many threads as the server's own command has.
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

impl Place {
    async fn open(&self) -> anyhow::Result<S3> {
        Ok(S3::open(&self.store, self.endpoint.clone(), Style::Auto).await?)
    }
}

/// Listens, and says where.
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

/// A server as its own command would start it.
async fn serve(place: Place, threads: usize, deadline_ms: Option<u64>) -> anyhow::Result<()> {
    let (listener, address) = listen().await?;
    let store = place.open().await?;
    let mut seed = [0; 32];
    SysRng.try_fill_bytes(&mut seed).context("the system gives no random numbers")?;
    #[expect(clippy::disallowed_methods, reason = "a server is told what time it is, as its own command tells it")]
    let started = SystemTime::now();
    let usual = Settings::default();
    let settings = Settings {
        deadline: deadline_ms.map_or(usual.deadline, Duration::from_millis),
        bind: address.ip().to_string(),
        port: address.port(),
        store: place.store.to_string(),
        threads,
        ..usual
    };
    let config = Config { seed, started, settings };
    Ok(valthree::server::run(listener, store, config, std::future::pending()).await?)
}

/// Reads questions, `put` or `get` with a number and a size, and answers each with as many latencies in microseconds:
/// of a conditional PUT of this size, or of a conditional GET of an object of this size that is answered with 304.
async fn probe(store: &S3) -> anyhow::Result<()> {
    const NAME: &str = "probe.json";
    tell("ready")?;
    let mut lines = BufReader::new(stdin()).lines();
    let mut number = 0_u64;
    let mut known = None;
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split(' ').collect();
        let [what, times, size] = words[..] else { anyhow::bail!("not a question: {line}") };
        let (times, size): (usize, usize) = (times.parse()?, size.parse()?);
        let mut put = async |condition: &Condition| {
            number += 1; // no two versions are the same
            let mut bytes = vec![b'a' + (number % 26) as u8; size.max(20)];
            bytes[..20].copy_from_slice(format!("{number:020}").as_bytes());
            let bytes = Bytes::from(bytes);
            let began = Instant::now();
            let etag = store.put(NAME, bytes, condition).await?;
            anyhow::Ok((etag, began.elapsed()))
        };
        // The first one may have to connect, and a GET needs an object of the size.
        let condition = known.take().map_or(Condition::Absent, Condition::Match);
        let (mut etag, _) = put(&condition).await?;
        let mut took: Vec<Duration> = Vec::new();
        for _ in 0..times {
            took.push(match what {
                "put" => {
                    let (next, took) = put(&Condition::Match(etag)).await?;
                    etag = next;
                    took
                }
                _ => {
                    let began = Instant::now();
                    let got = store.get(NAME, Some(&etag)).await?;
                    anyhow::ensure!(got == Got::Unchanged, "a matching If-None-Match was not answered with 304");
                    began.elapsed()
                }
            });
        }
        known = Some(etag);
        tell(&took.iter().map(|took| took.as_micros().to_string()).collect::<Vec<_>>().join(" "))?;
    }
    Ok(())
}
