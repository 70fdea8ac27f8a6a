//! The flags.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use valthree_workload::check::Budget;

/// Exercises a Valthree, Valkey or Redis cluster, and judges whether what its clients observed is strictly serializable.
#[derive(Debug, Parser)]
#[command(name = "valthree-workload", version, max_term_width = 100, after_long_help = EXIT_STATUS)]
pub struct Flags {
    #[command(subcommand)]
    pub command: Do,

    /// The form of the log on stderr
    #[arg(long, global = true, env = "VALTHREE_LOG", value_name = "FORM", value_enum, default_value_t = LogForm::Text)]
    pub log: LogForm,

    /// What the log contains, such as `debug` [default: info; on a terminal, where `run` shows its progress, warn]
    #[arg(long, global = true, env = "RUST_LOG", value_name = "FILTER", value_parser = log_filter)]
    pub log_filter: Option<String>,
}

const EXIT_STATUS: &str = "\
Exit status:
  0  nothing is wrong
  1  the cluster did what no strictly serializable database does, or did not recover
  2  the workload could not do its work: a flag makes no sense, a server can't be reached, a file can't be read
  3  nothing wrong was found, but that means little: a history could not be decided, or too little was answered";

const HISTORY: &str = r#"A history:
  {"call":1,"client":1,"command":["SET","k","v"]}
  {"call":2,"client":2,"command":["GET","k"]}
  {"return":1,"reply":{"status":"OK"}}
  {"return":2,"reply":"v"}
  {"call":3,"client":2,"command":["DEL","k"]}
  {"return":3,"unknown":"the connection broke"}

Lines stand in the order in which things happened, in a database that was empty. A return has a reply, or why the
command "failed" (nothing happened, nor will it), or why its outcome is "unknown"; so is that of a call without a
return. A reply is null, an integer, a string, {"status":…}, {"error":…} or an array of those; bytes that are not text
are {"base64":…}."#;

#[derive(Debug, Subcommand)]
pub enum Do {
    /// Play random rounds against a cluster and judge each of them
    ///
    /// A round is some clients with keys of their own, which no other round uses. It stops after the rounds or the time
    /// that it was given, at SIGTERM or SIGINT, or at the first violation.
    Run(RunFlags),
    /// Judge recorded histories
    ///
    /// A history is a file of JSON lines, such as a run leaves in --histories, or one that was written by hand.
    #[command(after_long_help = HISTORY)]
    Check(CheckFlags),
    /// Wait until every server answers PONG, say so to the Antithesis platform, and stay
    Wait(WaitFlags),
    /// After faults: demand that every server serves again, and that what is there fits what `run` has left
    Recover(RecoverFlags),
}

/// The cluster.
#[derive(Debug, Args)]
pub struct Servers {
    /// The servers: host:port, with commas between them
    #[arg(
        long,
        env = "VALTHREE_WORKLOAD_ADDRS",
        value_name = "HOST:PORT,...",
        value_delimiter = ',',
        required = true,
        value_parser = address
    )]
    pub addrs: Vec<String>,

    /// How long a client waits for a connection or an answer: longer than the server's deadline, which is 1.9s
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time)]
    pub patience: Duration,
}

impl Servers {
    /// How long a server may take to be there at all.
    pub fn within(&self) -> Duration {
        2 * self.patience
    }
}

#[derive(Debug, Args)]
pub struct RunFlags {
    #[command(flatten)]
    pub servers: Servers,

    /// Stop after so many rounds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub rounds: Option<u64>,

    /// Begin no round after this time, such as 90s, 5m or 2h
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub duration: Option<Duration>,

    /// Make the decisions that a run with this seed made; how clients and servers race is another matter, and what
    /// becomes of later rounds once an outcome was unknown
    #[arg(long, env = "VALTHREE_WORKLOAD_SEED", value_name = "N")]
    pub seed: Option<u64>,

    /// Some rounds may FLUSHALL and count keys: the database has no other users, and NOTHING IN IT IS OF VALUE
    #[arg(long, env = "VALTHREE_WORKLOAD_OWN_DATABASE")]
    pub own_database: bool,

    /// Operations of the largest rounds
    #[arg(long, value_name = "N", default_value_t = 1500, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    pub operations: usize,

    /// The longest values, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 300 << 10, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=16 << 20))]
    pub longest_value: usize,

    /// Where to keep the newest histories, for `recover` and for the next run on the same database
    #[arg(long, env = "VALTHREE_WORKLOAD_HISTORIES", value_name = "DIR")]
    pub histories: Option<PathBuf>,

    #[arg(long, env = "VALTHREE_WORKLOAD_ARTIFACTS", value_name = "DIR", default_value = "valthree-evidence", help = EVIDENCE)]
    pub artifacts: PathBuf,

    /// Faults are being injected: servers may be unreachable from the start, and that little was answered is no failure
    #[arg(long, env = "VALTHREE_WORKLOAD_UNDER_FAULTS")]
    pub under_faults: bool,

    #[command(flatten)]
    pub budget: BudgetFlags,
}

const EVIDENCE: &str = "Where to write what is wrong: the history, the part of it that suffices, and a page about it";

#[derive(Debug, Args)]
pub struct CheckFlags {
    /// Files of JSON lines
    #[arg(value_name = "HISTORY", required = true)]
    pub histories: Vec<PathBuf>,

    #[arg(long, env = "VALTHREE_WORKLOAD_ARTIFACTS", value_name = "DIR", default_value = "valthree-evidence", help = EVIDENCE)]
    pub artifacts: PathBuf,

    #[command(flatten)]
    pub budget: BudgetFlags,
}

#[derive(Debug, Args)]
pub struct WaitFlags {
    #[command(flatten)]
    pub servers: Servers,

    /// Exit when every server has answered, instead of staying
    #[arg(long)]
    pub once: bool,
}

#[derive(Debug, Args)]
pub struct RecoverFlags {
    #[command(flatten)]
    pub servers: Servers,

    /// How long servers may take to serve again
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    pub within: Duration,

    /// Where `run` has left its histories
    #[arg(long, env = "VALTHREE_WORKLOAD_HISTORIES", value_name = "DIR")]
    pub histories: Option<PathBuf>,

    #[arg(long, env = "VALTHREE_WORKLOAD_ARTIFACTS", value_name = "DIR", default_value = "valthree-evidence", help = EVIDENCE)]
    pub artifacts: PathBuf,

    #[command(flatten)]
    pub budget: BudgetFlags,
}

#[derive(Clone, Copy, Debug, Args)]
pub struct BudgetFlags {
    /// How many configurations the checker may look at before it calls a history undecided
    #[arg(long, value_name = "STEPS", default_value_t = Budget::default().steps, value_parser = clap::value_parser!(u64).range(1..))]
    budget: u64,
}

impl BudgetFlags {
    pub fn budget(self) -> Budget {
        Budget { steps: self.budget }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogForm {
    /// For people
    Text,
    /// For machines: an object per line
    Json,
}

fn address(text: &str) -> Result<String, String> {
    let (host, port) = text.rsplit_once(':').ok_or("an address is host:port")?;
    match port.parse::<u16>() {
        Ok(1..) if !host.is_empty() => Ok(text.to_owned()),
        _ => Err("an address is host:port, with a port from 1 to 65535".into()),
    }
}

/// A time as people write it.
fn time(text: &str) -> Result<Duration, String> {
    let letters = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(letters);
    let number: u64 = number.parse().map_err(|_| "a time is a number with ms, s, m or h")?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("a time is a number with ms, s, m or h".into()),
    };
    match number.checked_mul(milliseconds) {
        None | Some(0) => Err("not a length of time to wait".into()),
        Some(milliseconds) => Ok(Duration::from_millis(milliseconds)),
    }
}

/// Makes sure that a filter can be understood.
fn log_filter(text: &str) -> Result<String, tracing_subscriber::filter::ParseError> {
    tracing_subscriber::EnvFilter::try_new(text).map(|_| text.to_owned())
}
