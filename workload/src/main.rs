//! The workload binary: flags in, exit status out.

mod flags;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;

#[cfg(all(target_os = "linux", feature = "coverage"))]
use antithesis_instrumentation as _; // linked for what it does when the program is loaded
use antithesis_sdk::{assert_always, lifecycle};
use anyhow::Context as _;
use clap::Parser as _;
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use valthree_workload::chance::Source;
use valthree_workload::check::{Verdict, check};
use valthree_workload::configuration::Bounds;
use valthree_workload::connection::{Cluster, Tcp};
use valthree_workload::folder::{self, Folder};
use valthree_workload::progress::Progress;
use valthree_workload::run::{Run, Summary};
use valthree_workload::{assertions, evidence, recover, wait};

use self::flags::{CheckFlags, Do, Flags, LogForm, RecoverFlags, RunFlags, Servers, WaitFlags};

/// Something is wrong with the cluster.
const WRONG: u8 = 1;
/// The workload could not do what it was asked to do.
const FAILED: u8 = 2;
/// Nothing wrong was found, but that means little.
const SHOWS_LITTLE: u8 = 3;

/// The platform sets this for what runs on it.
const PLATFORM: &str = "ANTITHESIS_OUTPUT_DIR";

fn main() -> ExitCode {
    let flags = Flags::parse();
    start_log(&flags);
    antithesis_sdk::antithesis_init();
    match start(flags) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn start(flags: Flags) -> anyhow::Result<u8> {
    // One thread is enough to keep any cluster busy, and replies are judged between rounds.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let code = runtime.block_on(async {
        match flags.command {
            Do::Run(run) => run_rounds(run, flags.log).await,
            Do::Check(check) => Ok(check_files(&check)),
            Do::Wait(wait) => wait_for(wait).await,
            Do::Recover(recover) => recovered(recover).await,
        }
    });
    runtime.shutdown_background();
    code
}

async fn run_rounds(flags: RunFlags, log: LogForm) -> anyhow::Result<u8> {
    let cluster = cluster(&flags.servers);
    if !flags.under_faults {
        for server in &cluster.servers {
            let reached = wait::pong_within(&cluster, server, flags.servers.within()).await;
            reached.map_err(anyhow::Error::msg)?;
        }
    }
    let source = match flags.seed {
        Some(seed) => Source::Seed(seed),
        None if std::env::var_os(PLATFORM).is_some() => Source::Platform,
        None => Source::Seed(SysRng.try_next_u64()?),
    };
    match source {
        Source::Seed(seed) => tracing::info!("the seed is {seed}"),
        Source::Platform => tracing::info!("the platform decides"),
    }
    let bounds = Bounds {
        servers: cluster.servers.len(),
        own_database: flags.own_database,
        operations: (100.min(flags.operations), flags.operations),
        longest_value: flags.longest_value,
    };
    let run = Run {
        cluster,
        bounds,
        source,
        prefix: fresh_prefix()?,
        rounds: flags.rounds,
        duration: flags.duration,
        budget: flags.budget.budget(),
        folder: flags.histories.as_deref().map(Folder::open).transpose()?,
        artifacts: flags.artifacts,
    };
    let mut progress = Progress::new(matches!(log, LogForm::Text));
    let summary = run.run(&mut progress, stopped()?).await?;
    Ok(conclude(&summary, flags.under_faults, log))
}

fn conclude(summary: &Summary, under_faults: bool, log: LogForm) -> u8 {
    let Summary { rounds, census, undecided, violation, .. } = summary;
    let lacking = summary.lacking();
    match log {
        LogForm::Text => tell(summary),
        LogForm::Json => println!(
            "{}",
            json!({ "rounds": rounds, "census": census, "violation": violation, "undecided": undecided, "lacking": lacking })
        ),
    }
    if violation.is_some() {
        WRONG
    } else if !undecided.is_empty() || (!lacking.is_empty() && !under_faults) {
        SHOWS_LITTLE
    } else {
        0
    }
}

fn tell(summary: &Summary) {
    let Summary { rounds, census, .. } = summary;
    println!(
        "{rounds} rounds, {} operations: {} answered, {} refused, {} of unknown outcome ({} seen to have happened)",
        census.operations,
        census.all_answered(),
        census.failed,
        census.unknown(),
        census.unknown_applied,
    );
    if let Some(why) = &summary.violation {
        return println!("violation: {why}");
    }
    println!("no violation");
    if !summary.undecided.is_empty() {
        println!("undecided: {} of the rounds", summary.undecided.len());
    }
    let lacking: Vec<String> = summary.lacking().iter().map(|(class, n)| format!("{} ({n})", class.name())).collect();
    if !lacking.is_empty() {
        println!("this shows little: too few commands were answered of {}", lacking.join(", "));
    }
}

fn check_files(flags: &CheckFlags) -> u8 {
    let (mut worst, mut stems) = (0, HashMap::new());
    for path in &flags.histories {
        let stem = path.file_stem().unwrap_or(OsStr::new("history")).to_string_lossy();
        // Files of one name in several folders leave evidence each.
        let times = stems.entry(stem.clone()).and_modify(|times| *times += 1).or_insert(1);
        let name = if *times == 1 { stem.into_owned() } else { format!("{stem}-{times}") };
        let code = check_file(path, &name, flags).unwrap_or_else(|error| {
            tracing::error!("{error:#}");
            FAILED
        });
        worst = graver(worst, code);
    }
    worst
}

fn check_file(path: &Path, name: &str, flags: &CheckFlags) -> anyhow::Result<u8> {
    let history = folder::read(path)?.with_context(|| format!("{} holds no operation", path.display()))?;
    let operations = history.operations.len();
    match check(&history, flags.budget.budget()) {
        Verdict::Serializable => {
            println!("{}: serializable, {operations} operations", path.display());
            Ok(0)
        }
        Verdict::Undecided(why) => {
            println!("{}: undecided, {operations} operations: {why}", path.display());
            Ok(SHOWS_LITTLE)
        }
        Verdict::Malformed(why) => anyhow::bail!("{} is no history that can be judged: {why}", path.display()),
        Verdict::Violation(violation) => {
            println!("{}: violation, {operations} operations: {}", path.display(), violation.why);
            let budget = flags.budget.budget();
            println!("{}", evidence::of_violation(&flags.artifacts, name, &history, &violation, budget));
            Ok(WRONG)
        }
    }
}

/// The one of two statuses that tells more: that something is wrong, then that not all was done.
fn graver(one: u8, other: u8) -> u8 {
    [WRONG, FAILED, SHOWS_LITTLE].into_iter().find(|status| [one, other].contains(status)).unwrap_or(0)
}

async fn wait_for(flags: WaitFlags) -> anyhow::Result<u8> {
    let cluster = cluster(&flags.servers);
    let mut stop = std::pin::pin!(stopped()?);
    for server in &cluster.servers {
        let mut said = String::new();
        let pong = wait::pong(&cluster, server, |why| {
            if said != why {
                tracing::info!("waiting: {why}");
                why.clone_into(&mut said);
            }
        });
        tokio::select! {
            () = pong => tracing::info!("{server} answers"),
            () = &mut stop => return Ok(FAILED),
        }
    }
    lifecycle::setup_complete(&json!({ "servers": cluster.servers }));
    tracing::info!("every server answers");
    if !flags.once {
        stop.await;
    }
    Ok(0)
}

async fn recovered(flags: RecoverFlags) -> anyhow::Result<u8> {
    let cluster = cluster(&flags.servers);
    let mut folder = flags.histories.as_deref().map(Folder::open).transpose()?;
    let journal = folder.as_mut().map(Folder::journal).transpose()?;
    let looked = match (recover::served(&cluster, &fresh_prefix()?, flags.within, journal).await?, &folder) {
        (Ok(()), Some(folder)) => recover::looked(&cluster, folder, flags.within).await?,
        (Ok(()), None) => Ok(Vec::new()),
        (Err(complaint), _) => Err(complaint),
    };
    let complaint = looked.as_ref().err();
    assert_always!(
        looked.is_ok(),
        "Every server serves writes and reads again once faults have ended",
        &json!({ "complaint": complaint })
    );
    if let Some(complaint) = complaint {
        println!("{complaint}");
        return Ok(WRONG);
    }
    println!("every server serves writes and reads");
    let mut worst = 0;
    for (number, history) in looked.unwrap_or_default().into_iter().enumerate() {
        let verdict = check(&history, flags.budget.budget());
        assertions::about_replies(&history);
        assertions::about_verdict(&history, &verdict);
        let name = format!("recovered-{number:06}");
        match verdict {
            Verdict::Serializable => println!("what is left of it fits: {}", history.about),
            Verdict::Undecided(why) => {
                println!("undecided, {why}: {}", history.about);
                println!("{}", evidence::of_undecided(&flags.artifacts, &name, &history));
                worst = graver(worst, SHOWS_LITTLE);
            }
            Verdict::Malformed(why) => anyhow::bail!("what was recorded can't be: {why}: {}", history.about),
            Verdict::Violation(violation) => {
                let budget = flags.budget.budget();
                println!("what is left does not fit: {}", history.about);
                println!("{}", evidence::of_violation(&flags.artifacts, &name, &history, &violation, budget));
                worst = WRONG;
            }
        }
    }
    Ok(worst)
}

fn cluster(servers: &Servers) -> Cluster<Tcp> {
    Cluster { connect: Tcp, servers: servers.addrs.clone(), patience: servers.patience }
}

/// What the keys of this process begin with, and of no other: not decided by the seed, because the database of an
/// earlier run with the same seed may still be there.
fn fresh_prefix() -> anyhow::Result<String> {
    let number = SysRng.try_next_u64().context("the system gives no random numbers")?;
    Ok(format!("{:010x}", number >> 24))
}

/// Waits for the first signal to stop; the second ends the process at once.
fn stopped() -> anyhow::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
        tokio::spawn(async move {
            tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
            std::process::exit(i32::from(FAILED));
        });
    })
}

fn start_log(flags: &Flags) {
    // With a line of progress on the terminal, the lines of the rounds would only be in its way.
    let watched = matches!((&flags.command, flags.log), (Do::Run(_), LogForm::Text)) && std::io::stderr().is_terminal();
    let filter = flags.log_filter.clone().unwrap_or_else(|| if watched { "warn".into() } else { "info".into() });
    let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(std::io::stderr);
    match flags.log {
        LogForm::Text => log.with_target(false).with_ansi(std::io::stderr().is_terminal()).init(),
        LogForm::Json => log.json().init(),
    }
}
