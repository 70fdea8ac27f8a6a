//! The differential test as a command: the same random commands to a real server and to Valthree.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{ArgGroup, Parser};
use valthree_lab::differential::campaign::{Campaign, Findings, run};
use valthree_lab::differential::expected::EXPECTED;
use valthree_lab::differential::generator::{Choice, Generator};
use valthree_lab::differential::grammar::Level;
use valthree_lab::differential::pair::Pair;
use valthree_lab::differential::server::Server;
use valthree_lab::differential::{state, table, valthree};

/// Sends the same random commands to a real server and to another one, and compares every reply.
///
/// It empties both servers again and again. It shrinks each difference to the fewest commands, prints them with both replies,
/// and exits with 1 if there was any.
#[derive(Parser)]
#[command(name = "valthree-lab-differential", version, max_term_width = 100)]
#[command(group = ArgGroup::new("real").required(true), group = ArgGroup::new("other").required(true))]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Flags {
    #[command(subcommand)]
    role: Option<Role>,

    /// The real server's address
    #[arg(long, value_name = "ADDRESS", group = "real")]
    left: Option<SocketAddr>,

    /// The real server's binary, to be started on a free port
    #[arg(long, value_name = "FILE", group = "real")]
    server: Option<PathBuf>,

    /// The other server's address
    #[arg(long, value_name = "ADDRESS", group = "other")]
    right: Option<SocketAddr>,

    /// Another real server's binary, to be started on a free port
    #[arg(long, value_name = "FILE", group = "other")]
    right_server: Option<PathBuf>,

    /// Start Valthree on a free port and an empty folder, with thresholds so small that it folds and merges all the time
    #[arg(long, group = "other")]
    valthree: bool,

    /// The command line that starts the other server, which is killed and restarted between commands
    #[arg(long, value_name = "LINE", requires = "right")]
    restart_right: Option<String>,

    /// How many of 10,000 commands follow a restart
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    restarts: u32,

    /// The first seed
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,

    /// The number of commands to compare
    #[arg(long, value_name = "NUMBER", default_value_t = 200_000)]
    commands: u64,

    /// The commands between two FLUSHALL
    #[arg(long, value_name = "NUMBER", default_value_t = 2000)]
    segment: usize,

    /// The commands between two comparisons of everything that is stored
    #[arg(long, value_name = "NUMBER", default_value_t = 500)]
    check_every: usize,

    /// Only the commands with these names
    #[arg(long, value_name = "COMMAND", value_delimiter = ',')]
    only: Vec<String>,

    /// No command with these names, and no option, such as `SET EX`
    #[arg(long, value_name = "COMMAND", value_delimiter = ',')]
    without: Vec<String>,

    /// Only the commands that the other server lists
    #[arg(long)]
    known: bool,

    /// Draw as for this release, such as 80 for 8.0 [default: the real server's]
    #[arg(long, value_name = "NUMBER")]
    level: Option<Level>,

    /// Only this protocol
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(2..=3))]
    protocol: Option<u8>,

    /// Stop after so many distinct differences
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    max_differences: usize,

    /// The time to shrink one difference
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    shrink_seconds: u64,

    /// How long to wait until a short expiry is over
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 5)]
    expiry_pause: u64,

    /// Write what was drawn to this file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Fail if there is a gap in what was drawn that this file does not list, or if a command had too large a share
    #[arg(long, value_name = "FILE")]
    gaps: Option<PathBuf>,
}

/// What else this program can be.
#[derive(clap::Subcommand)]
enum Role {
    /// The Valthree of --valthree
    #[command(hide = true)]
    Serve { folder: PathBuf, address: SocketAddr },
}

fn main() -> anyhow::Result<ExitCode> {
    let flags = Flags::parse();
    if let Some(Role::Serve { folder, address }) = flags.role {
        valthree::serve(&folder, address)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut pair = servers(&flags)?;
    let plan = plan(&flags, &mut pair)?;
    let findings = run(&mut pair, &plan, |finding| println!("\nseed {}\n{}", finding.seed, finding.script))?;
    summary(&findings, &pair);
    if let Some(path) = &flags.report {
        std::fs::write(path, findings.coverage.report()).with_context(|| format!("writing {}", path.display()))?;
    }
    let lost = new_gaps(&flags, &findings, &plan)?;
    lost.iter().for_each(|gap| println!("new gap: {gap}"));
    let is_uneven = flags.gaps.is_some() && !findings.coverage.too_frequent().is_empty();
    let is_clean = findings.found.is_empty() && lost.is_empty() && !is_uneven;
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts the servers, or finds them.
fn servers(flags: &Flags) -> anyhow::Result<Pair> {
    let started =
        |binary: &PathBuf| Server::of_binary(binary).with_context(|| format!("starting {}", binary.display()));
    let left = match (&flags.server, flags.left) {
        (Some(binary), _) => started(binary)?,
        (None, address) => Server::at(address.context("which real server?")?),
    };
    let right = match (&flags.right_server, flags.right, &flags.restart_right) {
        _ if flags.valthree => Server::of_valthree().context("starting Valthree")?,
        (Some(binary), ..) => started(binary)?,
        (None, Some(address), Some(line)) => {
            Server::of_line(address, line.clone()).with_context(|| format!("starting {line}"))?
        }
        (None, address, None) => Server::at(address.context("which other server?")?),
        (None, None, Some(_)) => anyhow::bail!("--restart-right needs --right"),
    };
    Ok(Pair::new(left, right, Duration::from_millis(flags.expiry_pause), 0))
}

/// Asks the servers what they know, and says what will not be compared.
fn plan(flags: &Flags, pair: &mut Pair) -> anyhow::Result<Campaign> {
    pair.fresh(2).context("connecting")?;
    let (left, right) = (pair.left.identity(), pair.right.identity());
    let level = flags.level.unwrap_or_else(|| table::level(&left.0, &left.1));
    pair.tolerance.level = level;
    println!("left: {} {} (level {level}); right: {} {}", left.0, left.1, right.0, right.1);
    let (real, other) = (table::known(&mut pair.left), table::known(&mut pair.right));
    let listed = |names: Vec<String>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    pair.compares_states = state::COMMANDS.iter().all(|name| other.contains(*name));
    if !pair.compares_states {
        println!("the states are not compared: the right server cannot list its keys");
    }
    println!("the right server lacks: {}", listed(real.difference(&other).cloned().collect()));
    let restart = if flags.restart_right.is_some() || flags.valthree { flags.restarts } else { 0 };
    let (only, without) = (flags.only.clone(), flags.without.clone());
    let both = real.intersection(&other).cloned().collect();
    let choice = Choice { level, only, without, known: flags.known.then_some(other), restart };
    let unruled = table::without_rule(&both, &Generator::new(&choice).rules);
    println!("no rule draws: {}", listed(unruled.clone()));
    Ok(Campaign {
        seed: flags.seed,
        commands: flags.commands,
        segment: flags.segment,
        every: flags.check_every.max(1),
        differences: flags.max_differences,
        protocols: flags.protocol.map_or(vec![2, 3], |protocol| vec![protocol]),
        shrinking: Duration::from_secs(flags.shrink_seconds),
        choice,
        unruled,
    })
}

fn summary(findings: &Findings, pair: &Pair) {
    let coverage = &findings.coverage;
    let seconds = findings.elapsed.as_secs_f64().max(f64::EPSILON);
    println!(
        "\n{} commands compared in {} segments and {seconds:.1} s: {:.0} a second",
        coverage.compared(),
        findings.segments,
        coverage.compared() as f64 / seconds
    );
    for ((name, class), finding) in &findings.found {
        println!("{:>8} {name}: {class}, first with seed {}", finding.times, finding.seed);
    }
    for (name, times) in &pair.tolerance.counts {
        let reason = EXPECTED.iter().find(|expected| expected.name == *name).map_or("", |expected| expected.reason);
        println!("{times:>8} expected: {name}. {reason}");
    }
    let gaps = coverage.gaps();
    println!("{} gaps, {} commands with too large a share", gaps.len(), coverage.too_frequent().len());
    coverage.too_frequent().iter().for_each(|share| println!("  {share}"));
}

/// The gaps that the file does not list.
fn new_gaps(flags: &Flags, findings: &Findings, plan: &Campaign) -> anyhow::Result<Vec<String>> {
    let Some(path) = &flags.gaps else { return Ok(Vec::new()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let known: BTreeSet<&str> = text.lines().collect();
    let unruled = plan.unruled.iter().map(|name| format!("no rule: {name}"));
    let gaps = findings.coverage.gaps().into_iter().chain(unruled);
    Ok(gaps.filter(|gap| !known.contains(gap.as_str())).collect())
}
