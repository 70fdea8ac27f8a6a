//! Loads: clients that keep servers busy, and the figures of their replies.
//!
//! All clients share one thread, so that a command costs little beside the server's work on it.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::backend::{Route, Traffic};
use super::closed_loop::{Broken, Client, Phase, Play, Sample};
use super::console::PATIENCE;
use super::ledger::Ledger;

pub use super::closed_loop::LoadKind;

/// The connections that are opened at a time, since the system's listen queue is short.
const CONNECTING: usize = 64;

/// How long a load that may break waits for its clients at the end. A client of a dead server never ends by itself.
const LAST_WAIT: Duration = Duration::from_millis(200);

/// Closed-loop clients, and how long they run.
#[derive(Clone)]
pub struct Load {
    /// Clients connect to these in turn.
    pub servers: Vec<SocketAddr>,
    pub clients: usize,
    /// The commands that a client sends at once.
    pub pipeline: usize,
    pub kind: LoadKind,
    pub ledger: Arc<Ledger>,
    /// The clients divide these keys among themselves.
    pub keys: Range<usize>,
    /// How long the load runs before anything is counted.
    pub warmup: Duration,
    /// How long the load is counted.
    pub time: Duration,
    /// Whether a client may lose its server or wait for ever. Otherwise that is an error.
    pub may_break: bool,
}

/// The figures of a load.
#[derive(Debug, Default)]
pub struct LoadResult {
    /// For each server, the commands that it answered while the load was counted.
    pub answered: Vec<u64>,
    /// How long the load was counted.
    pub time: Duration,
    /// All commands that were answered, also before and after.
    pub altogether: u64,
    /// One sample for each pipeline that was sent and answered while the load was counted, the fastest first.
    pub samples: Vec<Sample>,
    /// The traffic between servers and store meanwhile.
    pub traffic: Traffic,
    /// The first error reply, and the number of all.
    pub errors: Option<(String, u64)>,
}

impl LoadResult {
    /// Commands answered in a second.
    pub fn rate(&self) -> f64 {
        self.answered.iter().sum::<u64>() as f64 / self.time.as_secs_f64()
    }

    /// The latency at this quantile, in seconds.
    pub fn latency(&self, share: f64) -> f64 {
        quantile(&self.samples.iter().collect::<Vec<_>>(), share)
    }

    /// The latency of one server's clients at this quantile, in seconds.
    pub fn latency_at(&self, server: usize, share: f64) -> f64 {
        quantile(&self.samples.iter().filter(|sample| sample.server == server).collect::<Vec<_>>(), share)
    }

    /// Requests to the store for each thousand commands.
    pub fn requests_per_thousand(&self) -> f64 {
        self.traffic.requests() as f64 * 1000.0 / self.answered.iter().sum::<u64>() as f64
    }

    /// The number of error replies.
    pub fn refused(&self) -> u64 {
        self.errors.as_ref().map_or(0, |(_, number)| *number)
    }
}

/// The quantile of sorted samples, in seconds; NaN if there are none.
fn quantile(sorted: &[&Sample], share: f64) -> f64 {
    let place = sorted.len().saturating_sub(1) as f64 * share;
    sorted.get(place as usize).map_or(f64::NAN, |sample| sample.took.as_secs_f64())
}

impl Load {
    /// Runs the load. It counts error replies, and fails on a reply that cannot be right.
    pub async fn play(self, route: Option<&Route>) -> anyhow::Result<LoadResult> {
        let streams = connect(&self.servers, self.clients).await?;
        let (warmup, may_break) = (self.warmup, self.may_break);
        let Load { servers, clients, pipeline, kind, ledger, keys, time, .. } = self;
        let play = Arc::new(Play::new(kind, pipeline, ledger, servers.len()));
        let mut running = JoinSet::new();
        for (number, stream) in streams.into_iter().enumerate() {
            let own: Vec<usize> = match kind {
                LoadKind::Set => keys.clone().skip(number).step_by(clients).collect(),
                LoadKind::Get => keys.clone().collect(),
            };
            let client = Client::new(number, number % servers.len(), own, stream, Arc::clone(&play));
            running.spawn(client.run());
        }
        sleep(warmup).await;
        let mut result = count(&play, route, time, may_break).await;
        play.enter(Phase::Ending);
        result.samples = end(running, may_break).await?;
        result.altogether = play.answered().iter().sum();
        result.samples.sort_by_key(|sample| sample.took);
        result.errors = play.take_errors();
        Ok(result)
    }

    /// Runs the load on servers that must not answer with any error.
    pub async fn play_well(self, route: Option<&Route>) -> anyhow::Result<LoadResult> {
        let result = self.play(route).await?;
        match &result.errors {
            None => Ok(result),
            Some((first, number)) => bail!("{number} commands failed, the first with {first}"),
        }
    }
}

/// Counts answers and traffic for some time, or longer until there is something to count.
async fn count(play: &Play, route: Option<&Route>, time: Duration, may_break: bool) -> LoadResult {
    let traffic = || route.map(Route::traffic).unwrap_or_default();
    let (before, traffic_before, from) = (play.answered(), traffic(), Instant::now());
    play.enter(Phase::Counting);
    sleep(time).await;
    // Without a single answer there would be no rate and no latency, however slow the machine is.
    let is_enough = || match may_break {
        true => play.answered() != before,
        false => play.sampled.load(Ordering::Relaxed) > 0,
    };
    while !is_enough() && from.elapsed() < PATIENCE {
        sleep(time).await;
    }
    let answered = play.answered().iter().zip(&before).map(|(after, before)| after - before).collect();
    let traffic = traffic().since(&traffic_before);
    LoadResult { answered, time: from.elapsed(), traffic, ..LoadResult::default() }
}

/// Waits for the clients and collects their samples.
async fn end(mut running: JoinSet<Result<Vec<Sample>, Broken>>, may_break: bool) -> anyhow::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    let ending = async {
        while let Some(ended) = running.join_next().await {
            match ended.context("a client panicked")? {
                Ok(own) => samples.extend(own),
                Err(Broken { why, samples: own }) if may_break => {
                    tracing::debug!("a client ended: {why:#}");
                    samples.extend(own);
                }
                Err(Broken { why, .. }) => return Err(why),
            }
        }
        Ok(())
    };
    match timeout(if may_break { LAST_WAIT } else { PATIENCE }, ending).await {
        Ok(ended) => ended?,
        Err(_) if may_break => running.shutdown().await,
        Err(_) => bail!("clients waited for {PATIENCE:?} without a reply"),
    }
    Ok(samples)
}

async fn connect(servers: &[SocketAddr], clients: usize) -> anyhow::Result<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(clients);
    while streams.len() < clients {
        let now = streams.len()..clients.min(streams.len() + CONNECTING);
        let connecting = now.map(|client| TcpStream::connect(servers[client % servers.len()]));
        for stream in futures_util::future::join_all(connecting).await {
            let stream = stream.context("the server accepts no connection")?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
    }
    Ok(streams)
}
