//! The benchmark: measures what the goals speak of ([`goals`]), beside the yardsticks that they name, in the same
//! seconds and on the same store.
//!
//! The store is the stand-in behind the proxy, which delays and counts, or any other ([`store`]). Servers are processes
//! of their own (`child`, [`roles`]), and so are the yardsticks: the naive algorithm (`naive`), Debian's redis-server,
//! and a probe that asks the store by itself. Load comes from clients that wait for their replies (`load`) or go by the
//! clock (`steady`); what they read must be what they wrote (`words`).
//!
//! | experiment | goals |
//! |---|---|
//! | `writes` | 1, 3, 5: SETs of 1 to 1024 clients, beside naive |
//! | `pipelines` | 2, 5, 13: pipelines of 16 on 100,000 keys, beside naive and Redis |
//! | `reads` | 4, 5: GETs, with and without writers, and an idle server |
//! | `growth` | 6: bytes for each SET, counted in simulated time, from a thousand to a million keys |
//! | `sizes` | 7, 8: servers that start on databases of such sizes |
//! | `several` | 9, 10, 12: three servers, one of which is killed |
//! | `faults` | 11: answers that are lost |
//! | `cost` | 14: a thousand SETs a second, and latency over load |
//!
//! Everything that is compared is measured in one `Run` (`run`), a few seconds, and only such values can be divided
//! by each other. Several runs follow each other, and the median of their ratios is what is printed.
//!
//! What it is not: a measurement of S3. What a real round trip does to the ratios can be seen with `--s3`; that the
//! stand-in answers at once, and the proxy delays exactly, makes them comparable from one day to the next.

pub mod chart;
mod child;
mod cost;
mod faults;
pub mod goals;
mod growth;
mod load;
mod naive;
mod pipelines;
mod prices;
mod reads;
pub mod report;
pub mod roles;
mod run;
mod several;
mod sizes;
mod steady;
pub mod store;
mod words;
mod writes;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use self::child::{Probe, Server};
use self::load::{Kind, Load};
use self::report::Report;
use self::store::{Choice, Store};
use self::words::Ledger;

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Runs of each experiment.
    pub rounds: usize,
    /// So long each load is counted.
    pub time: Duration,
    /// Requests that a probe sends each time.
    pub probes: usize,
    /// Keys where the goals say 100,000,
    pub keys: usize,
    /// and in the largest database.
    pub most_keys: usize,
    /// Clients of the steps of the curve.
    pub clients: Vec<usize>,
    /// Commands a second of the steps of the curve.
    pub rates: Vec<u64>,
}

impl Extent {
    /// What the README shows: some minutes.
    pub fn full() -> Extent {
        Extent {
            rounds: 5,
            time: Duration::from_millis(1200),
            probes: 15,
            keys: 100_000,
            most_keys: 1_000_000,
            clients: vec![1, 4, 16, 64, 256, 1024],
            rates: vec![10, 100, 1_000, 3_000, 10_000, 30_000, 60_000],
        }
    }

    /// Whether everything works: about a minute, and numbers that say little.
    pub fn quick() -> Extent {
        Extent {
            rounds: 1,
            time: Duration::from_millis(300),
            probes: 3,
            keys: 10_000,
            most_keys: 10_000,
            clients: vec![1, 16, 256],
            rates: vec![100, 1_000],
        }
    }
}

/// What can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Experiment {
    /// 1, 3, 5: SETs of 1 to 1024 clients
    Writes,
    /// 2, 5, 13: pipelines, beside Redis
    Pipelines,
    /// 4, 5: GETs
    Reads,
    /// 6: bytes for each SET as a database grows
    Growth,
    /// 7, 8: starts on large databases
    Sizes,
    /// 9, 10, 12: three servers
    Several,
    /// 11: lost answers
    Faults,
    /// 14: a thousand SETs a second
    Cost,
}

/// The benchmark while it runs.
pub struct Bench {
    /// How much is measured.
    pub extent: Extent,
    store: Store,
    /// What was measured so far.
    pub report: Report,
    /// How much longer the proxy makes a round trip.
    delay: Duration,
    /// Whether that is nearly all of it.
    stand_in: bool,
}

impl Bench {
    /// Starts the store. `now` is the wall time.
    pub fn start(choice: &Choice, extent: Extent, now: SystemTime) -> anyhow::Result<Bench> {
        let store = Store::start(choice, now)?;
        let (delay, stand_in) = match choice {
            Choice::StandIn(delay) => (*delay, true),
            Choice::Bucket { delay, .. } => (*delay, false),
        };
        Ok(Bench { extent, store, report: Report::default(), delay, stand_in })
    }

    /// Does experiments.
    pub async fn run(&mut self, experiments: &[Experiment]) -> anyhow::Result<()> {
        for experiment in experiments {
            self.note(&format!("{experiment:?}"));
            match experiment {
                Experiment::Writes => writes::measure(self).await?,
                Experiment::Pipelines => pipelines::measure(self).await?,
                Experiment::Reads => reads::measure(self).await?,
                Experiment::Growth => growth::measure(self).await?,
                Experiment::Sizes => sizes::measure(self).await?,
                Experiment::Several => several::measure(self).await?,
                Experiment::Faults => faults::measure(self).await?,
                Experiment::Cost => cost::measure(self).await?,
            }
        }
        Ok(())
    }

    /// Says what is being done: it takes minutes.
    pub fn note(&self, what: &str) {
        tracing::info!("{what}");
    }

    /// A load of this extent on a server.
    fn load(&self, kind: Kind, server: &Server, ledger: &Arc<Ledger>, clients: usize) -> Load {
        Load {
            servers: vec![server.address],
            clients,
            pipeline: 1,
            kind,
            ledger: Arc::clone(ledger),
            keys: 0..ledger.keys(),
            warmth: self.extent.time / 4,
            time: self.extent.time,
            may_break: false,
        }
    }

    /// A server on a new database of so many keys.
    async fn server(&self, keys: usize) -> anyhow::Result<(Server, Arc<Ledger>)> {
        let ledger = Arc::new(Ledger::new(keys));
        let server = Server::start(&self.store.database()).await?;
        load::fill(server.address, &ledger, 0..keys, FILL).await?;
        Ok((server, ledger))
    }

    async fn probe(&self) -> anyhow::Result<Probe> {
        Probe::start(&self.store.database()).await
    }
}

/// Keys that one command of a fill sets: not so many that their values would be stored by themselves.
const FILL: usize = 200;

/// All keys of a ledger.
fn all(keys: Range<usize>) -> Vec<usize> {
    keys.collect()
}
