//! The bug zoo as a command: has every planted bug found, and counts how long it takes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::process::{Command, ExitCode, Stdio};

use anyhow::Context as _;
use clap::Parser;
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde::{Deserialize, Serialize};
use valthree_lab::sim::outcome::Failure;
use valthree_lab::sim::seeds;
use valthree_lab::zoo::{BUGS, Bug};

/// Runs the simulation on servers with planted bugs, each until the workload has caught it several times, and prints how
/// many seeds that took, as a table in Markdown.
///
/// The seeds are those that the simulation runs without a bug. Only the workload's verdict counts: not a panic or an
/// assertion of the server, nor that it does not serve. Ends with 1 if a bug is not caught within the bound.
#[derive(Parser)]
#[command(name = "valthree-lab-zoo", version, max_term_width = 100)]
struct Flags {
    /// Only this bug. May be given several times
    #[arg(long = "bug", value_name = "NAME")]
    bugs: Vec<String>,

    /// The first seed [default: a random one]
    #[arg(long, value_name = "SEED")]
    from: Option<u64>,

    /// How often a bug is to be caught
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    catches: usize,

    /// Within how many seeds each time
    #[arg(long, value_name = "SEEDS", default_value_t = 200)]
    bound: u64,

    /// Runs on servers with the bug that VALTHREE_BUG names, and prints what came of it as a line of JSON
    #[arg(long, hide = true)]
    planted: bool,
}

/// How a bug was caught.
#[derive(Default, Serialize, Deserialize)]
struct Catches {
    /// How many seeds it took, each time.
    seeds: Vec<u64>,
    /// The commands whose replies gave it away.
    commands: BTreeMap<String, u64>,
    /// Seeds that failed otherwise.
    otherwise: u64,
}

fn main() -> anyhow::Result<ExitCode> {
    let flags = Flags::parse();
    let from = match flags.from {
        Some(from) => from,
        None => u64::from(SysRng.try_next_u32().context("the system gives no random numbers")?) << 16,
    };
    if flags.planted {
        println!("{}", serde_json::to_string(&catch(from, &flags))?);
        return Ok(ExitCode::SUCCESS);
    }
    for name in &flags.bugs {
        anyhow::ensure!(BUGS.iter().any(|bug| bug.name == name), "there is no bug {name}");
    }
    eprintln!("seeds from {from} on, until each bug is caught {} times", flags.catches);
    println!("| bug | what it is | as seen in | seeds, median | worst | by the replies to | to see it |");
    println!("|---|---|---|---|---|---|---|");
    let mut missed = Vec::new();
    for bug in BUGS.iter().filter(|bug| flags.bugs.is_empty() || flags.bugs.iter().any(|name| name == bug.name)) {
        let mut planted = Command::new(std::env::current_exe()?);
        planted.env("VALTHREE_BUG", bug.name).args(["--planted", "--from", &from.to_string()]);
        planted.args(["--catches", &flags.catches.to_string(), "--bound", &flags.bound.to_string()]);
        let output = planted.stderr(Stdio::inherit()).output().context("the simulation cannot be started")?;
        let catches: Catches = serde_json::from_slice(&output.stdout).context("the simulation broke off")?;
        let mut seeds = catches.seeds.clone();
        seeds.sort_unstable();
        let cell = |seeds: Option<&u64>| seeds.map_or("not caught".to_owned(), ToString::to_string);
        let commands: Vec<_> = catches.commands.iter().map(|(name, number)| format!("{name} {number}")).collect();
        let (median, worst) = (cell(seeds.get(seeds.len() / 2)), cell(seeds.last()));
        let (Bug { name, what, seen }, commands) = (bug, commands.join(", "));
        let show = format!("VALTHREE_BUG={name} valthree-lab-sim --from {from}");
        println!("| `{name}` | {what} | {seen} | {median} | {worst} | {commands} | `{show}` |");
        if catches.seeds.len() < flags.catches {
            let Catches { seeds, otherwise, .. } = &catches;
            missed.push(format!("{}: caught {} times; {otherwise} seeds failed otherwise", bug.name, seeds.len()));
        }
    }
    missed.iter().for_each(|missed| eprintln!("MISSED {missed}"));
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs seeds until the bug of this process has been caught often enough, or not for too long.
fn catch(from: u64, flags: &Flags) -> Catches {
    let (mut catches, mut since) = (Catches::default(), 0);
    let most = flags.bound * flags.catches as u64;
    seeds::each(from, most, seeds::all_cores(), |outcome| {
        since += 1;
        match &outcome.failure {
            Some(Failure::Violation(history, violation)) => {
                catches.seeds.push(std::mem::take(&mut since));
                let command = history.operations[violation.operation].command.to_string();
                let name = command.split(' ').next().unwrap_or_default().to_owned();
                *catches.commands.entry(name).or_default() += 1;
            }
            Some(_) => catches.otherwise += 1,
            None => {}
        }
        match catches.seeds.len() >= flags.catches || since >= flags.bound {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    catches
}
