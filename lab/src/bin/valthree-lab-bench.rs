//! The benchmark as a command.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::{Parser, ValueEnum as _};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use valthree_lab::bench::backend::BackendChoice;
use valthree_lab::bench::harness::{Bench, Extent};
use valthree_lab::bench::report::Report;
use valthree_lab::bench::roles::Role;
use valthree_lab::bench::{Chosen, Experiment, results, run};
use valthree_lab::process::start_log;

// The servers that it measures run in processes of this program.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The open files that a thousand clients need: two each, and some to spare.
const FILES: u64 = 8192;

/// Measures a Valthree server beside its yardsticks, and prints each number with its goal and its bound.
///
/// The benchmark starts all that it needs on free ports of this machine: a stand-in for S3, a proxy that puts it 20 ms away
/// and counts requests, servers, a server of the naive algorithm, redis-server and valkey-server if they are there, and clients. It ends them,
/// too. It measures compared values within the same seconds, most of them several times, and prints the median. It checks
/// every reply and fails on a wrong one. It takes some minutes. Other work on the machine shows in absolute numbers more
/// than in ratios.
///
/// Without --write it changes no file of the repository.
///
/// With --s3 it measures on another store, with credentials and region from the usual environment variables of AWS. It
/// counts requests over http, but not over TLS, and then leaves their numbers out.
#[derive(Parser)]
#[command(name = "valthree-lab-bench", version, max_term_width = 100, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(flatten)]
    flags: Flags,

    #[command(subcommand)]
    role: Option<Hidden>,
}

/// The roles in which the benchmark starts itself again.
#[derive(clap::Subcommand)]
enum Hidden {
    #[command(flatten)]
    Role(Role),
}

#[derive(clap::Args)]
struct Flags {
    /// Only show that every experiment works, in about a minute. The figures mean little and are not judged
    #[arg(long)]
    quick: bool,

    /// Run only this experiment: writes, pipelines, commands, collections, expiry, reads, growth, sizes, several, faults, cost
    /// or contention, or the number of a goal that it measures. May be given several times, or with commas
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<Chosen>,

    /// The runs of each experiment, whose median counts [default: 5, or 1 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: Option<u64>,

    /// The time of each load in milliseconds [default: 1200, or 300 with --quick]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(50..=60_000))]
    time_ms: Option<u64>,

    /// The commands of each volley, which measures CPU time [default: 98304, or 4096 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    commands: Option<u64>,

    /// The keys of the largest database, and the elements of the largest collection [default: 1000000, or 10000 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2_000..=10_000_000))]
    keys: Option<u64>,

    /// The delay that the proxy adds to a round trip, in milliseconds [default: 20, or 0 with --s3]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(..=10_000))]
    delay_ms: Option<u64>,

    /// Another store than the stand-in: s3://BUCKET or s3://BUCKET/PREFIX. The benchmark leaves its objects there
    #[arg(long, env = "VALTHREE_LAB_BENCH_S3", value_name = "PLACE", value_parser = bucket)]
    s3: Option<String>,

    /// The URL of the S3 server, such as http://127.0.0.1:9000, if it is not AWS
    #[arg(long, env = "VALTHREE_LAB_BENCH_S3_ENDPOINT", value_name = "URL", requires = "s3")]
    s3_endpoint: Option<String>,

    /// Write all values to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Rewrite lab/bench/RESULTS.md, the pictures beside it, and the numbers of README.md in this checkout, such as "."
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
}

fn bucket(text: &str) -> Result<String, String> {
    text.parse::<valthree::store::s3::Address>().map(|_| text.to_owned())
}

impl Flags {
    fn extent(&self) -> Extent {
        let mut extent = if self.quick { Extent::quick() } else { Extent::full() };
        if let Some(rounds) = self.rounds {
            extent.rounds = rounds as usize;
        }
        if let Some(time) = self.time_ms {
            extent.time = Duration::from_millis(time);
        }
        if let Some(commands) = self.commands {
            extent.commands = commands as usize;
        }
        if let Some(keys) = self.keys {
            extent.most_keys = keys as usize;
            extent.keys = extent.keys.min(keys as usize);
        }
        extent
    }

    fn choice(&self) -> BackendChoice {
        match self.s3.clone() {
            None => BackendChoice::StandIn(Duration::from_millis(self.delay_ms.unwrap_or(20))),
            Some(address) => {
                let delay = Duration::from_millis(self.delay_ms.unwrap_or(0));
                BackendChoice::Bucket { address, endpoint: self.s3_endpoint.clone(), delay }
            }
        }
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let Arguments { flags, role } = Arguments::parse();
    start_log(if role.is_some() { "warn" } else { "warn,s3s=off,valthree_lab=info" });
    if let Some(Hidden::Role(role)) = role {
        role.play()?;
        return Ok(ExitCode::SUCCESS);
    }
    if cfg!(debug_assertions) {
        tracing::warn!("this is a debug build: use --release to measure");
    }
    allow_files();
    let mut experiments: Vec<Experiment> = flags.only.iter().flat_map(|Chosen(chosen)| chosen.clone()).collect();
    if experiments.is_empty() {
        experiments = Experiment::value_variants().to_vec();
    }
    let mut known = BTreeSet::new();
    experiments.retain(|experiment| known.insert(*experiment));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(measure(&flags, &experiments))?;
    print!("{}", report.text());
    write(&flags, &report)?;
    Ok(ExitCode::SUCCESS)
}

async fn measure(flags: &Flags, experiments: &[Experiment]) -> anyhow::Result<Report> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    let now = SystemTime::now();
    let began = tokio::time::Instant::now();
    let mut bench = Bench::start(&flags.choice(), flags.extent(), now)?;
    run(&mut bench, experiments).await?;
    bench.report.circumstances = circumstances(&bench, began.elapsed());
    Ok(bench.report)
}

/// How and where the benchmark ran, in words.
fn circumstances(bench: &Bench, took: Duration) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').nth(2).unwrap_or("unknown").to_owned();
    let caution = if bench.extent.judged { "" } else { "These are the figures of --quick, which mean little. " };
    format!(
        "{caution}Medians of {} runs, but 6, 7, 8, 11, 14 and the million of 20 of one, in {} s on {cores} cores that clients, servers and \
         store share; the load average over 15 minutes was {load} at the end.",
        bench.extent.rounds,
        took.as_secs()
    )
}

fn write(flags: &Flags, report: &Report) -> anyhow::Result<()> {
    if let Some(file) = &flags.json {
        results::put(file, &(serde_json::to_string_pretty(&report.json())? + "\n"))?;
    }
    if let Some(top) = &flags.write {
        results::write(top, report)?;
    }
    Ok(())
}

/// Raises the limit of open files for the clients. Child processes inherit it.
fn allow_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < FILES) {
        let raised = maximum.map_or(FILES, |maximum| maximum.min(FILES));
        if setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }).is_err() {
            tracing::warn!("the system allows only {current:?} open files, too few for a thousand clients");
        }
    }
}
