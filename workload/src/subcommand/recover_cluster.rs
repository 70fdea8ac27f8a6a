//! `recover`: after faults, demands that every server serves and that the database fits the recorded histories.

use antithesis_sdk::assert_always;
use serde_json::json;
use valthree_workload::check::{Verdict, check};
use valthree_workload::folder::Folder;
use valthree_workload::history::History;
use valthree_workload::{assertions, evidence, recover as recovery};

use super::system::{cluster, fresh_prefix};
use crate::flags::RecoverFlags;
use crate::status::Status;

/// Looks at every server, and judges the histories of `run` together with what the servers show now.
pub async fn recover(flags: RecoverFlags) -> anyhow::Result<Status> {
    let looked = look(&flags).await?;
    let complaint = looked.as_ref().err();
    assert_always!(
        looked.is_ok(),
        "Every server serves writes and reads again once faults have ended",
        &json!({ "complaint": complaint })
    );
    if let Some(complaint) = complaint {
        println!("{complaint}");
        return Ok(Status::Wrong);
    }
    println!("every server serves writes and reads");
    let mut gravest = Status::Fine;
    for (number, history) in looked.unwrap_or_default().into_iter().enumerate() {
        gravest = gravest.max(judge(&history, number, &flags)?);
    }
    Ok(gravest)
}

/// The recorded histories, each continued with a last look. The inner error is a complaint about the servers.
async fn look(flags: &RecoverFlags) -> anyhow::Result<Result<Vec<History>, String>> {
    let cluster = cluster(&flags.servers);
    let mut folder = flags.histories.as_deref().map(Folder::open).transpose()?;
    let journal = folder.as_mut().map(Folder::journal).transpose()?;
    match (recovery::served(&cluster, &fresh_prefix()?, flags.within, journal).await?, &folder) {
        (Ok(()), Some(folder)) => recovery::looked(&cluster, folder, flags.within).await,
        (Ok(()), None) => Ok(Ok(Vec::new())),
        (Err(complaint), _) => Ok(Err(complaint)),
    }
}

fn judge(history: &History, number: usize, flags: &RecoverFlags) -> anyhow::Result<Status> {
    let budget = flags.budget.budget();
    let verdict = check(history, budget);
    assertions::about_replies(history);
    assertions::about_verdict(history, &verdict);
    let name = format!("recovered-{number:06}");
    match verdict {
        Verdict::Serializable => {
            println!("the database fits: {}", history.about);
            Ok(Status::Fine)
        }
        Verdict::Undecided(why) => {
            println!("undecided, {why}: {}", history.about);
            println!("{}", evidence::of_undecided(&flags.artifacts, &name, history));
            Ok(Status::ShowsLittle)
        }
        Verdict::Malformed(why) => anyhow::bail!("a recorded history is malformed: {why}: {}", history.about),
        Verdict::Violation(violation) => {
            println!("the database does not fit: {}", history.about);
            println!("{}", evidence::of_violation(&flags.artifacts, &name, history, &violation, budget));
            Ok(Status::Wrong)
        }
    }
}
