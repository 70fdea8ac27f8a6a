//! The flags of the binary, and their help.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use valthree_workload::check::Budget;
use valthree_workload::class::{Class, ClassSet};
use valthree_workload::contents::Contents;

/// Exercises a Valthree, Valkey or Redis cluster, and judges whether its replies are strictly serializable.
#[derive(Debug, Parser)]
#[command(name = "valthree-workload", version, max_term_width = 100, after_long_help = EXIT_STATUS)]
pub struct Flags {
    #[command(subcommand)]
    pub task: Task,

    /// The form of the log on stderr
    #[arg(long, global = true, env = "VALTHREE_LOG", value_name = "FORM", value_enum, default_value_t = LogForm::Text)]
    pub log: LogForm,

    /// The content of the log, such as `debug` [default: info; warn for `run` on a terminal, which shows progress]
    #[arg(long, global = true, env = "RUST_LOG", value_name = "FILTER", value_parser = log_filter)]
    pub log_filter: Option<String>,
}

const EXIT_STATUS: &str = "\
Exit status:
  0  nothing is wrong
  1  the cluster is wrong: a history is not strictly serializable, or a server did not recover
  2  the workload could not do its task: a flag is wrong, or it cannot reach a server or read a file
  3  nothing wrong was found, but that means little: a history is undecided, or too little was answered";

const HISTORY: &str = r#"Example, in a checkout of the repository:
  $ valthree-workload check workload/tests/report/stale_read.jsonl
This history has a stale read, so the command reports a violation, writes its evidence and exits
with status 1. That is intended.

A history:
  {"call":1,"client":1,"command":["SET","k","v"]}
  {"call":2,"client":2,"command":["GET","k"]}
  {"return":1,"reply":{"status":"OK"}}
  {"return":2,"reply":"v"}
  {"call":3,"client":2,"command":["DEL","k"]}
  {"return":3,"unknown":"the connection broke"}

The lines stand in the order of the events, and the database was empty before them. A return holds a
"reply", or says why the command "failed" (it did nothing and never will), or why its outcome is
"unknown". The outcome of a call without a return is unknown too. A reply is null, an integer, a
string, {"status":…}, {"error":…} or an array of those. Bytes that are not text are {"base64":…}.

A transaction is one call. It lists its commands, and the keys that its client watches. The WATCH is a call
of its own, which was answered before:
  {"call":4,"client":3,"command":["WATCH","k"]}
  {"return":4,"reply":{"status":"OK"}}
  {"call":5,"client":3,"command":{"multi":[["RPUSH","k","a"],["LLEN","k"]],"watched":["k"]}}
  {"return":5,"reply":[1,1]}
"refused" holds a command that the server must not queue, and "discarded":true stands for DISCARD. A
script stands by its name and the comment in its text: ["EVAL","move-if","comment","2","k","j","0"]."#;

#[derive(Debug, Subcommand)]
pub enum Task {
    /// Play random rounds against a cluster and judge each of them
    ///
    /// A round has some clients, and keys that no other round uses. The run stops at the first violation, at SIGTERM or
    /// SIGINT, or after the given rounds or time. Its keys stay in the database unless --remove-keys is given.
    Run(RunFlags),
    /// Judge recorded histories
    ///
    /// A history is a file of JSON lines. `run` writes one per round into --histories, and people can write one by hand.
    #[command(after_long_help = HISTORY)]
    Check(CheckFlags),
    /// Wait until every server answers PONG, tell the Antithesis platform, and stay
    Wait(WaitFlags),
    /// After faults: check that every server serves again, and that the database fits the histories of `run`
    Recover(RecoverFlags),
}

/// The flags about the cluster.
#[derive(Debug, Args)]
pub struct Servers {
    /// The servers, as host:port, separated by commas
    #[arg(
        long,
        env = "VALTHREE_WORKLOAD_ADDRS",
        value_name = "HOST:PORT,...",
        value_delimiter = ',',
        required = true,
        value_parser = address
    )]
    pub addrs: Vec<String>,

    /// How long a client waits for a connection or an answer. It must exceed the server's deadline, by default 1.9s
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time)]
    pub patience: Duration,
}

impl Servers {
    /// How long a server may take to answer for the first time.
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

    /// Make the same decisions as an earlier run with this seed. The race between clients still differs, and once an
    /// outcome is unknown, so may later rounds
    #[arg(long, env = "VALTHREE_WORKLOAD_SEED", value_name = "N")]
    pub seed: Option<u64>,

    /// Let some rounds FLUSHALL and count keys. THIS DESTROYS THE DATABASE, which must have no other users
    #[arg(long, env = "VALTHREE_WORKLOAD_OWN_DATABASE")]
    pub own_database: bool,

    /// The operations of the largest rounds
    #[arg(long, value_name = "N", default_value_t = 1500, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    pub operations: usize,

    /// The longest value, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 300 << 10, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=16 << 20))]
    pub longest_value: usize,

    /// Where to keep the newest histories, for `recover` and for the next run on the same database
    #[arg(long, env = "VALTHREE_WORKLOAD_HISTORIES", value_name = "DIR")]
    pub histories: Option<PathBuf>,

    #[arg(long, env = "VALTHREE_WORKLOAD_ARTIFACTS", value_name = "DIR", default_value = "valthree-evidence", help = EVIDENCE)]
    pub artifacts: PathBuf,

    /// Faults are being injected: a server may be unreachable from the start, and few answers are no failure
    #[arg(long, env = "VALTHREE_WORKLOAD_UNDER_FAULTS")]
    pub under_faults: bool,

    /// Send these commands only, such as get,set,del,flushall. The commands about whole databases also need --own-database
    /// [possible values: get, set, set-nx, set-xx, set-get, del, del-many, exists, mget, mset, ping, flushall, dbsize,
    /// getdel, setnx, getset, append, incrby, strlen, sadd, srem, spop, sismember, smembers, scard, hset, hdel,
    /// hincrby, hget, hgetall, hlen, rpush, lpush, lpop, rpop, lrange, llen, zadd, zrem, zincrby, zscore, zrange,
    /// zcard, set-px, set-keepttl, getex, expire, expire-nx, pexpire, persist, pttl, select, flushdb, swapdb, linsert,
    /// lrem, zrank, rename, copy, move, multi, watch-multi, discard, spoilt-multi, watch, unwatch, eval, evalsha,
    /// script-load, script-flush, sscan, hscan, zscan, lmove, lmpop, lset, ltrim, lindex, lpos, spop-many, smove,
    /// sunionstore, zpopmin, zrange-byscore, zrangestore, zunionstore, hexpire, hexpire-nx, hpexpire, hexpireat,
    /// hpexpireat, hpersist, httl, hpttl, hgetex, hsetex, hgetdel, geoadd, geopos, geodist, geosearch, geosearchstore]
    #[arg(long, value_name = "COMMAND,...", value_delimiter = ',')]
    pub commands: Vec<Class>,

    /// Send only commands that take plain strings as a whole: no counters, collections, keys that expire, transactions or
    /// scripts
    #[arg(long, conflicts_with = "commands")]
    pub registers_only: bool,

    /// Delete the keys of the run in the end. After a violation they stay, as evidence. A write of unknown outcome may
    /// still bring a key back. `recover` needs the keys, so this excludes --histories
    #[arg(long, conflicts_with = "histories")]
    pub remove_keys: bool,

    #[command(flatten)]
    pub budget: BudgetFlags,
}

impl RunFlags {
    /// The classes of commands that the run may send.
    pub fn classes(&self) -> anyhow::Result<ClassSet> {
        if self.registers_only {
            return Ok(ClassSet::REGISTERS);
        }
        if self.commands.is_empty() {
            return Ok(ClassSet::ALL);
        }
        let classes: ClassSet = self.commands.iter().copied().collect();
        let typed = Contents::ALL.into_iter().any(|contents| contents.suits(classes));
        for (task, any_of) in [("sets values", Class::WRITERS), ("reads values", Class::READERS)] {
            if !typed && !any_of.iter().any(|class| classes.has(*class)) {
                let any_of = any_of.map(Class::flag).join(", ");
                anyhow::bail!("--commands must name a command that always {task}: one of {any_of}");
            }
        }
        if self.remove_keys && !classes.has(Class::Del) && !classes.has(Class::DelMany) {
            anyhow::bail!("--remove-keys sends DEL, which --commands does not name");
        }
        Ok(classes)
    }
}

const EVIDENCE: &str = "Where to write the evidence of a violation: the history, the part that proves it, and a page";

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

    /// How long the servers may take to serve again
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    pub within: Duration,

    /// Where `run` keeps its histories
    #[arg(long, env = "VALTHREE_WORKLOAD_HISTORIES", value_name = "DIR")]
    pub histories: Option<PathBuf>,

    #[arg(long, env = "VALTHREE_WORKLOAD_ARTIFACTS", value_name = "DIR", default_value = "valthree-evidence", help = EVIDENCE)]
    pub artifacts: PathBuf,

    #[command(flatten)]
    pub budget: BudgetFlags,
}

#[derive(Clone, Copy, Debug, Args)]
pub struct BudgetFlags {
    /// How many search states the checker may visit before it calls a history undecided
    #[arg(long, value_name = "STEPS", default_value_t = Budget::default().steps, value_parser = clap::value_parser!(u64).range(1..))]
    budget: u64,
}

impl BudgetFlags {
    pub fn budget(self) -> Budget {
        Budget { steps: self.budget, ..Budget::default() }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogForm {
    /// For people
    Text,
    /// For machines: one JSON object per line
    Json,
}

fn address(text: &str) -> Result<String, String> {
    let (host, port) = text.rsplit_once(':').ok_or("an address is host:port")?;
    match port.parse::<u16>() {
        Ok(1..) if !host.is_empty() => Ok(text.to_owned()),
        _ => Err("an address is host:port, with a port from 1 to 65535".into()),
    }
}

/// Parses a time such as 90s.
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
        None | Some(0) => Err("a time is above zero, and at most 2^64 milliseconds".into()),
        Some(milliseconds) => Ok(Duration::from_millis(milliseconds)),
    }
}

/// Refuses a filter that the log does not understand.
fn log_filter(text: &str) -> Result<String, tracing_subscriber::filter::ParseError> {
    tracing_subscriber::EnvFilter::try_new(text).map(|_| text.to_owned())
}
