//! The benchmark while it runs: its store, its extent, and the report that experiments fill.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::backend::{Backend, BackendChoice};
use super::child::{Probe, ServerProcess};
use super::console;
use super::ledger::Ledger;
use super::load::{Load, LoadKind};
use super::report::Report;

/// The keys that one command of a fill sets. More values in one command would become a run of their own.
pub(super) const FILL: usize = 200;

/// How much the benchmark measures.
#[derive(Clone, Debug)]
pub struct Extent {
    /// The runs of each experiment.
    pub rounds: usize,
    /// How long each load is counted.
    pub time: Duration,
    /// How long a server rests before its memory is measured. Within ten seconds it gives back what it has freed.
    pub rest: Duration,
    /// The requests that a probe sends for one median.
    pub probes: usize,
    /// The keys of a database of usual size.
    pub keys: usize,
    /// The keys of the largest database, and the elements of the largest collection.
    pub most_keys: usize,
    /// The commands of one volley.
    pub commands: usize,
    /// The steps of the curve over clients.
    pub clients: Vec<usize>,
    /// The steps of the curve over commands a second.
    pub rates: Vec<u64>,
    /// The round trips, in milliseconds, at which two servers compete.
    pub contended_ms: Vec<u64>,
    /// Whether the figures are precise enough to compare with the goals.
    pub judged: bool,
}

impl Extent {
    /// The extent of the published results. It takes some minutes.
    pub fn full() -> Extent {
        Extent {
            rounds: 5,
            time: Duration::from_millis(1200),
            rest: Duration::from_secs(12),
            probes: 15,
            keys: 100_000,
            most_keys: 1_000_000,
            commands: 98_304,
            clients: vec![1, 4, 16, 64, 256, 1024],
            rates: vec![10, 100, 1_000, 3_000, 10_000, 30_000, 60_000],
            contended_ms: vec![20, 60, 100],
            judged: true,
        }
    }

    /// Shows that every experiment works. It takes about a minute, and its figures mean little.
    pub fn quick() -> Extent {
        Extent {
            rounds: 1,
            time: Duration::from_millis(300),
            rest: Duration::ZERO,
            probes: 3,
            keys: 10_000,
            most_keys: 10_000,
            commands: 4_096,
            clients: vec![1, 16, 256],
            rates: vec![100, 1_000],
            contended_ms: vec![20],
            judged: false,
        }
    }
}

/// The benchmark while it runs.
pub struct Bench {
    /// How much it measures.
    pub extent: Extent,
    /// Everything that it has measured so far.
    pub report: Report,
    pub(super) backend: Backend,
    /// How much the proxy adds to a round trip.
    pub(super) delay: Duration,
    /// Whether the store is the stand-in, whose round trip is little more than the delay.
    pub(super) stand_in: bool,
}

impl Bench {
    /// Starts the store. `now` is the wall time.
    pub fn start(choice: &BackendChoice, extent: Extent, now: SystemTime) -> anyhow::Result<Bench> {
        let backend = Backend::start(choice, now)?;
        let (delay, stand_in) = match choice {
            BackendChoice::StandIn(delay) => (*delay, true),
            BackendChoice::Bucket { delay, .. } => (*delay, false),
        };
        let report = Report::new(extent.judged);
        Ok(Bench { extent, report, backend, delay, stand_in })
    }

    /// Logs what the benchmark does now, since it takes minutes.
    pub fn note(&self, what: &str) {
        tracing::info!("{what}");
    }

    /// A load on one server, with the times of this extent.
    pub(super) fn load(&self, kind: LoadKind, server: &ServerProcess, ledger: &Arc<Ledger>, clients: usize) -> Load {
        Load {
            servers: vec![server.address],
            clients,
            pipeline: 1,
            kind,
            ledger: Arc::clone(ledger),
            keys: 0..ledger.keys(),
            warmup: self.extent.time / 4,
            time: self.extent.time,
            may_break: false,
        }
    }

    /// Starts a server on a new database and fills it with this many keys.
    pub(super) async fn server(&self, keys: usize) -> anyhow::Result<(ServerProcess, Arc<Ledger>)> {
        let ledger = Arc::new(Ledger::new(keys));
        let server = ServerProcess::start(&self.backend.database()).await?;
        console::fill(server.address, &ledger, 0..keys, FILL).await?;
        Ok((server, ledger))
    }

    /// Starts a process that measures the store itself.
    pub(super) async fn probe(&self) -> anyhow::Result<Probe> {
        Probe::start(&self.backend.database()).await
    }
}

/// A range of keys as a list.
pub(super) fn all(keys: Range<usize>) -> Vec<usize> {
    keys.collect()
}
