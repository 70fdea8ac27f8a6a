//! `run`: plays rounds and says what they show.

use rand::TryRng as _;
use rand::rngs::SysRng;
use serde_json::json;
use valthree_workload::chance::Source;
use valthree_workload::class::Class;
use valthree_workload::configuration::Bounds;
use valthree_workload::connection::{Cluster, Tcp};
use valthree_workload::folder::Folder;
use valthree_workload::progress::Progress;
use valthree_workload::run::Run;
use valthree_workload::summary::Summary;
use valthree_workload::unknown::unknown_classes;
use valthree_workload::wait;

use super::system::{cluster, fresh_prefix, stopped};
use crate::flags::{LogForm, RunFlags};
use crate::status::Status;

/// The Antithesis platform sets this variable for the programs that it runs.
const PLATFORM: &str = "ANTITHESIS_OUTPUT_DIR";

/// Plays rounds.
pub async fn run(flags: RunFlags, log: LogForm) -> anyhow::Result<Status> {
    let classes = flags.classes()?;
    let cluster = cluster(&flags.servers);
    if !flags.under_faults {
        reach(&cluster, &flags, classes.has(Class::Ping)).await?;
    }
    let unknown = unknown_classes(&cluster, classes).await;
    if !unknown.is_empty() {
        let names: Vec<&str> = unknown.iter().map(|class| class.flag()).collect();
        tracing::warn!("left out, since a server does not know them, or ends fields late: {}", names.join(", "));
    }
    let classes = classes.without(&unknown);
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
        classes,
    };
    let drawable = bounds.drawable();
    let lacks = |class: &&Class| {
        classes.has(**class) && !drawable.contains(class) && (flags.own_database || !class.concerns_all_keys())
    };
    let idle = flags.commands.iter().filter(lacks);
    let idle: Vec<&str> = idle.map(|class| class.flag()).collect();
    if !idle.is_empty() {
        tracing::warn!("never sent, for lack of other --commands: {}", idle.join(", "));
    }
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
        remove_keys: flags.remove_keys,
    };
    let mut progress = Progress::new(matches!(log, LogForm::Text));
    let summary = run.run(&mut progress, stopped()?).await?;
    Ok(conclude(&summary, flags.under_faults, log))
}

/// Fails if any server cannot be reached. A server that need not know PING only has to accept a connection.
async fn reach(cluster: &Cluster<Tcp>, flags: &RunFlags, ping: bool) -> anyhow::Result<()> {
    for server in &cluster.servers {
        if ping {
            wait::pong_within(cluster, server, flags.servers.within()).await?;
        } else {
            wait::connected_within(cluster, server, flags.servers.within()).await?;
        }
    }
    Ok(())
}

fn conclude(summary: &Summary, under_faults: bool, log: LogForm) -> Status {
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
        Status::Wrong
    } else if !undecided.is_empty() || (!lacking.is_empty() && !under_faults) {
        Status::ShowsLittle
    } else {
        Status::Fine
    }
}

fn tell(summary: &Summary) {
    let Summary { rounds, census, .. } = summary;
    println!("{rounds} rounds, {} operations:", census.operations);
    println!(
        "{} answered, {} refused, {} of unknown outcome ({} seen to have happened)",
        census.all_answered(),
        census.failed,
        census.unknown(),
        census.unknown_applied,
    );
    if let Some(why) = &summary.violation {
        return println!("violation: {why}");
    }
    println!("no violation");
    if census.needless > 0 {
        println!("{} transactions refused, although nobody can have touched a watched key", census.needless);
    }
    if !summary.undecided.is_empty() {
        println!("undecided: {} of the rounds", summary.undecided.len());
    }
    let lacking = summary.lacking();
    if !lacking.is_empty() {
        let lacking: Vec<String> = lacking.iter().map(|(class, answered)| format!("{class} ({answered})")).collect();
        println!("this shows little, because too few of these commands were answered: {}", lacking.join(", "));
    }
}
