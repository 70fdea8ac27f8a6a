//! The benchmark as a command.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use clap::{Parser, ValueEnum as _};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use valthree_lab::bench::chart::{CHARTS, Chart};
use valthree_lab::bench::report::{self, Report};
use valthree_lab::bench::roles::Role;
use valthree_lab::bench::store::Choice;
use valthree_lab::bench::{Bench, Experiment, Extent};
use valthree_lab::process::start_log;

/// Files that may be open: two for each of a thousand clients, with some to spare.
const FILES: u64 = 8192;

/// Measures a Valthree server, beside what it is compared with, and prints each number with its goal and what nothing
/// could better.
///
/// It starts all that it needs on free ports of this machine: a stand-in for S3, a proxy that makes it seem 20 ms away
/// and counts requests, servers, a server of the naive algorithm, redis-server if there is one, and clients; and ends
/// them. Everything that is compared is measured within the same seconds, and what depends on time several times; the
/// median is printed. Replies are checked meanwhile: one that is wrong ends it. It takes some minutes, and other work on
/// the machine shows in absolute numbers more than in ratios.
///
/// With --s3 the store is another one, with credentials and region from the usual environment variables of AWS. Over
/// http requests are counted as well; in TLS they can't be, and what depends on that is left out.
#[derive(Parser)]
#[command(name = "valthree-lab-bench", version, max_term_width = 100, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(flatten)]
    flags: Flags,

    #[command(subcommand)]
    role: Option<Hidden>,
}

/// What its own processes are told.
#[derive(clap::Subcommand)]
enum Hidden {
    #[command(flatten)]
    Role(Role),
}

#[derive(clap::Args)]
struct Flags {
    /// Only see that everything works, in a minute
    #[arg(long)]
    quick: bool,

    /// Only this. May be given several times, or separated by commas
    #[arg(long, value_name = "NAME", value_enum, value_delimiter = ',')]
    only: Vec<Experiment>,

    /// How often each experiment is done; the median counts [default: 5, or 1 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: Option<u64>,

    /// How long each load is counted, in milliseconds [default: 1200, or 300 with --quick]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(50..=60_000))]
    time_ms: Option<u64>,

    /// How many keys the largest database has [default: 1000000, or 10000 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2_000..=10_000_000))]
    keys: Option<u64>,

    /// How much longer the proxy makes a round trip, in milliseconds [default: 20, or 0 with --s3]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(..=10_000))]
    delay_ms: Option<u64>,

    /// Another store than the stand-in: s3://BUCKET or s3://BUCKET/PREFIX. What is written there stays there
    #[arg(long, env = "VALTHREE_LAB_BENCH_S3", value_name = "PLACE", value_parser = bucket)]
    s3: Option<String>,

    /// The S3 server, such as http://127.0.0.1:9000, if it is not AWS
    #[arg(long, env = "VALTHREE_LAB_BENCH_S3_ENDPOINT", value_name = "URL", requires = "s3")]
    s3_endpoint: Option<String>,

    /// Write everything to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Draw the curves into this folder, as SVG
    #[arg(long, value_name = "FOLDER")]
    svg: Option<PathBuf>,

    /// Put the table between the marks of this file
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
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
        if let Some(keys) = self.keys {
            extent.most_keys = keys as usize;
            extent.keys = extent.keys.min(keys as usize);
        }
        extent
    }

    fn choice(&self) -> Choice {
        match self.s3.clone() {
            None => Choice::StandIn(Duration::from_millis(self.delay_ms.unwrap_or(20))),
            Some(address) => {
                let delay = Duration::from_millis(self.delay_ms.unwrap_or(0));
                Choice::Bucket { address, endpoint: self.s3_endpoint.clone(), delay }
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
        tracing::warn!("this is not built for speed: use --release");
    }
    allow_files();
    let mut experiments = flags.only.clone();
    if experiments.is_empty() {
        experiments = Experiment::value_variants().to_vec();
    }
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
    bench.run(experiments).await?;
    bench.report.circumstances = circumstances(&bench, began.elapsed());
    Ok(bench.report)
}

/// How it was measured, in words.
fn circumstances(bench: &Bench, took: Duration) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').nth(2).unwrap_or("unknown").to_owned();
    format!(
        "Medians of {} runs, but 6, 7, 8, 11 and 14 of one, in {} s on {cores} cores that clients, servers and store \
         share; the load average over 15 minutes was {load} at the end.",
        bench.extent.rounds,
        took.as_secs()
    )
}

fn write(flags: &Flags, report: &Report) -> anyhow::Result<()> {
    if let Some(file) = &flags.json {
        put(file, &(serde_json::to_string_pretty(&report.json())? + "\n"))?;
    }
    if let Some(folder) = &flags.svg {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        for (name, title, across, up) in CHARTS {
            let Some(series) = report.curves.get(name) else { continue };
            put(&folder.join(format!("{name}.svg")), &Chart { title, across, up, series }.svg())?;
        }
    }
    if let Some(file) = &flags.readme {
        let readme = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let rewritten = report::rewrite(&readme, &report.markdown());
        put(file, &rewritten.with_context(|| format!("{} has no marks for the table", file.display()))?)?;
    }
    Ok(())
}

fn put(file: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// Asks for as many open files as the clients need. Its processes inherit that.
fn allow_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < FILES) {
        let raised = maximum.map_or(FILES, |maximum| maximum.min(FILES));
        if setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }).is_err() {
            tracing::warn!("the system allows only {current:?} open files: a thousand clients may be too many");
        }
    }
}
