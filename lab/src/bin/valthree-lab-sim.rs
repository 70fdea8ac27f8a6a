//! The simulation as a command: thousands of seeds, or one seed again.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use rand::TryRng as _;
use rand::rngs::SysRng;
use valthree_lab::sim::outcome::RunOutcome;
use valthree_lab::sim::{run, seeds};
use valthree_workload::census::Census;

/// Runs whole clusters of Valthree, three servers and a store, in simulated time, with the faults that their seeds draw.
///
/// It stops at the first seed that fails, leaves the evidence, prints the command that repeats that seed, and exits with 1.
/// If no seed fails, it prints a summary.
#[derive(Parser)]
#[command(name = "valthree-lab-sim", version, max_term_width = 100)]
struct Flags {
    /// Run only this seed, and keep its trace
    #[arg(long, value_name = "SEED", conflicts_with_all = ["from", "seeds", "threads"])]
    seed: Option<u64>,

    /// The first seed [default: a random one]
    #[arg(long, value_name = "SEED")]
    from: Option<u64>,

    /// The number of seeds
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,

    /// The number of seeds at the same time [default: the number of cores]
    #[arg(long, value_name = "NUMBER", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1024))]
    threads: Option<usize>,

    /// The folder for the evidence
    #[arg(long, value_name = "FOLDER", default_value = "target/sim")]
    artifacts: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    let flags = Flags::parse();
    let bug = planted()?;
    if let Some(seed) = flags.seed {
        let outcome = run(seed, true);
        println!("{outcome}\n{}", outcome.leave_evidence(&flags.artifacts)?);
        return Ok(if outcome.failure.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    let from = match flags.from {
        Some(from) => from,
        None => u64::from(SysRng.try_next_u32().context("the system gives no random numbers")?) << 16,
    };
    let threads = flags.threads.unwrap_or_else(seeds::all_cores);
    println!("{} seeds from {from} on, {threads} at a time", flags.seeds);
    let mut sum = Sum::new();
    let mut failed = None;
    seeds::each(from, flags.seeds, threads, |outcome| {
        sum.add(&outcome);
        sum.progress(flags.seeds);
        if outcome.failure.is_some() {
            failed = Some(outcome);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    sum.end();
    let Some(failed) = failed else { return Ok(ExitCode::SUCCESS) };
    println!("{failed}\n{}", failed.leave_evidence(&flags.artifacts)?);
    println!("to repeat it:\n  {}", again(bug.as_deref(), failed.plan.seed));
    Ok(ExitCode::FAILURE)
}

/// The planted bug that the environment names. An unknown name is an error, or a run without the bug would look like a run
/// that missed it.
fn planted() -> anyhow::Result<Option<String>> {
    let Some(name) = std::env::var("VALTHREE_BUG").ok().filter(|name| !name.is_empty()) else { return Ok(None) };
    #[cfg(feature = "bug-zoo")]
    let mut bugs = valthree_lab::zoo::BUGS.iter();
    #[cfg(feature = "bug-zoo")]
    let (there, why) = (bugs.any(|bug| bug.name == name), "there is no such bug");
    #[cfg(not(feature = "bug-zoo"))]
    let (there, why) = (false, "this build has no planted bugs: build with --features bug-zoo");
    anyhow::ensure!(there, "VALTHREE_BUG is {name}, but {why}");
    Ok(Some(name))
}

/// The command that repeats a seed, with its planted bug.
fn again(bug: Option<&str>, seed: u64) -> String {
    let (bug, features) = match bug {
        Some(name) => (format!("VALTHREE_BUG={name} "), " --features bug-zoo"),
        None => (String::new(), ""),
    };
    format!("{bug}cargo run --profile lab -p valthree-lab{features} --bin valthree-lab-sim -- --seed {seed}")
}

/// The sums over all seeds.
struct Sum {
    began: std::time::Instant,
    shown: Duration,
    seeds: u64,
    counting: u64,
    simulated: Duration,
    census: Census,
    kinds: BTreeMap<&'static str, (u64, u64)>,
    counted: BTreeMap<String, u64>,
}

impl Sum {
    fn new() -> Sum {
        #[expect(clippy::disallowed_methods, reason = "seeds a second are seconds of the machine")]
        let began = std::time::Instant::now();
        let (shown, simulated) = (Duration::ZERO, Duration::ZERO);
        let (census, kinds, counted) = (Census::default(), BTreeMap::new(), BTreeMap::new());
        Sum { began, shown, seeds: 0, counting: 0, simulated, census, kinds, counted }
    }

    fn add(&mut self, outcome: &RunOutcome) {
        self.seeds += 1;
        self.counting += u64::from(outcome.counts());
        self.simulated += outcome.elapsed;
        self.census.add(&outcome.census);
        for (hit, number) in &outcome.met.kinds {
            let (seeds, times) = self.kinds.entry(hit.name()).or_default();
            *seeds += 1;
            *times += number;
        }
        for (name, number) in &outcome.counted {
            *self.counted.entry(name.clone()).or_default() += number;
        }
    }

    /// Prints the progress once a second, if stderr is a terminal.
    fn progress(&mut self, of: u64) {
        let elapsed = self.began.elapsed();
        if elapsed - self.shown >= Duration::from_secs(1) && stderr().is_terminal() {
            self.shown = elapsed;
            let rate = self.seeds as f64 / elapsed.as_secs_f64();
            let _ = write!(stderr(), "\r{} of {of} seeds, {rate:.1} a second ", self.seeds); // the terminal may be gone
        }
    }

    fn end(&self) {
        let elapsed = self.began.elapsed().as_secs_f64();
        let Sum { seeds, counting, census, .. } = self;
        let (rate, simulated) = (*seeds as f64 / elapsed, self.simulated.as_secs());
        println!(
            "\n{seeds} seeds in {elapsed:.1} s, {rate:.1} a second; {counting} of them count; {simulated} s simulated"
        );
        println!(
            "{} operations: {} answered, {} refused, {} uncertain, {} lost; of the unknown writes {} were seen later, {} were not",
            census.operations,
            census.all_answered(),
            census.failed,
            census.uncertain,
            census.lost,
            census.unknown_applied,
            census.unknown_not_applied
        );
        let count = |name: &str| self.counted.get(name).copied().unwrap_or_default();
        println!(
            "{} commits, {} conflicts; unclear answers: {} had landed, {} had not, {} stay unknown",
            count("commits"),
            count("conflicts"),
            count("unclear_landed"),
            count("unclear_lost"),
            count("unclear_unknown")
        );
        println!(
            "{} folds, {} squashes, {} merges, {} runs deleted, without those of crashed servers",
            count("folds"),
            count("squashes"),
            count("merges"),
            count("runs_deleted")
        );
        for (name, (seeds, times)) in &self.kinds {
            println!("{times:>8} {name}, in {seeds} seeds");
        }
    }
}
