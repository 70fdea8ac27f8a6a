//! The bug zoo as a command: it counts the seeds until the workload has caught each planted bug.

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
use valthree_lab::zoo::{BUGS, Bug, Harm};

/// Runs the simulation on servers with planted bugs until the workload has caught each several times, and prints the number
/// of seeds as a table in Markdown, for lab/ZOO.md.
///
/// The seeds are the same as without a bug. Only the workload's verdict counts, not a panic or an assertion of the server.
/// For a bug that stops servers, a server that does not serve after the faults counts, too. Exits with 1 if a bug escapes
/// its bound.
#[derive(Parser)]
#[command(name = "valthree-lab-zoo", version, max_term_width = 100)]
struct Flags {
    /// Run only this bug. May be given several times
    #[arg(long = "bug", value_name = "NAME")]
    bugs: Vec<String>,

    /// The first seed [default: a random one]
    #[arg(long, value_name = "SEED")]
    from: Option<u64>,

    /// How often to catch each bug
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    catches: usize,

    /// The most seeds for one catch
    #[arg(long, value_name = "SEEDS", default_value_t = 200)]
    bound: u64,

    /// Run the bug that VALTHREE_BUG names, and print the catches as a line of JSON
    #[arg(long, hide = true)]
    planted: bool,
}

/// The catches of one bug.
#[derive(Default, Serialize, Deserialize)]
struct Catches {
    /// The number of seeds of each catch.
    seeds: Vec<u64>,
    /// The commands whose replies revealed the bug.
    commands: BTreeMap<String, u64>,
    /// The seeds that failed in another way.
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
    println!("| bug | the server's mistake | seen in | seeds, median | worst | revealed by replies to | command |");
    println!("|---|---|---|---|---|---|---|");
    let mut missed = Vec::new();
    let named = |bug: &&Bug| flags.bugs.iter().any(|name| name == bug.name);
    for bug in BUGS.iter().filter(|bug| flags.bugs.is_empty() || named(bug)) {
        let catches = caught(bug, from, &flags)?;
        println!("{}", row(bug, from, &catches));
        if catches.seeds.len() < flags.catches {
            let Catches { seeds, otherwise, .. } = &catches;
            missed.push(format!("{}: caught {} times; {otherwise} seeds failed otherwise", bug.name, seeds.len()));
        }
    }
    missed.iter().for_each(|missed| eprintln!("MISSED {missed}"));
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a bug in a process of its own, since the environment names it.
fn caught(bug: &Bug, from: u64, flags: &Flags) -> anyhow::Result<Catches> {
    let mut planted = Command::new(std::env::current_exe()?);
    planted.env("VALTHREE_BUG", bug.name).args(["--planted", "--from", &from.to_string()]);
    planted.args(["--catches", &flags.catches.to_string(), "--bound", &flags.bound.to_string()]);
    let output = planted.stderr(Stdio::inherit()).output().context("the simulation cannot be started")?;
    serde_json::from_slice(&output.stdout).context("the simulation ended early")
}

/// The row of a bug.
fn row(bug: &Bug, from: u64, catches: &Catches) -> String {
    let Bug { name, what, seen, .. } = bug;
    let mut seeds = catches.seeds.clone();
    seeds.sort_unstable();
    let cell = |seeds: Option<&u64>| seeds.map_or("not caught".to_owned(), ToString::to_string);
    let commands: Vec<_> = catches.commands.iter().map(|(name, number)| format!("{name} {number}")).collect();
    let (median, worst) = (cell(seeds.get(seeds.len() / 2)), cell(seeds.last()));
    let (commands, command) = (commands.join(", "), bug.command(from));
    format!("| `{name}` | {what} | {seen} | {median} | {worst} | {commands} | `{command}` |")
}

/// Runs seeds until this process's bug is caught often enough, or escapes its bound.
fn catch(from: u64, flags: &Flags) -> Catches {
    let (mut catches, mut since) = (Catches::default(), 0);
    let most = flags.bound * flags.catches as u64;
    let planted = std::env::var("VALTHREE_BUG").unwrap_or_default();
    let stops = BUGS.iter().any(|bug| bug.name == planted && bug.harm == Harm::NoReplies);
    seeds::each(from, most, seeds::all_cores(), |outcome| {
        since += 1;
        match &outcome.failure {
            Some(Failure::Violation(history, violation)) => {
                catches.seeds.push(std::mem::take(&mut since));
                let name = history.operations[violation.operation].command.name().to_owned();
                *catches.commands.entry(name).or_default() += 1;
            }
            Some(Failure::Broken(_) | Failure::NotServing(_)) if stops => {
                catches.seeds.push(std::mem::take(&mut since));
                *catches.commands.entry("the recovery".to_owned()).or_default() += 1;
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
